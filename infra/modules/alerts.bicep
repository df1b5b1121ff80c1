// Alerts. Each is in the runbook, docs/operations.md, by its name: what it means, and what to do.
@description('Required. Region.')
param location string

@description('Required. Tags of every resource.')
param tags object

@description('Required. What names are made of.')
param name string

@description('Required. Who is told; empty: alerts are only shown.')
param email string

@description('Required. Log Analytics workspace.')
param workspaceId string

@description('Required. Service Bus namespace.')
param serviceBusId string

@description('Required. Event Grid topic.')
param topicId string

@description('Required. Batch account.')
param batchId string

@description('Required. Storage account.')
param storageId string

// A number of something that Azure counts itself. Window of 15 minutes, looked at each 5.
var metrics = [
  { name: 'dead-letters', scope: serviceBusId, space: 'Microsoft.ServiceBus/namespaces', metric: 'DeadletteredMessages', kind: 'Maximum', above: 0, severity: 2 }
  { name: 'notifications-pile-up', scope: serviceBusId, space: 'Microsoft.ServiceBus/namespaces', metric: 'ActiveMessages', kind: 'Average', above: 5000, severity: 2 }
  { name: 'events-not-delivered', scope: topicId, space: 'Microsoft.EventGrid/systemTopics', metric: 'DeliveryAttemptFailCount', kind: 'Total', above: 20, severity: 2 }
  { name: 'events-dead-lettered', scope: topicId, space: 'Microsoft.EventGrid/systemTopics', metric: 'DeadLetteredCount', kind: 'Total', above: 0, severity: 1 }
  { name: 'nodes-fail-to-start', scope: batchId, space: 'Microsoft.Batch/batchAccounts', metric: 'StartTaskFailedNodeCount', kind: 'Total', above: 0, severity: 1 }
  { name: 'nodes-unusable', scope: batchId, space: 'Microsoft.Batch/batchAccounts', metric: 'UnusableNodeCount', kind: 'Total', above: 0, severity: 2 }
  { name: 'storage-unavailable', scope: storageId, space: 'Microsoft.Storage/storageAccounts', metric: 'Availability', kind: 'Average', above: -1, severity: 1 }
]

// A line of our own log, or a function that fails. `silent` ones fire when there is nothing.
var logs = [
  { name: 'settings-refused', severity: 0, silent: false, query: 'AppTraces | where Message startswith "settings.refused"' }
  { name: 'functions-fail', severity: 2, silent: false, query: 'AppRequests | where Success == false | summarize failures = count() by Name | where failures > 10' }
  { name: 'poll-silent', severity: 1, silent: true, query: 'AppRequests | where Name == "poll_completions"' }
  { name: 'sweep-silent', severity: 1, silent: true, query: 'AppRequests | where Name == "sweep"' }
  { name: 'tend-silent', severity: 2, silent: true, query: 'AppRequests | where Name == "tend"' }
  { name: 'batch-unreachable', severity: 1, silent: false, query: 'AppTraces | where Message startswith "circuit.opened"' }
  { name: 'operator-needed', severity: 1, silent: false, query: 'AppTraces | where Message startswith "operator."' }
  { name: 'pool-unwell', severity: 2, silent: false, query: 'AppTraces | where Message startswith "pool.unwell"' }
  { name: 'mostly-failing', severity: 1, silent: false, query: loadTextContent('../queries/alert-mostly-failing.kql') }
  { name: 'digest-fails', severity: 2, silent: false, query: loadTextContent('../queries/alert-digest-fails.kql') }
  { name: 'webhook-resting', severity: 3, silent: false, query: loadTextContent('../queries/alert-webhook-resting.kql') }
  { name: 'runs-lost', severity: 2, silent: false, query: 'AppTraces | where Message startswith "run.lost"' }
  { name: 'notifications-given-up', severity: 2, silent: false, query: 'AppTraces | where Message startswith "notification.given_up"' }
  { name: 'dashboard-incomplete', severity: 3, silent: false, query: 'AppTraces | where Message startswith "dashboard.page_incomplete"' }
  { name: 'poison-foreign', severity: 3, silent: false, query: 'AppTraces | where Message startswith "poison.foreign"' }
  { name: 'uploads-missed', severity: 3, silent: false, query: 'AppTraces | where Message startswith "upload.missed" | summarize missed = count() | where missed > 10' }
]
var actions = empty(email) ? [] : [group.id]

resource group 'Microsoft.Insights/actionGroups@2023-01-01' = if (!empty(email)) {
  name: '${name}-operators'
  location: 'global'
  tags: tags
  properties: {
    groupShortName: 'batchjson'
    enabled: true
    emailReceivers: [
      { name: 'operator', emailAddress: email, useCommonAlertSchema: true }
    ]
  }
}

resource metricAlerts 'Microsoft.Insights/metricAlerts@2018-03-01' = [for entry in metrics: {
  name: '${name}-${entry.name}'
  location: 'global'
  tags: tags
  properties: {
    description: 'What it means and what to do: docs/operations.md, Alerts, ${entry.name}'
    severity: entry.severity
    enabled: true
    scopes: [entry.scope]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT15M'
    autoMitigate: true
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
      allOf: [
        {
          criterionType: 'StaticThresholdCriterion'
          name: entry.name
          metricNamespace: entry.space
          metricName: entry.metric
          timeAggregation: entry.kind
          operator: entry.above < 0 ? 'LessThan' : 'GreaterThan'
          threshold: entry.above < 0 ? 99 : entry.above
        }
      ]
    }
    actions: [for action in actions: { actionGroupId: action }]
  }
}]

resource logAlerts 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [for entry in logs: {
  name: '${name}-${entry.name}'
  location: location
  tags: tags
  kind: 'LogAlert'
  properties: {
    displayName: 'batchjson: ${entry.name}'
    description: 'What it means and what to do: docs/operations.md, Alerts, ${entry.name}'
    severity: entry.severity
    enabled: true
    scopes: [workspaceId]
    evaluationFrequency: 'PT15M'
    windowSize: 'PT30M'
    autoMitigate: true
    // The tables are there once the first telemetry has come.
    skipQueryValidation: true
    criteria: {
      allOf: [
        {
          query: entry.query
          timeAggregation: 'Count'
          operator: entry.silent ? 'LessThan' : 'GreaterThan'
          threshold: entry.silent ? 1 : 0
          failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 }
        }
      ]
    }
    actions: { actionGroups: actions }
  }
}]
