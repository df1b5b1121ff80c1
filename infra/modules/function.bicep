// The function app on Flex Consumption: code from a container of the storage account, everything by one identity.
@description('Required. Region.')
param location string

@description('Required. Tags of every resource.')
param tags object

@description('Required. What names are made of.')
param name string

@description('Required. Version of Python.')
param pythonVersion string

@description('Required. Resource id of the identity of the app.')
param identityId string

@description('Required. Client id of the same.')
param identityClientId string

@description('Required. Resource id of the identity of the nodes: Batch uploads the output of tasks with it.')
param workerIdentityId string

@description('Required. Client id of the same: tasks log in with it.')
param workerIdentityClientId string

@description('Required. Blob endpoint of the storage account.')
param blobEndpoint string

@description('Required. Queue endpoint of the storage account.')
param queueEndpoint string

@description('Required. Table endpoint of the storage account.')
param tableEndpoint string

@description('Required. Host name of the Service Bus namespace.')
param serviceBusNamespace string

@description('Required. Endpoint of the Batch account.')
param batchEndpoint string

@description('Required. Id of the pool.')
param poolId string

@description('Required. The worker image, by digest.')
param workerImage string

@description('Required. Endpoint of Communication Services.')
param emailEndpoint string

@description('Required. Sender of mails.')
param emailFrom string

@description('Required. Receivers of mails, separated by commas; may be empty.')
param emailTo string

@description('Required. App registration of the dashboard; may be empty.')
param dashboardClientId string

@description('Required. Where events are posted; may be empty.')
param webhookUrl string

@description('Required. Key Vault URI of the signing secrets; may be empty.')
param webhookSecretsUri string

@description('Required. Connection string of Application Insights; it holds no secret: ingestion asks for Entra ID.')
param insightsConnectionString string

@description('Required. Subnet for outbound traffic; empty: none.')
param subnetId string

@description('Required. Public addresses that may reach the app when there is a subnet, Event Grid aside.')
param allowedRanges array

var byIdentity = { credential: 'managedidentity', clientId: identityClientId }
var connections = {
  AzureWebJobsStorage__blobServiceUri: blobEndpoint
  AzureWebJobsStorage__queueServiceUri: queueEndpoint
  AzureWebJobsStorage__tableServiceUri: tableEndpoint
  AzureWebJobsStorage__credential: byIdentity.credential
  AzureWebJobsStorage__clientId: byIdentity.clientId
  STORAGE__blobServiceUri: blobEndpoint
  STORAGE__queueServiceUri: queueEndpoint
  STORAGE__tableServiceUri: tableEndpoint
  STORAGE__credential: byIdentity.credential
  STORAGE__clientId: byIdentity.clientId
  SERVICEBUS__fullyQualifiedNamespace: serviceBusNamespace
  SERVICEBUS__credential: byIdentity.credential
  SERVICEBUS__clientId: byIdentity.clientId
  BATCH__accountEndpoint: batchEndpoint
  BATCH__credential: byIdentity.credential
  BATCH__clientId: byIdentity.clientId
  EMAIL__endpoint: emailEndpoint
  EMAIL__credential: byIdentity.credential
  EMAIL__clientId: byIdentity.clientId
}
var platform = {
  APPLICATIONINSIGHTS_CONNECTION_STRING: insightsConnectionString
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'Authorization=AAD;ClientId=${identityClientId}'
  // The Python worker sets Azure Monitor's OpenTelemetry up, once: nothing of ours may do so a second time.
  PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY: 'true'
  // Spans of the SDKs' own calls would hold addresses: names of blobs, a webhook's token. And a poll makes dozens a minute.
  OTEL_PYTHON_DISABLED_INSTRUMENTATIONS: 'azure_sdk,httpx,requests,urllib,urllib3'
  // Our packages before those of the worker (Python 3.11 and 3.12; newer ones do so by themselves).
  PYTHON_ISOLATE_WORKER_DEPENDENCIES: '1'
  // People's sign-in is vouched for by the app's identity: no client secret.
  OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID: identityClientId
}
var ofThisDeployment = {
  BLOB_TRIGGER_SOURCE: 'EventGrid'
  BATCH_POOL_ID: poolId
  WORKER_IMAGE: workerImage
  WORKER_IDENTITY_CLIENT_ID: workerIdentityClientId
  WORKER_IDENTITY_RESOURCE_ID: workerIdentityId
  EMAIL_FROM: emailFrom
  EMAIL_TO: emailTo
  DASHBOARD_SIGN_IN: empty(dashboardClientId) ? 'off' : 'entra'
  WEBHOOK_URL: webhookUrl
  WEBHOOK_SECRETS: empty(webhookSecretsUri) ? '' : '@Microsoft.KeyVault(SecretUri=${webhookSecretsUri})'
}
// What is not decided here is in app-settings.json: change it there. tests/infra/test_settings.py holds all of it against
// shared/settings.py.
var everythingElse = loadJsonContent('../app-settings.json')

