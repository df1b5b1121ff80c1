"""Small function apps that the local host's tests run."""
