"""Texts -> bundle: packing the runner, digests and the trigger that names them."""
