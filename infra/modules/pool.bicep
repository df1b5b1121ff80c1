// The pool of nodes that run the worker image. A new image makes a new pool (docs/adr/0028).
@description('Required. Name of the Batch account.')
param batchName string

@description('Required. The worker image, by digest.')
param image string

@description('Required. Login server of its registry.')
param registryServer string

@description('Required. Resource id of the identity of the nodes: pulls the image, reads uploads, writes results and logs.')
param identityId string

@description('Required. VM size.')
param vmSize string

@description('Required. Tasks that a node runs at once.')
param taskSlotsPerNode int

@description('Required. Most nodes.')
param maxNodes int

@description('Required. Share of Spot nodes in percent.')
param spotPercent int

@description('Required. Subnet of the nodes; empty: none of ours, with a public address that Batch manages for outbound traffic.')
param subnetId string

var settings = loadJsonContent('../app-settings.json')

// What cannot be changed about a pool is part of its name. Job ids are made of it: 46 characters at most.
var poolId = 'workers-${take(uniqueString(image, vmSize, string(taskSlotsPerNode), subnetId), 8)}'
var given = 'maxNodes = ${maxNodes};\nspotPercent = ${spotPercent};\nslotsPerTask = ${settings.TASK_SLOTS};\n'
var inSubnet = { subnetId: subnetId, publicIPAddressConfiguration: { provision: 'NoPublicIPAddresses' } }
var outside = { publicIPAddressConfiguration: { provision: 'BatchManaged' } }

resource account 'Microsoft.Batch/batchAccounts@2024-07-01' existing = {
  name: batchName
}

resource pool 'Microsoft.Batch/batchAccounts/pools@2024-07-01' = {
  parent: account
  name: poolId
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identityId}': {} }
  }
  properties: {
    displayName: 'batchjson workers'
    vmSize: vmSize
    taskSlotsPerNode: taskSlotsPerNode
    taskSchedulingPolicy: { nodeFillType: 'Pack' }
    interNodeCommunication: 'Disabled'
    targetNodeCommunicationMode: 'Simplified'
    deploymentConfiguration: {
      virtualMachineConfiguration: {
        // An image with a container runtime; plain Ubuntu has none.
        imageReference: { publisher: 'microsoft-dsvm', offer: 'ubuntu-hpc', sku: '2404', version: 'latest' }
        nodeAgentSkuId: 'batch.node.ubuntu 24.04'
        containerConfiguration: {
          type: 'DockerCompatible'
          containerImageNames: [image]
          containerRegistries: [
            { registryServer: registryServer, identityReference: { resourceId: identityId } }
          ]
        }
      }
    }
    networkConfiguration: empty(subnetId) ? outside : inSubnet
    scaleSettings: {
      autoScale: {
        formula: '${given}${loadTextContent('../autoscale.formula.txt')}'
        evaluationInterval: 'PT5M'
      }
    }
    // A node on which the image is not whole takes no task (docs/image.md).
    startTask: {
      commandLine: '/bin/sh -c "docker run --rm --network none --read-only --tmpfs /tmp ${image} --check"'
      waitForSuccess: true
      maxTaskRetryCount: 2
      userIdentity: { autoUser: { scope: 'Pool', elevationLevel: 'Admin' } }
    }
  }
}

output id string = pool.name
