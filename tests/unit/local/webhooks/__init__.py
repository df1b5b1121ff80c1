"""The local webhook receiver's check of signatures."""
