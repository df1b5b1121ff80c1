// The registry of the worker image. It opens to Entra ID only: no admin user, no anonymous pull.
@description('Required. Region.')
param location string

@description('Required. Tags of every resource.')
param tags object

@description('Required. Name: 5–50 letters and digits, unique in the world.')
param name string

resource registry 'Microsoft.ContainerRegistry/registries@2025-04-01' = {
  name: name
  location: location
  tags: tags
  sku: { name: 'Basic' }
  properties: {
    adminUserEnabled: false
    anonymousPullEnabled: false
  }
}

output name string = registry.name
output loginServer string = registry.properties.loginServer
