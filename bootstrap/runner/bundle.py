"""What the head of a bundle leaves in memory before it starts the runner. Empty in a checkout; never packed itself."""

PARTS = []  # the packed sections as base64 text: 0 hot code, 1 cold code, 2 plan, 3 file contents
TEXT = b""  # the whole bundle, as its digest counts it
