"""YAML -> checked Spec, with a place in a file for every value."""
