"""Managed identities of the local cloud: who there is, their tokens, and the endpoints that hand them out."""
