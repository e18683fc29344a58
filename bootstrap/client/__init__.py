"""Talking to a collector: wait, status."""
