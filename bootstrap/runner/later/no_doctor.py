"""Stands in for doctor.py in a payload that has room for even fewer verbs."""

from bootstrap.runner.later.no_spare import left_out

doctor = left_out
