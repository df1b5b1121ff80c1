"""The local cloud's parts, each with real neighbours."""
