// The workbook: what the app, Batch and Service Bus have told, in one page. Queries of our own telemetry are in infra/queries.
@description('Required. Region.')
param location string

@description('Required. Tags of every resource.')
param tags object

@description('Required. Log Analytics workspace.')
param workspaceId string

var charts = [
  { title: 'How runs ended', query: loadTextContent('../queries/runs-by-state.kql') }
  { title: 'How long it takes', query: loadTextContent('../queries/latency.kql') }
  { title: 'The slowest runs', query: loadTextContent('../queries/slowest-runs.kql') }
  { title: 'What tasks cost, estimated', query: loadTextContent('../queries/cost.kql') }
  { title: 'Notifications', query: loadTextContent('../queries/notifications.kql') }
  { title: 'Webhook calls', query: loadTextContent('../queries/webhooks.kql') }
  { title: 'Functions: calls, failures, seconds', query: 'AppRequests | summarize Calls = count(), Failures = countif(Success == false), P50 = percentile(DurationMs, 50) / 1000, P95 = percentile(DurationMs, 95) / 1000 by Name | order by Failures desc, Calls desc' }
  { title: 'Warnings and errors', query: 'AppTraces | where SeverityLevel >= 2 | summarize Times = count(), Last = max(TimeGenerated) by Message | order by Last desc | take 50' }
  { title: 'Exceptions', query: 'AppExceptions | summarize Times = count(), Last = max(TimeGenerated) by ExceptionType, OuterMessage | order by Last desc | take 50' }
  { title: 'Nodes', query: 'AzureMetrics | where ResourceProvider == "MICROSOFT.BATCH" and MetricName in ("TotalNodeCount", "TotalLowPriorityNodeCount", "RunningNodeCount", "IdleNodeCount", "PreemptedNodeCount", "StartTaskFailedNodeCount", "UnusableNodeCount") | summarize Nodes = avg(Average) by MetricName, bin(TimeGenerated, 5m) | render timechart' }
  { title: 'Messages that wait, and dead letters', query: 'AzureMetrics | where ResourceProvider == "MICROSOFT.SERVICEBUS" and MetricName in ("ActiveMessages", "DeadletteredMessages", "ScheduledMessages") | summarize Messages = max(Maximum) by MetricName, bin(TimeGenerated, 5m) | render timechart' }
]
var shown = [for (chart, index) in charts: {
  type: 3
  name: 'chart-${index}'
  content: {
    version: 'KqlItem/1.0'
    title: chart.title
    query: chart.query
    size: 0
    timeContextFromParameter: 'Time'
    queryType: 0
    resourceType: 'microsoft.operationalinsights/workspaces'
  }
}]
var before = [
  {
    type: 1
    name: 'title'
    content: { json: '# batchjson\nThe runs themselves: the dashboard, or `batchjson runs`. What to do about what you see: docs/operations.md.' }
  }
  {
    type: 9
    name: 'time'
    content: {
      version: 'KqlParameterItem/1.0'
      style: 'pills'
      queryType: 0
      resourceType: 'microsoft.operationalinsights/workspaces'
      parameters: [
        {
          id: guid('batchjson', 'time')
          version: 'KqlParameterItem/1.0'
          name: 'Time'
          type: 4
          isRequired: true
          value: { durationMs: 86400000 }
          typeSettings: {
            allowCustom: true
            selectableValues: [{ durationMs: 3600000 }, { durationMs: 86400000 }, { durationMs: 604800000 }]
          }
        }
      ]
    }
  }
]

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  name: guid(workspaceId, 'batchjson')
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    displayName: 'batchjson'
    category: 'workbook'
    sourceId: workspaceId
    serializedData: string({ version: 'Notebook/1.0', items: concat(before, shown), isLocked: false, fallbackResourceIds: [workspaceId] })
  }
}
