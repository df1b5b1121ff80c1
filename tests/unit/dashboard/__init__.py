"""Tests of the dashboard without a cloud."""
