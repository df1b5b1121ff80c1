"""The contenders: each reads a file, checks every transaction as the worker does, and prints the figures to compare."""
