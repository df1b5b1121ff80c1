// The Event Grid topic of the storage account. Its subscription comes later: infra/events.bicep.
@description('Required. Region.')
param location string

@description('Required. Tags of every resource.')
param tags object

@description('Required. What names are made of.')
param name string

@description('Required. The storage account whose events these are.')
param storageId string

@description('Required. Workspace that takes the diagnostics.')
param workspaceId string

resource topic 'Microsoft.EventGrid/systemTopics@2025-02-15' = {
  name: '${name}-uploads'
  location: location
  tags: tags
  identity: { type: 'SystemAssigned' }
  properties: {
    source: storageId
    topicType: 'Microsoft.Storage.StorageAccounts'
  }
}

resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: topic
  name: 'to-workspace'
  properties: {
    workspaceId: workspaceId
    logs: [
      { category: 'DeliveryFailures', enabled: true }
    ]
    metrics: [
      { category: 'AllMetrics', enabled: true }
    ]
  }
}

output id string = topic.id
output name string = topic.name
output principalId string = topic.identity.principalId
