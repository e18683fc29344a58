"""initialrunner: what a new server needs on its first boot, decided here and reported back.

The names below are the stable Python API (see docs/reference/api.md); everything is imported on first use,
so that `import bootstrap` costs nothing.
"""

from __future__ import annotations

from typing import Any

__version__ = "0.1.0"
__all__ = ["__version__", "load"]


def __getattr__(name: str) -> Any:
    if name == "load":
        from bootstrap.api import load

        return load
    raise AttributeError(f"module 'bootstrap' has no attribute {name!r}")
