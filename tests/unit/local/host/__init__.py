"""Rules of the local Functions host."""
