// Azure Communication Services with a domain that Azure manages: 10 mails an hour. For more, add a domain of your own.
@description('Required. Tags of every resource.')
param tags object

@description('Required. What names are made of.')
param name string

@description('Required. Where mails rest.')
param dataLocation string

resource service 'Microsoft.Communication/emailServices@2025-05-01' = {
  name: '${name}-email'
  location: 'global'
  tags: tags
  properties: { dataLocation: dataLocation }
}

resource domain 'Microsoft.Communication/emailServices/domains@2025-05-01' = {
  parent: service
  name: 'AzureManagedDomain'
  location: 'global'
  tags: tags
  properties: {
    domainManagement: 'AzureManaged'
    userEngagementTracking: 'Disabled'
  }
}

resource communication 'Microsoft.Communication/communicationServices@2025-05-01' = {
  name: '${name}-mail'
  location: 'global'
  tags: tags
  properties: {
    dataLocation: dataLocation
    disableLocalAuth: true
    linkedDomains: [domain.id]
  }
}

output name string = communication.name
output endpoint string = 'https://${communication.properties.hostName}'
output sender string = 'DoNotReply@${domain.properties.fromSenderDomain}'
