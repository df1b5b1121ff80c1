# After the code is deployed: subscribes the function to the uploads, and proves with a canary that events arrive.
# azd sets the variables; by hand: docs/deployment.md. BATCHJSON_CANARY: events (default), full, off.
# Does what postdeploy.sh does.
$ErrorActionPreference = 'Stop'
$PSNativeCommandUseErrorActionPreference = $true
Set-Location (Join-Path $PSScriptRoot '../..')

function Invoke-Again([string]$What, [int]$Tries, [scriptblock]$Command) {
    foreach ($try in 1..$Tries) {
        try {
            if (& $Command) { return }
        } catch {
            Write-Verbose $_
        }
        Write-Host "$What ($try of $Tries)"
        Start-Sleep -Seconds 15
    }
    throw "Gave up: $What"
}

# The key is there once the host has found a blob trigger; it is not shown.
Invoke-Again 'Waiting for the function app to find its blob trigger' 40 {
    $length = az functionapp keys list --subscription $env:AZURE_SUBSCRIPTION_ID --resource-group $env:AZURE_RESOURCE_GROUP `
        --name $env:AZURE_FUNCTION_APP_NAME --query "length(not_null(systemKeys.blobs_extension, ''))" --output tsv
    [int]$length -gt 0
}

Write-Host 'Subscribing the function to the uploads'
Invoke-Again 'Event Grid did not take the subscription' 3 {
    az deployment group create --subscription $env:AZURE_SUBSCRIPTION_ID --resource-group $env:AZURE_RESOURCE_GROUP `
        --name batchjson-events --template-file infra/events.bicep --output none `
        --parameters "functionAppName=$env:AZURE_FUNCTION_APP_NAME" "storageName=$env:AZURE_STORAGE_ACCOUNT_NAME" `
        "topicName=$env:AZURE_EVENT_GRID_TOPIC_NAME" "hierarchicalNamespace=$env:STORAGE_IS_HIERARCHICAL"
    $true
}

# For batchjson on this machine: all settings of the deployment, none of them secret.
$env:BATCHJSON_SETTINGS = python infra/hooks/write_settings.py
azd env set BATCHJSON_SETTINGS "$env:BATCHJSON_SETTINGS"

if ($env:BATCHJSON_CANARY -eq 'off') { exit 0 }
$extra = if ($env:BATCHJSON_CANARY -eq 'full') { @() } else { @('--events-only') }
$bin = if ($IsWindows) { '.venv/Scripts' } else { '.venv/bin' }
$python, $batchjson = "$bin/python", "$bin/batchjson"
if (-not (Test-Path $batchjson*)) {
    python -m venv .venv
    & $python -m pip install --quiet --require-hashes --only-binary=:all: -r requirements-dev.txt
    & $python -m pip install --quiet --no-deps --no-build-isolation -e .
}
# Roles take minutes to reach every server.
Invoke-Again 'Waiting for your roles on the storage account' 40 {
    & $batchjson runs --limit 1 | Out-Null
    $true
}
& $batchjson canary @extra
