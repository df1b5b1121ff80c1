"""What a poll costs, by how many tasks are new, and by how many old ones there are."""
