// The whole of batchjson in one resource group: `azd up` deploys it (docs/deployment.md).
//
// Order of a deployment: registry.bicep and the worker image (hook before provisioning), this file, the code, events.bicep
// (hook after deployment: Event Grid asks the deployed function to answer before it takes the subscription).
targetScope = 'subscription'

@description('Required. Name of the azd environment; names and tags are made of it.')
@minLength(1)
@maxLength(40)
param environmentName string

@description('Required. Region of everything. It needs Flex Consumption (az functionapp list-flexconsumption-locations) and quota for the VM size.')
@metadata({ azd: { type: 'location' } })
param location string

@description('Optional. Name of the resource group. Empty: rg-<environment>.')
param resourceGroupName string = ''

@description('Optional. First part of all resource names: 2–8 lower-case letters and digits.')
@minLength(2)
@maxLength(8)
param namePrefix string = 'bj'

@description('Optional. Object id of whoever operates the system, as a user or a group. Empty: nobody gets data roles.')
param principalId string = ''

@description('Optional. What principalId is.')
@allowed(['User', 'Group', 'ServicePrincipal'])
param principalType string = 'User'

@description('Required. Digest of the worker image in the registry: sha256:…. The hook before provisioning builds the image and sets it.')
param workerImageDigest string

@description('Optional. VM size of the nodes. Families D, Ds, Dv2 and Dsv2 are being retired.')
@allowed([
  'Standard_D2ads_v5'
  'Standard_D4ads_v5'
  'Standard_D8ads_v5'
  'Standard_D16ads_v5'
  'Standard_D2ads_v6'
  'Standard_D4ads_v6'
  'Standard_D8ads_v6'
  'Standard_D16ads_v6'
])
param vmSize string = 'Standard_D4ads_v5'

@description('Optional. Tasks that a node runs at once. At most four a core; the engine uses every core for a large file.')
@minValue(1)
@maxValue(64)
param taskSlotsPerNode int = 4

@description('Optional. Most nodes, Spot and dedicated together. This is what bounds the bill.')
@minValue(1)
@maxValue(100)
param maxNodes int = 10

@description('Optional. Share of Spot nodes in percent. Preempted ones are replaced by dedicated ones; tasks are run again.')
@minValue(0)
@maxValue(100)
param spotPercent int = 80

@description('Optional. Version of Python that the function app runs on.')
@allowed(['3.11', '3.12', '3.13'])
param pythonVersion string = '3.12'

@description('Optional. Redundancy of the storage account. Old results are archived where the redundancy allows it: not with ZRS.')
@allowed(['Standard_LRS', 'Standard_ZRS', 'Standard_GRS', 'Standard_RAGRS'])
param storageSku string = 'Standard_LRS'

@description('Optional. A hierarchical namespace (Data Lake) for the storage account. Cannot be changed later.')
param hierarchicalNamespace bool = false

@description('Optional. Days after which results and archived inputs move to the cool tier; 0: never.')
@minValue(0)
param coolAfterDays int = 30

@description('Optional. Days after which they move to the archive tier; 0: never. An archived report cannot be read before it is rehydrated.')
@minValue(0)
param archiveAfterDays int = 180

@description('Optional. Days after which the output of tasks and dead letters of Event Grid are deleted.')
@minValue(1)
param deleteLogsAfterDays int = 30

@description('Optional. Receivers of mails, separated by commas. Empty: no mails.')
param emailTo string = ''

@description('Optional. Where mails rest and are processed.')
@allowed(['Europe', 'United States', 'UK', 'Asia Pacific', 'Australia', 'Brazil', 'Canada', 'France', 'Germany', 'India', 'Japan', 'Switzerland'])
param emailDataLocation string = 'Europe'

@description('Optional. Which events are mailed: a Service Bus SQL filter over the properties state, prefix and attempt.')
param emailFilter string = '1=1'

@description('Optional. https:// address that events are posted to. Empty: none.')
param webhookUrl string = ''

@description('Optional. Signing secrets of the webhook (whsec_…), separated by commas, newest first. They go to Key Vault.')
@secure()
param webhookSecrets string = ''

@description('Optional. Which events are posted: a Service Bus SQL filter over the properties state, prefix and attempt.')
param webhookFilter string = '1=1'

@description('Optional. Client id of the app registration by which people sign in to the dashboard (docs/deployment.md). Empty: it is shut.')
param dashboardClientId string = ''

@description('Optional. Mail address that Azure Monitor sends alerts and budget warnings to. Empty: alerts are only shown.')
param alertEmail string = ''

@description('Optional. Monthly budget of the resource group, in the currency of the bill: a warning at 80 % and at 100 %, and when the forecast passes it. 0: none.')
@minValue(0)
param budget int = 0

@description('Internal. First day that the budget counts; leave it.')
param budgetStart string = utcNow('yyyy-MM-01')

