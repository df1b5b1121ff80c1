// The storage account: uploads, results, logs, the ledger, the code of the function app, dead letters of Event Grid.
@description('Required. Region.')
param location string

@description('Required. Tags of every resource.')
param tags object

@description('Required. Name: 3–24 lower-case letters and digits, unique in the world.')
param name string

@description('Required. Redundancy.')
param sku string

@description('Required. A hierarchical namespace (Data Lake).')
param hierarchicalNamespace bool

@description('Required. Days after which results and archived inputs move to the cool tier; 0: never.')
param coolAfterDays int

@description('Required. Days after which they move to the archive tier; 0: never.')
param archiveAfterDays int

@description('Required. Days after which logs and dead letters are deleted.')
param deleteLogsAfterDays int

@description('Required. Shut the firewall: private endpoints, trusted services and allowedRanges only.')
param shut bool

@description('Required. Public addresses that may come in all the same.')
param allowedRanges array

@description('Required. Lock against deletion.')
param lock bool

@description('Required. Workspace that takes the diagnostics.')
param workspaceId string

// Every container, queue and table that the code names: tests/infra/test_entities.py holds the two together.
var containerNames = ['batch-input', 'batch-output', 'batch-logs', 'batch-archive', 'deployments', 'dead-letter']
var queueNames = ['webjobs-blobtrigger-poison']
var tableNames = ['runs']

var archives = archiveAfterDays > 0 && sku != 'Standard_ZRS'
var coolRule = coolAfterDays > 0 ? { tierToCool: { daysAfterModificationGreaterThan: coolAfterDays } } : {}
var archiveRule = archives ? { tierToArchive: { daysAfterModificationGreaterThan: archiveAfterDays } } : {}

resource account 'Microsoft.Storage/storageAccounts@2025-06-01' = {
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: { name: sku }
  properties: {
    accessTier: 'Hot'
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    allowSharedKeyAccess: false
    defaultToOAuthAuthentication: true
    isHnsEnabled: hierarchicalNamespace
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    // Open or shut, trusted services come in: Event Grid writes its dead letters here.
    publicNetworkAccess: 'Enabled'
    networkAcls: {
      bypass: 'AzureServices'
      defaultAction: shut ? 'Deny' : 'Allow'
      ipRules: [for entry in allowedRanges: { value: entry, action: 'Allow' }]
    }
  }
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2025-06-01' = {
  parent: account
  name: 'default'
  properties: {
    deleteRetentionPolicy: { enabled: true, days: 14 }
    containerDeleteRetentionPolicy: { enabled: true, days: 14 }
  }
}

resource containers 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-06-01' = [for container in containerNames: {
  parent: blobs
  name: container
  properties: { publicAccess: 'None' }
}]

resource queueService 'Microsoft.Storage/storageAccounts/queueServices@2025-06-01' = {
  parent: account
  name: 'default'
}

resource queues 'Microsoft.Storage/storageAccounts/queueServices/queues@2025-06-01' = [for queue in queueNames: {
  parent: queueService
  name: queue
}]

resource tableService 'Microsoft.Storage/storageAccounts/tableServices@2025-06-01' = {
  parent: account
  name: 'default'
}

resource tables 'Microsoft.Storage/storageAccounts/tableServices/tables@2025-06-01' = [for table in tableNames: {
  parent: tableService
  name: table
}]

resource lifecycle 'Microsoft.Storage/storageAccounts/managementPolicies@2025-06-01' = {
  parent: account
  name: 'default'
  properties: {
    policy: {
      rules: [
        {
          name: 'results-and-archive-get-cool'
          enabled: coolAfterDays > 0 || archives
          type: 'Lifecycle'
          definition: {
            filters: { blobTypes: ['blockBlob'], prefixMatch: ['batch-output/', 'batch-archive/'] }
            // A rule must do something, even while it is off.
            actions: { baseBlob: union(coolRule, archiveRule, coolAfterDays == 0 && !archives ? { tierToCool: { daysAfterModificationGreaterThan: 3650 } } : {}) }
          }
        }
        {
          name: 'logs-go'
          enabled: true
          type: 'Lifecycle'
          definition: {
            filters: { blobTypes: ['blockBlob', 'appendBlob'], prefixMatch: ['batch-logs/', 'dead-letter/'] }
            actions: { baseBlob: { delete: { daysAfterModificationGreaterThan: deleteLogsAfterDays } } }
          }
        }
      ]
    }
  }
  dependsOn: [blobs]
}

resource keep 'Microsoft.Authorization/locks@2020-05-01' = if (lock) {
  scope: account
  name: 'keep'
  properties: {
    level: 'CanNotDelete'
    notes: 'Holds the uploads, the results and the ledger.'
  }
}

// Deletions only: a line for each read and write would cost more than it tells.
resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: blobs
  name: 'to-workspace'
  properties: {
    workspaceId: workspaceId
    logs: [
      { category: 'StorageDelete', enabled: true }
    ]
    metrics: [
      { category: 'Transaction', enabled: true }
    ]
  }
}

output id string = account.id
output name string = account.name
output blobEndpoint string = account.properties.primaryEndpoints.blob
output queueEndpoint string = account.properties.primaryEndpoints.queue
output tableEndpoint string = account.properties.primaryEndpoints.table
