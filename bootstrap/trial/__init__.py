"""Trials: a throwaway copy of an image, booted in a virtual machine before anybody relies on it."""