var eventGridRule = [
  { name: 'event-grid', priority: 100, action: 'Allow', tag: 'ServiceTag', ipAddress: 'AzureEventGrid' }
]
var allowedRules = [for (entry, index) in allowedRanges: {
  name: 'allowed-${index}'
  priority: 200 + index
  action: 'Allow'
  ipAddress: contains(entry, '/') ? entry : '${entry}/32'
}]
var open = empty(subnetId)

resource plan 'Microsoft.Web/serverfarms@2024-04-01' = {
  name: name
  location: location
  tags: tags
  kind: 'functionapp'
  sku: { name: 'FC1', tier: 'FlexConsumption' }
  properties: { reserved: true }
}

resource site 'Microsoft.Web/sites@2024-04-01' = {
  name: '${name}-app'
  location: location
  // azd finds the app by this tag.
  tags: union(tags, { 'azd-service-name': 'app' })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identityId}': {} }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    clientAffinityEnabled: false
    keyVaultReferenceIdentity: identityId
    virtualNetworkSubnetId: open ? null : subnetId
    siteConfig: {
      minTlsVersion: '1.2'
      ftpsState: 'Disabled'
      http20Enabled: true
      ipSecurityRestrictionsDefaultAction: open ? 'Allow' : 'Deny'
      ipSecurityRestrictions: open ? [] : concat(eventGridRule, allowedRules)
    }
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: '${blobEndpoint}deployments'
          authentication: { type: 'UserAssignedIdentity', userAssignedIdentityResourceId: identityId }
        }
      }
      runtime: { name: 'python', version: pythonVersion }
      scaleAndConcurrency: {
        // `blob` is the group of Event Grid blob triggers: an upload waits for no cold start.
        alwaysReady: [
          { name: 'blob', instanceCount: 1 }
        ]
        instanceMemoryMB: 2048
        maximumInstanceCount: 40
      }
    }
  }
}

resource settings 'Microsoft.Web/sites/config@2024-04-01' = {
  parent: site
  name: 'appsettings'
  properties: union(everythingElse, platform, connections, ofThisDeployment)
}

// Who opens the dashboard signs in with Entra ID; the dashboard looks at their roles itself. Event Grid and the host's own
// calls are let through to where their keys are looked at.
resource signIn 'Microsoft.Web/sites/config@2024-04-01' = if (!empty(dashboardClientId)) {
  parent: site
  name: 'authsettingsV2'
  properties: {
    platform: { enabled: true, runtimeVersion: '~1' }
    globalValidation: {
      requireAuthentication: true
      unauthenticatedClientAction: 'RedirectToLoginPage'
      redirectToProvider: 'azureactivedirectory'
      excludedPaths: ['/runtime/webhooks/blobs', '/runtime/*', '/admin/*']
    }
    identityProviders: {
      azureActiveDirectory: {
        enabled: true
        registration: {
          clientId: dashboardClientId
          clientSecretSettingName: 'OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID'
          openIdIssuer: '${environment().authentication.loginEndpoint}${subscription().tenantId}/v2.0'
        }
      }
    }
    login: { tokenStore: { enabled: false } }
    httpSettings: { requireHttps: true }
  }
  dependsOn: [settings]
}

// Deployments log in by Entra ID; user name and password are off.
resource noFtp 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-04-01' = {
  parent: site
  name: 'ftp'
  properties: { allow: false }
}

resource noBasic 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-04-01' = {
  parent: site
  name: 'scm'
  properties: { allow: false }
}

output name string = site.name
output url string = 'https://${site.properties.defaultHostName}'
