#!/usr/bin/env bash
# After the code is deployed: subscribes the function to the uploads, and proves with a canary that events arrive.
# azd sets the variables; by hand: docs/deployment.md. BATCHJSON_CANARY: events (default), full, off.
set -euo pipefail
cd "$(dirname "$0")/../.."
tries=40
seconds_between=15

again() { # again WHAT COMMAND...: tries until the command succeeds
    local what=$1 try
    shift
    for try in $(seq "$tries"); do
        if "$@"; then
            return
        fi
        echo "$what ($try of $tries)"
        sleep "$seconds_between"
    done
    echo "Gave up: $what" >&2
    return 1
}

has_webhook() { # the key is there once the host has found a blob trigger; it is not shown
    local length
    length="$(az functionapp keys list --subscription "$AZURE_SUBSCRIPTION_ID" \
        --resource-group "$AZURE_RESOURCE_GROUP" --name "$AZURE_FUNCTION_APP_NAME" \
        --query "length(not_null(systemKeys.blobs_extension, ''))" --output tsv)" && [ "${length:-0}" -gt 0 ]
}

subscribe() {
    az deployment group create --subscription "$AZURE_SUBSCRIPTION_ID" --resource-group "$AZURE_RESOURCE_GROUP" \
        --name batchjson-events --template-file infra/events.bicep --output none \
        --parameters "functionAppName=$AZURE_FUNCTION_APP_NAME" "storageName=$AZURE_STORAGE_ACCOUNT_NAME" \
        "topicName=$AZURE_EVENT_GRID_TOPIC_NAME" "hierarchicalNamespace=$STORAGE_IS_HIERARCHICAL"
}

can_read() { # roles take minutes to reach every server
    .venv/bin/batchjson runs --limit 1 >/dev/null
}

again "Waiting for the function app to find its blob trigger" has_webhook
echo "Subscribing the function to the uploads"
tries=3
again "Event Grid did not take the subscription" subscribe

# For batchjson on this machine: all settings of the deployment, none of them secret.
BATCHJSON_SETTINGS="$(python3 infra/hooks/write_settings.py)"
export BATCHJSON_SETTINGS
azd env set BATCHJSON_SETTINGS "$BATCHJSON_SETTINGS"

case "${BATCHJSON_CANARY:-events}" in
    off) exit ;;
    full) extra=() ;;
    *) extra=(--events-only) ;;
esac
[ -x .venv/bin/batchjson ] || make setup
tries=40
again "Waiting for your roles on the storage account" can_read
.venv/bin/batchjson canary ${extra[@]+"${extra[@]}"} # an empty list is an error in the bash of macOS
