"""The local Azure Batch: the data-plane REST API as the azure-batch SDK speaks it, running tasks as processes here."""
