"""A burst of files through the whole local cloud, with stubbed workers: what the flow itself can carry."""
