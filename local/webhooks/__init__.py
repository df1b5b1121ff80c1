"""A webhook receiver for a laptop: checks signatures, keeps what came, and fails on request."""