@description('Optional. Gigabytes of telemetry a day after which Log Analytics takes no more. -1: no cap.')
param logsDailyCapGb int = 1

@description('Optional. A virtual network: private endpoints for storage, Service Bus (then Premium), Key Vault and Batch, their firewalls shut, nodes without public addresses behind a NAT gateway.')
param privateNetworking bool = false

@description('Optional. Public addresses (or ranges, separated by commas) that may reach storage, Key Vault, Batch and the function app all the same when privateNetworking is on.')
param allowedAddresses string = ''

@description('Optional. Locks against deletion on the storage account and Key Vault, and purge protection for the latter. azd down then fails until the locks are removed.')
param resourceLocks bool = false

@description('Optional. Microsoft Defender for Storage with a malware scan of each upload. Costs by the gigabyte.')
param defender bool = false

var token = toLower(uniqueString(subscription().id, environmentName, location))
var name = '${namePrefix}-${token}'
var groupName = empty(resourceGroupName) ? 'rg-${environmentName}' : resourceGroupName
var tags = { 'azd-env-name': environmentName }
var allowedRanges = empty(allowedAddresses) ? [] : split(allowedAddresses, ',')
var workerImage = '${registry.outputs.loginServer}/batchjson-worker@${workerImageDigest}'

resource group 'Microsoft.Resources/resourceGroups@2024-11-01' = {
  name: groupName
  location: location
  tags: tags
}

module identities 'modules/identities.bicep' = {
  scope: group
  name: 'identities'
  params: {
    location: location
    tags: tags
    name: name
  }
}

module monitoring 'modules/monitoring.bicep' = {
  scope: group
  name: 'monitoring'
  params: {
    location: location
    tags: tags
    name: name
    dailyCapGb: logsDailyCapGb
  }
}

module registry 'modules/registry.bicep' = {
  scope: group
  name: 'registry'
  params: {
    location: location
    tags: tags
    name: '${namePrefix}${token}'
  }
}

module network 'modules/network.bicep' = if (privateNetworking) {
  scope: group
  name: 'network'
  params: {
    location: location
    tags: tags
    name: name
  }
}

module storage 'modules/storage.bicep' = {
  scope: group
  name: 'storage'
  params: {
    location: location
    tags: tags
    name: '${namePrefix}${token}'
    sku: storageSku
    hierarchicalNamespace: hierarchicalNamespace
    coolAfterDays: coolAfterDays
    archiveAfterDays: archiveAfterDays
    deleteLogsAfterDays: deleteLogsAfterDays
    shut: privateNetworking
    allowedRanges: allowedRanges
    lock: resourceLocks
    workspaceId: monitoring.outputs.workspaceId
  }
}

module serviceBus 'modules/servicebus.bicep' = {
  scope: group
  name: 'servicebus'
  params: {
    location: location
    tags: tags
    name: name
    emailFilter: emailFilter
    webhookFilter: webhookFilter
    shut: privateNetworking
    workspaceId: monitoring.outputs.workspaceId
  }
}

module keyVault 'modules/keyvault.bicep' = {
  scope: group
  name: 'keyvault'
  params: {
    location: location
    tags: tags
    name: '${namePrefix}${token}'
    webhookSecrets: webhookSecrets
    shut: privateNetworking
    allowedRanges: allowedRanges
    lock: resourceLocks
    workspaceId: monitoring.outputs.workspaceId
  }
}

module email 'modules/email.bicep' = {
  scope: group
  name: 'email'
  params: {
    tags: tags
    name: name
    dataLocation: emailDataLocation
  }
}

module batch 'modules/batch.bicep' = {
  scope: group
  name: 'batch'
  params: {
    location: location
    tags: tags
    name: '${namePrefix}${token}'
    shut: privateNetworking
    allowedRanges: allowedRanges
    workspaceId: monitoring.outputs.workspaceId
  }
}

module roles 'modules/roles.bicep' = {
  scope: group
  name: 'roles'
  params: {
    appPrincipalId: identities.outputs.appPrincipalId
    workerPrincipalId: identities.outputs.workerPrincipalId
    topicPrincipalId: eventGrid.outputs.principalId
    operatorPrincipalId: principalId
    operatorPrincipalType: principalType
    storageName: storage.outputs.name
    serviceBusName: serviceBus.outputs.name
    batchName: batch.outputs.name
    registryName: registry.outputs.name
    keyVaultName: keyVault.outputs.name
    communicationName: email.outputs.name
    insightsName: monitoring.outputs.insightsName
  }
}

module pool 'modules/pool.bicep' = {
  scope: group
  name: 'pool'
  params: {
    batchName: batch.outputs.name
    image: workerImage
    registryServer: registry.outputs.loginServer
    identityId: identities.outputs.workerId
    vmSize: vmSize
    taskSlotsPerNode: taskSlotsPerNode
    maxNodes: maxNodes
    spotPercent: spotPercent
    subnetId: privateNetworking ? network.outputs.nodesSubnetId : ''
  }
  dependsOn: [roles]
}

