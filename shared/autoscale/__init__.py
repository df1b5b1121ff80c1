"""Autoscale formulas of Azure Batch: read, and evaluated over samples."""
