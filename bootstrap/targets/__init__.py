"""Payload -> what a cloud or an image wants: one file a target, and the table of provider limits."""
