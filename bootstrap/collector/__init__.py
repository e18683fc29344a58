"""Keeps what servers report and answers the deployer: one ASGI app over one store."""
