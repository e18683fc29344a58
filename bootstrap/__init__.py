"""initialrunner: sets up a new server on its first boot, and reports the result.

The names below are the stable Python API (see docs/reference/api.md). Everything is imported on first use, so that
`import bootstrap` takes no time. `import initialrunner` gives the same names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

__version__ = "0.1.0"
__all__ = [
    "Beside", "BootstrapError", "CollectorError", "Failure", "Fleet", "FleetError", "Group", "Index", "Manifest",
    "Packed", "PayloadError", "Problem", "Project", "Published", "RenderError", "Rendering", "Seed", "Server",
    "ServerFailedError", "ServerPlan", "SignError", "Signer", "SpecError", "Stage", "UsageError", "WaitError",
    "WaitResult", "WaitTimeoutError", "Where", "__version__", "load", "read_published", "read_secret", "signer",
    "status", "wait",
]  # fmt: skip

if TYPE_CHECKING:
    from bootstrap.api import Fleet, Project, ServerPlan, load
    from bootstrap.ask import ServerFailedError, WaitError, WaitTimeoutError, status, wait
    from bootstrap.client.answers import Failure, Group, Server, Stage, WaitResult
    from bootstrap.errors import (
        BootstrapError,
        CollectorError,
        PayloadError,
        Problem,
        RenderError,
        SpecError,
        UsageError,
        Where,
    )
    from bootstrap.payload.sign import Signer, SignError, signer
    from bootstrap.publish.result import read_published
    from bootstrap.render.model import Published
    from bootstrap.rendering import Beside, Rendering
    from bootstrap.secret import read_secret
    from bootstrap.targets.fleet import FleetError, Index
    from bootstrap.targets.model import Packed
    from bootstrap.targets.output import Manifest
    from bootstrap.targets.seed import Seed
else:
    # Hidden from type checkers: with a __getattr__ in sight they would accept every name, misspelt ones too.
    _NAMES = {
        "api": ("Fleet", "Project", "ServerPlan", "load"),
        "ask": ("ServerFailedError", "WaitError", "WaitTimeoutError", "status", "wait"),
        "client.answers": ("Failure", "Group", "Server", "Stage", "WaitResult"),
        "errors": (
            "BootstrapError",
            "CollectorError",
            "PayloadError",
            "Problem",
            "RenderError",
            "SpecError",
            "UsageError",
            "Where",
        ),
        "payload.sign": ("SignError", "Signer", "signer"),
        "publish.result": ("read_published",),
        "render.model": ("Published",),
        "rendering": ("Beside", "Rendering"),
        "secret": ("read_secret",),
        "targets.model": ("Packed",),
        "targets.fleet": ("FleetError", "Index"),
        "targets.output": ("Manifest",),
        "targets.seed": ("Seed",),
    }
    _HOMES = {name: f"bootstrap.{home}" for home, names in _NAMES.items() for name in names}

    def __getattr__(name):
        import sys
        from importlib import import_module

        module = sys.modules[__name__]
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} ({__file__}) has no attribute {name!r}", name=name, obj=module)
        # Kept, so that the next use is an ordinary look-up.
        value = getattr(import_module(_HOMES[name]), name)
        setattr(module, name, value)
        return value

    def __dir__():
        # _NAMES, _HOMES and the imported modules are left out.
        return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})
