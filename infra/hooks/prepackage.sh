#!/usr/bin/env bash
# Before the function app is packaged: fetches what the dashboard's page is made with, by its lock and checksums.
set -euo pipefail
cd "$(dirname "$0")/../.."
make setup
