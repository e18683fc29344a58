"""Boots a throwaway copy of an image in QEMU, hands it a payload, and judges what comes of it."""
