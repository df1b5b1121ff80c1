// The last stage: tells the deployed function of each upload. Event Grid calls the function once when this is deployed and
// refuses the subscription when nobody answers, so the code must be there. A wrong function name would answer, too, and lose
// every event: the hook after deployment uploads a sample and waits for its run (`batchjson canary`).
@description('Required. Name of the function app.')
param functionAppName string

@description('Required. Name of the storage account.')
param storageName string

@description('Required. Name of the Event Grid system topic.')
param topicName string

@description('Required. Whether the storage account has a hierarchical namespace.')
param hierarchicalNamespace bool

// As in function_app.py: tests/infra/test_entities.py holds the two together.
var functionName = 'submit_upload'
var inputContainer = 'batch-input'
var deadLetterContainer = 'dead-letter'
// A Data Lake tells of a file twice: when it is made, at 0 bytes, and when it is closed. Only the second one counts.
var notYetWritten = [
  { operatorType: 'StringNotIn', key: 'data.api', values: ['CreateFile'] }
]

resource site 'Microsoft.Web/sites@2024-04-01' existing = {
  name: functionAppName
}

resource account 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: storageName
}

resource topic 'Microsoft.EventGrid/systemTopics@2025-02-15' existing = {
  name: topicName
}

resource subscription 'Microsoft.EventGrid/systemTopics/eventSubscriptions@2025-02-15' = {
  parent: topic
  name: 'uploads'
  properties: {
    eventDeliverySchema: 'EventGridSchema'
    destination: {
      endpointType: 'WebHook'
      properties: {
        // The key opens this one webhook; it is made by the platform and read here, at deployment.
        endpointUrl: 'https://${site.properties.defaultHostName}/runtime/webhooks/blobs?functionName=Host.Functions.${functionName}&code=${listKeys('${site.id}/host/default', '2024-04-01').systemKeys.blobs_extension}'
        maxEventsPerBatch: 1
      }
    }
    filter: {
      includedEventTypes: ['Microsoft.Storage.BlobCreated']
      subjectBeginsWith: '/blobServices/default/containers/${inputContainer}/'
      isSubjectCaseSensitive: true
      advancedFilters: hierarchicalNamespace ? notYetWritten : []
    }
    retryPolicy: { maxDeliveryAttempts: 30, eventTimeToLiveInMinutes: 1440 }
    deadLetterWithResourceIdentity: {
      identity: { type: 'SystemAssigned' }
      deadLetterDestination: {
        endpointType: 'StorageBlob'
        properties: { resourceId: account.id, blobContainerName: deadLetterContainer }
      }
    }
  }
}
