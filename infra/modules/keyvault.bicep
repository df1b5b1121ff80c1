// Key Vault: holds the signing secrets of the webhook, and nothing else is secret here.
@description('Required. Region.')
param location string

@description('Required. Tags of every resource.')
param tags object

@description('Required. Name: 3–24 letters, digits and hyphens, unique in the world.')
param name string

@description('Required. Signing secrets, separated by commas; may be empty.')
@secure()
param webhookSecrets string

@description('Required. Shut the firewall: private endpoint, trusted services and allowedRanges only.')
param shut bool

@description('Required. Public addresses that may come in all the same.')
param allowedRanges array

@description('Required. Lock against deletion and against purging.')
param lock bool

@description('Required. Workspace that takes the diagnostics.')
param workspaceId string

resource vault 'Microsoft.KeyVault/vaults@2024-11-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    tenantId: subscription().tenantId
    sku: { family: 'A', name: 'standard' }
    enableRbacAuthorization: true
    enableSoftDelete: true
    softDeleteRetentionInDays: 7
    enablePurgeProtection: lock ? true : null
    publicNetworkAccess: 'Enabled'
    networkAcls: {
      bypass: 'AzureServices'
      defaultAction: shut ? 'Deny' : 'Allow'
      ipRules: [for entry in allowedRanges: { value: entry }]
    }
  }
}

resource secret 'Microsoft.KeyVault/vaults/secrets@2024-11-01' = if (!empty(webhookSecrets)) {
  parent: vault
  name: 'webhook-secrets'
  properties: {
    value: webhookSecrets
    contentType: 'whsec_… separated by commas, newest first'
  }
}

resource keep 'Microsoft.Authorization/locks@2020-05-01' = if (lock) {
  scope: vault
  name: 'keep'
  properties: {
    level: 'CanNotDelete'
    notes: 'Holds the signing secrets of the webhook.'
  }
}

resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: vault
  name: 'to-workspace'
  properties: {
    workspaceId: workspaceId
    logs: [
      { category: 'AuditEvent', enabled: true }
    ]
  }
}

output id string = vault.id
output name string = vault.name
output webhookSecretsUri string = empty(webhookSecrets) ? '' : '${vault.properties.vaultUri}secrets/webhook-secrets'
