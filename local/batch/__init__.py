"""The local Azure Batch: the data-plane REST API as the azure-batch SDK speaks it, running tasks as processes here.

``python -m local.batch --port 10003 --state DIR --pools FILE.json`` runs it. The pools file says which processes stand
for which container images; see ``config.PoolDefinition``.

Where it differs from Azure, on purpose: nodes come and go at once; a container is a process of this machine, so that
``containerRunOptions``, registries and user identities are kept and shown but mean nothing; any bearer token is let in;
autoscale samples are the present value. What it does not have answers 501 and says so: job schedules, job manager,
preparation and release tasks, resource files, application packages, multi-instance tasks, low-priority nodes,
operations on single nodes and on their files.
"""
