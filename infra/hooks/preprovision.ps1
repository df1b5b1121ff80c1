# Before provisioning: makes the registry, builds the worker image in it, and tells azd the image's digest.
# azd sets the variables; by hand: docs/deployment.md. Does what preprovision.sh does.
$ErrorActionPreference = 'Stop'
$PSNativeCommandUseErrorActionPreference = $true
Set-Location (Join-Path $PSScriptRoot '../..')

foreach ($name in 'AZURE_ENV_NAME', 'AZURE_SUBSCRIPTION_ID', 'AZURE_LOCATION') {
    if (-not [Environment]::GetEnvironmentVariable($name)) {
        throw "$name is not set. azd env set $name VALUE"
    }
}
$prefix = if ($env:BATCHJSON_NAME_PREFIX) { $env:BATCHJSON_NAME_PREFIX } else { 'bj' }

# The tag is the content: an image that is there already is not built again, and so the pool stays.
$tag = '{0}-{1}' -f (git rev-parse HEAD:worker).Substring(0, 12), (git rev-parse HEAD:shared).Substring(0, 12)
if (git status --porcelain -- worker shared) {
    $tag = 'changed-{0}' -f [DateTime]::UtcNow.ToString('yyyyMMddHHmmss')
}

Write-Host 'Making the registry'
# Asked for by place, not by name: ARM returns names of outputs in a case of its own.
$registry = az deployment sub create `
    --subscription $env:AZURE_SUBSCRIPTION_ID `
    --location $env:AZURE_LOCATION `
    --name "batchjson-registry-$env:AZURE_ENV_NAME" `
    --template-file infra/registry.bicep `
    --parameters "environmentName=$env:AZURE_ENV_NAME" "location=$env:AZURE_LOCATION" `
    "resourceGroupName=$env:AZURE_RESOURCE_GROUP_NAME" "namePrefix=$prefix" `
    --query 'values(properties.outputs)[0].value' --output tsv

function Get-Digest {
    az acr repository show --subscription $env:AZURE_SUBSCRIPTION_ID --name $registry `
        --image "batchjson-worker:$tag" --query digest --output tsv
}

try {
    $digest = Get-Digest 2>$null
    Write-Host "The image batchjson-worker:$tag is there already"
} catch {
    Write-Host "Building the image batchjson-worker:$tag in the registry"
    az acr build --subscription $env:AZURE_SUBSCRIPTION_ID --registry $registry `
        --image "batchjson-worker:$tag" --file worker/Dockerfile --build-arg "REVISION=$tag" .
    $digest = Get-Digest
}
azd env set WORKER_IMAGE_DIGEST $digest
Write-Host "Worker image: batchjson-worker@$digest"
