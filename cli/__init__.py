"""The operator's command, `batchjson`."""
