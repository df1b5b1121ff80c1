"""What all sides agree on: words, ids, documents, settings, connections. Imports nothing of ours."""
