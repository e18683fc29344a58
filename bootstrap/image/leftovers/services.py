"""Secrets of services and of VPNs, by the places where these keep them."""

from __future__ import annotations

from bootstrap.image.leftovers.rule import Leftover

SERVICES: tuple[Leftover, ...] = ()
