"""Images: the runner baked into one, and the gate that a finished one must pass."""
