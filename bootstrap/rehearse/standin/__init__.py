"""The stand-in for systemd inside a copy: `systemctl` and four programs beside it, for units that run for real.

It is Python 3.9 and its standard library, since it runs on the Python of the copied system, and imports nothing else
of this tree.
"""
