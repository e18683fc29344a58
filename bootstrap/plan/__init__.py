"""Spec + values -> Plan: everything decided, no text yet. Pure: no clock, disk, network or process."""
