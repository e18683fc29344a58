"""What runs on the host: standard library only, Python 3.6 to 3.14, and nothing else of this tree."""
