// Who may do what: every role assignment of the system, each with its reason, on the narrowest thing that will do.
// docs/security.md shows the same table; tests/infra/test_roles.py holds it against the code.
@description('Required. Principal of the function app.')
param appPrincipalId string

@description('Required. Principal of the nodes.')
param workerPrincipalId string

@description('Required. Principal of the Event Grid topic.')
param topicPrincipalId string

@description('Required. Principal of the operator; may be empty.')
param operatorPrincipalId string

@description('Required. What the operator is.')
param operatorPrincipalType string

@description('Required. Name of the storage account.')
param storageName string

@description('Required. Name of the Service Bus namespace.')
param serviceBusName string

@description('Required. Name of the Batch account.')
param batchName string

@description('Required. Name of the registry.')
param registryName string

@description('Required. Name of the Key Vault.')
param keyVaultName string

@description('Required. Name of the Communication Services resource.')
param communicationName string

@description('Required. Name of Application Insights.')
param insightsName string

var roleIds = {
  acrPull: '7f951dda-4ed3-4680-a7ca-43fe172d538d'
  batchDataContributor: '6aaa78f1-f7de-44ca-8722-c64a23943cae'
  batchJobSubmitter: '48e5e92e-a480-4e71-aa9c-2778f4c13781'
  blobDataContributor: 'ba92f5b4-2d11-453d-a403-e96b0029c9fe'
  blobDataOwner: 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'
  blobDataReader: '2a2b9908-6ea1-4ae2-8e65-a410df84e7d1'
  emailOwner: '09976791-48a7-449e-bb21-39d1a415f350'
  keyVaultSecretsUser: '4633458b-17de-408a-b874-0445c86b69e6'
  metricsPublisher: '3913510d-42f4-4e42-8a64-420c390055eb'
  queueDataContributor: '974c5e8b-45b9-4653-ba55-5f855dd0fb88'
  serviceBusReceiver: '4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0'
  serviceBusSender: '69a216fc-b8fb-44d8-bc22-1f3c2cd27a39'
  tableDataContributor: '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3'
}

var settings = loadJsonContent('../app-settings.json')
var repairs = settings.POOL_DOCTOR_REPAIRS != 'none'

var app = { id: appPrincipalId, type: 'ServicePrincipal' }
var worker = { id: workerPrincipalId, type: 'ServicePrincipal' }
var topic = { id: topicPrincipalId, type: 'ServicePrincipal' }
var operator = { id: operatorPrincipalId, type: operatorPrincipalType }
var operated = !empty(operatorPrincipalId)

var onStorage = [
  { who: app, role: roleIds.blobDataOwner, why: 'The blob trigger and the host ask for Owner; reads uploads and outcomes, fetches its code.' }
  { who: app, role: roleIds.queueDataContributor, why: 'The blob trigger queues blobs and poison messages; the sweeper reads those.' }
  { who: app, role: roleIds.tableDataContributor, why: 'The ledger; the host writes its diagnostic events.' }
]
var onInput = [
  { who: worker, role: roleIds.blobDataReader, why: 'Tasks read the upload.' }
]
var onOutput = [
  { who: worker, role: roleIds.blobDataContributor, why: 'Tasks write report, errors and outcome.' }
]
var onLogs = [
  { who: worker, role: roleIds.blobDataContributor, why: 'Batch uploads the output of tasks.' }
]
var onDeadLetters = [
  { who: topic, role: roleIds.blobDataContributor, why: 'Event Grid writes the events that it could not deliver.' }
]
var onServiceBus = [
  { who: app, role: roleIds.serviceBusSender, why: 'Publishes events, schedules later tries.' }
  { who: app, role: roleIds.serviceBusReceiver, why: 'The triggers receive events and later tries.' }
]
var onBatch = [
  { who: app, role: repairs ? roleIds.batchDataContributor : roleIds.batchJobSubmitter, why: 'Jobs and tasks, and a look at the pool. It can change the pool only when its doctor is to repair nodes.' }
]
var onRegistry = [
  { who: worker, role: roleIds.acrPull, why: 'Nodes pull the worker image.' }
]
var onKeyVault = [
  { who: app, role: roleIds.keyVaultSecretsUser, why: 'The app setting WEBHOOK_SECRETS refers to a secret.' }
]
var onCommunication = [
  { who: app, role: roleIds.emailOwner, why: 'Sends mails; there is no smaller built-in role.' }
]
var onInsights = [
  { who: app, role: roleIds.metricsPublisher, why: 'Sends telemetry: ingestion without Entra ID is off.' }
]

