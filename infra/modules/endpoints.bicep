// Private endpoints, and the private DNS zones by which their names are found inside the virtual network.
@description('Required. Region.')
param location string

@description('Required. Tags of every resource.')
param tags object

@description('Required. What names are made of.')
param name string

@description('Required. Resource id of the virtual network.')
param virtualNetworkId string

@description('Required. Subnet of the endpoints.')
param subnetId string

@description('Required. Storage account.')
param storageId string

@description('Required. Service Bus namespace.')
param serviceBusId string

@description('Required. Key Vault.')
param keyVaultId string

@description('Required. Batch account.')
param batchId string

// Batch has two: one for its API, one for its nodes. Both live in one zone, each a zone group.
var zones = [
  'privatelink.blob.${environment().suffixes.storage}'
  'privatelink.queue.${environment().suffixes.storage}'
  'privatelink.table.${environment().suffixes.storage}'
  'privatelink.servicebus.windows.net'
  'privatelink.vaultcore.azure.net'
  'privatelink.batch.azure.com'
]
var services = [
  { name: 'blob', id: storageId, group: 'blob', zone: 0 }
  { name: 'queue', id: storageId, group: 'queue', zone: 1 }
  { name: 'table', id: storageId, group: 'table', zone: 2 }
  { name: 'servicebus', id: serviceBusId, group: 'namespace', zone: 3 }
  { name: 'keyvault', id: keyVaultId, group: 'vault', zone: 4 }
  { name: 'batch', id: batchId, group: 'batchAccount', zone: 5 }
  { name: 'batch-nodes', id: batchId, group: 'nodeManagement', zone: 5 }
]

resource dnsZones 'Microsoft.Network/privateDnsZones@2024-06-01' = [for zone in zones: {
  name: zone
  location: 'global'
  tags: tags
}]

resource links 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01' = [for (zone, index) in zones: {
  parent: dnsZones[index]
  name: 'network'
  location: 'global'
  tags: tags
  properties: {
    registrationEnabled: false
    virtualNetwork: { id: virtualNetworkId }
  }
}]

resource endpoints 'Microsoft.Network/privateEndpoints@2025-05-01' = [for service in services: {
  name: '${name}-${service.name}'
  location: location
  tags: tags
  properties: {
    subnet: { id: subnetId }
    privateLinkServiceConnections: [
      {
        name: service.name
        properties: { privateLinkServiceId: service.id, groupIds: [service.group] }
      }
    ]
  }
}]

resource zoneGroups 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2025-05-01' = [for (service, index) in services: {
  parent: endpoints[index]
  name: 'default'
  properties: {
    privateDnsZoneConfigs: [
      {
        name: service.name
        properties: { privateDnsZoneId: dnsZones[service.zone].id }
      }
    ]
  }
}]
