#!/usr/bin/env bash
# Before provisioning: makes the registry, builds the worker image in it, and tells azd the image's digest.
# azd sets the variables; by hand: docs/deployment.md.
set -euo pipefail
cd "$(dirname "$0")/../.."

missing() {
    printf '%s is not set. azd env set %s VALUE\n' "$1" "$1" >&2
    exit 1
}
[ -n "${AZURE_ENV_NAME:-}" ] || missing AZURE_ENV_NAME
[ -n "${AZURE_SUBSCRIPTION_ID:-}" ] || missing AZURE_SUBSCRIPTION_ID
[ -n "${AZURE_LOCATION:-}" ] || missing AZURE_LOCATION

# The tag is the content: an image that is there already is not built again, and so the pool stays.
tag="$(git rev-parse HEAD:worker | cut -c1-12)-$(git rev-parse HEAD:shared | cut -c1-12)"
if [ -n "$(git status --porcelain -- worker shared)" ]; then
    tag="changed-$(date -u +%Y%m%d%H%M%S)"
fi

echo "Making the registry"
# Asked for by place, not by name: ARM returns names of outputs in a case of its own.
registry="$(az deployment sub create \
    --subscription "$AZURE_SUBSCRIPTION_ID" \
    --location "$AZURE_LOCATION" \
    --name "batchjson-registry-$AZURE_ENV_NAME" \
    --template-file infra/registry.bicep \
    --parameters "environmentName=$AZURE_ENV_NAME" "location=$AZURE_LOCATION" \
    "resourceGroupName=${AZURE_RESOURCE_GROUP_NAME:-}" "namePrefix=${BATCHJSON_NAME_PREFIX:-bj}" \
    --query 'values(properties.outputs)[0].value' --output tsv)"

digest_of() {
    az acr repository show --subscription "$AZURE_SUBSCRIPTION_ID" --name "$registry" \
        --image "batchjson-worker:$tag" --query digest --output tsv
}

if digest="$(digest_of 2>/dev/null)"; then
    echo "The image batchjson-worker:$tag is there already"
else
    echo "Building the image batchjson-worker:$tag in the registry"
    az acr build --subscription "$AZURE_SUBSCRIPTION_ID" --registry "$registry" \
        --image "batchjson-worker:$tag" --file worker/Dockerfile --build-arg "REVISION=$tag" .
    digest="$(digest_of)"
fi
azd env set WORKER_IMAGE_DIGEST "$digest"
echo "Worker image: batchjson-worker@$digest"
