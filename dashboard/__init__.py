"""The operators' pages: an ASGI app that the function app serves."""
