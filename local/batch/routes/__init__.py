"""The REST operations, one module a resource: each handler reads its request, calls one service, and answers."""
