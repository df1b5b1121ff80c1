// The virtual network: a subnet each for the functions, the nodes and the private endpoints. Nodes go out by a NAT gateway.
@description('Required. Region.')
param location string

@description('Required. Tags of every resource.')
param tags object

@description('Required. What names are made of.')
param name string

resource address 'Microsoft.Network/publicIPAddresses@2025-05-01' = {
  name: '${name}-out'
  location: location
  tags: tags
  sku: { name: 'Standard' }
  properties: { publicIPAllocationMethod: 'Static' }
}

resource gateway 'Microsoft.Network/natGateways@2025-05-01' = {
  name: '${name}-out'
  location: location
  tags: tags
  sku: { name: 'Standard' }
  properties: {
    publicIpAddresses: [
      { id: address.id }
    ]
  }
}

// Nothing comes in from the internet; the rules that Azure adds by itself deny it.
resource guard 'Microsoft.Network/networkSecurityGroups@2025-05-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    securityRules: [
      {
        name: 'no-ssh-or-rdp'
        properties: {
          priority: 100
          direction: 'Inbound'
          access: 'Deny'
          protocol: 'Tcp'
          sourceAddressPrefix: '*'
          sourcePortRange: '*'
          destinationAddressPrefix: '*'
          destinationPortRanges: ['22', '3389']
        }
      }
    ]
  }
}

resource network 'Microsoft.Network/virtualNetworks@2025-05-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    addressSpace: { addressPrefixes: ['10.20.0.0/16'] }
    subnets: [
      {
        name: 'functions'
        properties: {
          addressPrefix: '10.20.0.0/24'
          networkSecurityGroup: { id: guard.id }
          natGateway: { id: gateway.id }
          // What Flex Consumption asks for.
          delegations: [
            { name: 'functions', properties: { serviceName: 'Microsoft.App/environments' } }
          ]
        }
      }
      {
        name: 'nodes'
        properties: {
          addressPrefix: '10.20.4.0/22'
          networkSecurityGroup: { id: guard.id }
          natGateway: { id: gateway.id }
        }
      }
      {
        name: 'endpoints'
        properties: {
          addressPrefix: '10.20.1.0/24'
          networkSecurityGroup: { id: guard.id }
        }
      }
    ]
  }
}

output id string = network.id
output functionsSubnetId string = '${network.id}/subnets/functions'
output nodesSubnetId string = '${network.id}/subnets/nodes'
output endpointsSubnetId string = '${network.id}/subnets/endpoints'
