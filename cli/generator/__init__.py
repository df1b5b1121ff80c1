"""Realistic synthetic input files, made without growing memory and the same for the same seed."""