module endpoints 'modules/endpoints.bicep' = if (privateNetworking) {
  scope: group
  name: 'endpoints'
  params: {
    location: location
    tags: tags
    name: name
    virtualNetworkId: privateNetworking ? network.outputs.id : ''
    subnetId: privateNetworking ? network.outputs.endpointsSubnetId : ''
    storageId: storage.outputs.id
    serviceBusId: serviceBus.outputs.id
    keyVaultId: keyVault.outputs.id
    batchId: batch.outputs.id
  }
}

module function 'modules/function.bicep' = {
  scope: group
  name: 'function'
  params: {
    location: location
    tags: tags
    name: name
    pythonVersion: pythonVersion
    identityId: identities.outputs.appId
    identityClientId: identities.outputs.appClientId
    workerIdentityId: identities.outputs.workerId
    workerIdentityClientId: identities.outputs.workerClientId
    blobEndpoint: storage.outputs.blobEndpoint
    queueEndpoint: storage.outputs.queueEndpoint
    tableEndpoint: storage.outputs.tableEndpoint
    serviceBusNamespace: serviceBus.outputs.fullyQualifiedNamespace
    batchEndpoint: batch.outputs.endpoint
    poolId: pool.outputs.id
    workerImage: workerImage
    emailEndpoint: email.outputs.endpoint
    emailFrom: email.outputs.sender
    emailTo: emailTo
    dashboardClientId: dashboardClientId
    webhookUrl: webhookUrl
    webhookSecretsUri: keyVault.outputs.webhookSecretsUri
    insightsConnectionString: monitoring.outputs.insightsConnectionString
    subnetId: privateNetworking ? network.outputs.functionsSubnetId : ''
    allowedRanges: allowedRanges
  }
  dependsOn: [roles, endpoints]
}

module eventGrid 'modules/eventgrid.bicep' = {
  scope: group
  name: 'eventgrid'
  params: {
    location: location
    tags: tags
    name: name
    storageId: storage.outputs.id
    workspaceId: monitoring.outputs.workspaceId
  }
}

module defense 'modules/defender.bicep' = if (defender) {
  scope: group
  name: 'defender'
  params: { storageName: storage.outputs.name }
  dependsOn: [eventGrid]
}

module alerts 'modules/alerts.bicep' = {
  scope: group
  name: 'alerts'
  params: {
    location: location
    tags: tags
    name: name
    email: alertEmail
    workspaceId: monitoring.outputs.workspaceId
    serviceBusId: serviceBus.outputs.id
    topicId: eventGrid.outputs.id
    batchId: batch.outputs.id
    storageId: storage.outputs.id
  }
}

module workbook 'modules/workbook.bicep' = {
  scope: group
  name: 'workbook'
  params: {
    location: location
    tags: tags
    workspaceId: monitoring.outputs.workspaceId
  }
}

module spending 'modules/budget.bicep' = if (budget > 0) {
  scope: group
  name: 'budget'
  params: {
    name: name
    amount: budget
    startDate: budgetStart
    email: alertEmail
  }
}

// For azd, its hooks, and `batchjson` on the operator's machine, which reads its settings from the environment.
output AZURE_LOCATION string = location
output AZURE_RESOURCE_GROUP string = group.name
output AZURE_CONTAINER_REGISTRY_NAME string = registry.outputs.name
output AZURE_FUNCTION_APP_NAME string = function.outputs.name
output AZURE_FUNCTION_APP_URL string = function.outputs.url
output AZURE_FUNCTION_APP_PRINCIPAL_ID string = identities.outputs.appPrincipalId
output AZURE_STORAGE_ACCOUNT_NAME string = storage.outputs.name
output AZURE_BATCH_ACCOUNT_NAME string = batch.outputs.name
output AZURE_EVENT_GRID_TOPIC_NAME string = eventGrid.outputs.name
output STORAGE_IS_HIERARCHICAL bool = hierarchicalNamespace
output STORAGE__blobServiceUri string = storage.outputs.blobEndpoint
output STORAGE__queueServiceUri string = storage.outputs.queueEndpoint
output STORAGE__tableServiceUri string = storage.outputs.tableEndpoint
output SERVICEBUS__fullyQualifiedNamespace string = serviceBus.outputs.fullyQualifiedNamespace
output BATCH__accountEndpoint string = batch.outputs.endpoint
output BATCH_POOL_ID string = pool.outputs.id
output WORKER_IMAGE string = workerImage
output WORKER_IDENTITY_CLIENT_ID string = identities.outputs.workerClientId
output WORKER_IDENTITY_RESOURCE_ID string = identities.outputs.workerId
