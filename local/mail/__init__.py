"""A mail server for a laptop: takes every mail, delivers none, and shows them."""
