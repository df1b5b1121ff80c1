// Defender for Storage with a malware scan of each upload. It listens to the account's events by the same Event Grid topic, of
// which an account has one: so that comes first.
@description('Required. Name of the storage account.')
param storageName string

resource account 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: storageName
}

resource defense 'Microsoft.Security/defenderForStorageSettings@2025-01-01' = {
  scope: account
  name: 'current'
  properties: {
    isEnabled: true
    overrideSubscriptionLevelSettings: true
    malwareScanning: { onUpload: { isEnabled: true, capGBPerMonth: 1000 } }
    sensitiveDataDiscovery: { isEnabled: false }
  }
}
