// The Batch account. Batch owns the nodes (docs/adr/0027); Entra ID only, no keys.
@description('Required. Region.')
param location string

@description('Required. Tags of every resource.')
param tags object

@description('Required. Name: 3–24 lower-case letters and digits, unique in the region.')
param name string

@description('Required. Shut the firewall: private endpoints and allowedRanges only.')
param shut bool

@description('Required. Public addresses that may come in all the same.')
param allowedRanges array

@description('Required. Workspace that takes the diagnostics.')
param workspaceId string

resource account 'Microsoft.Batch/batchAccounts@2024-07-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    poolAllocationMode: 'BatchService'
    allowedAuthenticationModes: ['AAD']
    publicNetworkAccess: 'Enabled'
    networkProfile: {
      accountAccess: {
        defaultAction: shut ? 'Deny' : 'Allow'
        ipRules: [for entry in allowedRanges: { value: entry, action: 'Allow' }]
      }
      nodeManagementAccess: { defaultAction: shut ? 'Deny' : 'Allow' }
    }
  }
}

resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: account
  name: 'to-workspace'
  properties: {
    workspaceId: workspaceId
    logs: [
      { categoryGroup: 'allLogs', enabled: true }
    ]
    metrics: [
      { category: 'AllMetrics', enabled: true }
    ]
  }
}

output id string = account.id
output name string = account.name
output endpoint string = 'https://${account.properties.accountEndpoint}'
