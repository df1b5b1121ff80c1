"""A Functions host for a laptop: runs function_app.py against the local cloud, without Core Tools."""