// The operator runs `batchjson` with their own log-in: the same data, by hand.
var operatorOnStorage = operated ? [
  { who: operator, role: roleIds.blobDataContributor, why: 'Uploads, downloads, reads reports and logs.' }
  { who: operator, role: roleIds.queueDataContributor, why: 'Sweeps: reads and removes poison messages.' }
  { who: operator, role: roleIds.tableDataContributor, why: 'Reads the ledger; replays and sweeps change it.' }
] : []
var operatorOnServiceBus = operated ? [
  { who: operator, role: roleIds.serviceBusSender, why: 'Sweeps publish what was not published.' }
  { who: operator, role: roleIds.serviceBusReceiver, why: 'Looks into subscriptions and dead letters.' }
] : []
var operatorOnBatch = operated ? [
  { who: operator, role: roleIds.batchDataContributor, why: 'Replays add tasks; resizes and recycles the pool.' }
] : []

resource storage 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: storageName

  resource blobs 'blobServices' existing = {
    name: 'default'

    resource input 'containers' existing = {
      name: 'batch-input'
    }

    resource output 'containers' existing = {
      name: 'batch-output'
    }

    resource logs 'containers' existing = {
      name: 'batch-logs'
    }

    resource deadLetters 'containers' existing = {
      name: 'dead-letter'
    }
  }
}

resource serviceBus 'Microsoft.ServiceBus/namespaces@2024-01-01' existing = {
  name: serviceBusName
}

resource batch 'Microsoft.Batch/batchAccounts@2024-07-01' existing = {
  name: batchName
}

resource registry 'Microsoft.ContainerRegistry/registries@2025-04-01' existing = {
  name: registryName
}

resource keyVault 'Microsoft.KeyVault/vaults@2024-11-01' existing = {
  name: keyVaultName
}

resource communication 'Microsoft.Communication/communicationServices@2025-05-01' existing = {
  name: communicationName
}

resource insights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: insightsName
}

resource storageRoles 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for entry in concat(onStorage, operatorOnStorage): {
  scope: storage
  name: guid(storage.id, entry.who.id, entry.role)
  properties: {
    principalId: entry.who.id
    principalType: entry.who.type
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', entry.role)
    description: entry.why
  }
}]

resource inputRoles 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for entry in onInput: {
  scope: storage::blobs::input
  name: guid(storage::blobs::input.id, entry.who.id, entry.role)
  properties: {
    principalId: entry.who.id
    principalType: entry.who.type
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', entry.role)
    description: entry.why
  }
}]

resource outputRoles 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for entry in onOutput: {
  scope: storage::blobs::output
  name: guid(storage::blobs::output.id, entry.who.id, entry.role)
  properties: {
    principalId: entry.who.id
    principalType: entry.who.type
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', entry.role)
    description: entry.why
  }
}]

resource logsRoles 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for entry in onLogs: {
  scope: storage::blobs::logs
  name: guid(storage::blobs::logs.id, entry.who.id, entry.role)
  properties: {
    principalId: entry.who.id
    principalType: entry.who.type
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', entry.role)
    description: entry.why
  }
}]

resource deadLettersRoles 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for entry in onDeadLetters: {
  scope: storage::blobs::deadLetters
  name: guid(storage::blobs::deadLetters.id, entry.who.id, entry.role)
  properties: {
    principalId: entry.who.id
    principalType: entry.who.type
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', entry.role)
    description: entry.why
  }
}]

resource serviceBusRoles 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for entry in concat(onServiceBus, operatorOnServiceBus): {
  scope: serviceBus
  name: guid(serviceBus.id, entry.who.id, entry.role)
  properties: {
    principalId: entry.who.id
    principalType: entry.who.type
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', entry.role)
    description: entry.why
  }
}]

resource batchRoles 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for entry in concat(onBatch, operatorOnBatch): {
  scope: batch
  name: guid(batch.id, entry.who.id, entry.role)
  properties: {
    principalId: entry.who.id
    principalType: entry.who.type
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', entry.role)
    description: entry.why
  }
}]

resource registryRoles 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for entry in onRegistry: {
  scope: registry
  name: guid(registry.id, entry.who.id, entry.role)
  properties: {
    principalId: entry.who.id
    principalType: entry.who.type
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', entry.role)
    description: entry.why
  }
}]

resource keyVaultRoles 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for entry in onKeyVault: {
  scope: keyVault
  name: guid(keyVault.id, entry.who.id, entry.role)
  properties: {
    principalId: entry.who.id
    principalType: entry.who.type
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', entry.role)
    description: entry.why
  }
}]

resource communicationRoles 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for entry in onCommunication: {
  scope: communication
  name: guid(communication.id, entry.who.id, entry.role)
  properties: {
    principalId: entry.who.id
    principalType: entry.who.type
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', entry.role)
    description: entry.why
  }
}]

resource insightsRoles 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for entry in onInsights: {
  scope: insights
  name: guid(insights.id, entry.who.id, entry.role)
  properties: {
    principalId: entry.who.id
    principalType: entry.who.type
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', entry.role)
    description: entry.why
  }
}]
