// Service Bus: the topic of run events, its subscriptions, the queues of later tries. Entra ID only.
@description('Required. Region.')
param location string

@description('Required. Tags of every resource.')
param tags object

@description('Required. What names are made of.')
param name string

@description('Required. SQL filter of the e-mail subscription.')
param emailFilter string

@description('Required. SQL filter of the webhook subscription.')
param webhookFilter string

@description('Required. Premium, reachable by its private endpoint only: Standard has no private endpoints.')
param shut bool

@description('Required. Workspace that takes the diagnostics.')
param workspaceId string

// Names and properties as in local/entities.json: tests/infra/test_entities.py holds the two together.
var topicName = 'run-events'
// `audit` is there to be looked into, and nobody takes its messages away: what it holds goes after a day, for good. Kept longer,
// or as dead letters, it would fill the topic, and a full topic takes no event at all (docs/scale.md).
var subscriptions = [
  { name: 'email', wanted: emailFilter, kept: 'P14D', deadLetters: true }
  { name: 'webhook', wanted: webhookFilter, kept: 'P14D', deadLetters: true }
  { name: 'audit', wanted: '1=1', kept: 'P1D', deadLetters: false }
]
var queueNames = ['email-retries', 'webhook-retries']
var premium = { name: 'Premium', tier: 'Premium', capacity: 1 }
var standard = { name: 'Standard', tier: 'Standard' }

resource namespace 'Microsoft.ServiceBus/namespaces@2024-01-01' = {
  name: '${name}-bus'
  location: location
  tags: tags
  sku: shut ? premium : standard
  properties: {
    disableLocalAuth: true
    minimumTlsVersion: '1.2'
    publicNetworkAccess: shut ? 'Disabled' : 'Enabled'
  }
}

resource topic 'Microsoft.ServiceBus/namespaces/topics@2024-01-01' = {
  parent: namespace
  name: topicName
  properties: {
    requiresDuplicateDetection: true
    duplicateDetectionHistoryTimeWindow: 'P1D'
    defaultMessageTimeToLive: 'P14D'
    maxSizeInMegabytes: 5120
  }
}

resource subscription 'Microsoft.ServiceBus/namespaces/topics/subscriptions@2024-01-01' = [for entry in subscriptions: {
  parent: topic
  name: entry.name
  properties: {
    lockDuration: 'PT1M'
    maxDeliveryCount: 10
    defaultMessageTimeToLive: entry.kept
    deadLetteringOnMessageExpiration: entry.deadLetters
    deadLetteringOnFilterEvaluationExceptions: true
  }
}]

// `$Default` takes the place of the rule that lets everything through.
resource rule 'Microsoft.ServiceBus/namespaces/topics/subscriptions/rules@2024-01-01' = [for (entry, index) in subscriptions: {
  parent: subscription[index]
  name: '$Default'
  properties: {
    filterType: 'SqlFilter'
    sqlFilter: { sqlExpression: entry.wanted }
  }
}]

resource queues 'Microsoft.ServiceBus/namespaces/queues@2024-01-01' = [for queue in queueNames: {
  parent: namespace
  name: queue
  properties: {
    lockDuration: 'PT1M'
    maxDeliveryCount: 10
    requiresDuplicateDetection: true
    duplicateDetectionHistoryTimeWindow: 'PT10M'
    defaultMessageTimeToLive: 'P14D'
    deadLetteringOnMessageExpiration: true
  }
}]

resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: namespace
  name: 'to-workspace'
  properties: {
    workspaceId: workspaceId
    logs: [
      { category: 'OperationalLogs', enabled: true }
    ]
    metrics: [
      { category: 'AllMetrics', enabled: true }
    ]
  }
}

output id string = namespace.id
output name string = namespace.name
output fullyQualifiedNamespace string = '${namespace.name}.servicebus.windows.net'
