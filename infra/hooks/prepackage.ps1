# Before the function app is packaged: fetches what the dashboard's page is made with, by its lock and checksums.
# Does what prepackage.sh does, without make; needs npm.
$ErrorActionPreference = 'Stop'
$PSNativeCommandUseErrorActionPreference = $true
Set-Location (Join-Path $PSScriptRoot '../..')

npm ci --prefix local/page --loglevel error --ignore-scripts --no-audit --no-fund
python -m local.vendor
