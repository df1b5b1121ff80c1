// The first stage: resource group and registry alone, so that the worker image can be built before the pool that needs it.
// The hook before provisioning deploys it; main.bicep has the same registry again and changes nothing about it.
targetScope = 'subscription'

@description('Required. Name of the azd environment; as in main.bicep.')
param environmentName string

@description('Required. Region; as in main.bicep.')
param location string

@description('Optional. Name of the resource group; as in main.bicep.')
param resourceGroupName string = ''

@description('Optional. First part of all resource names; as in main.bicep.')
param namePrefix string = 'bj'

var token = toLower(uniqueString(subscription().id, environmentName, location))
var groupName = empty(resourceGroupName) ? 'rg-${environmentName}' : resourceGroupName
var tags = { 'azd-env-name': environmentName }

resource group 'Microsoft.Resources/resourceGroups@2024-11-01' = {
  name: groupName
  location: location
  tags: tags
}

module registry 'modules/registry.bicep' = {
  scope: group
  name: 'registry'
  params: {
    location: location
    tags: tags
    name: '${namePrefix}${token}'
  }
}

output AZURE_CONTAINER_REGISTRY_NAME string = registry.outputs.name
