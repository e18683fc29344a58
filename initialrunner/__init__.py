"""The library `bootstrap` under the name of its distribution, for a folder that has a bootstrap.py of its own.

The names, types and objects are those of `bootstrap`. It is loaded from the folder beside this package, since an
ordinary import would find the program's own bootstrap.py first.
"""

from __future__ import annotations

import sys
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING


def _library() -> ModuleType:
    """Load the package `bootstrap` that was installed with this one. Raises ImportError if another has its name."""
    spec = PathFinder.find_spec("bootstrap", [str(Path(__file__).absolute().parents[1])])
    if spec is None or spec.loader is None or spec.origin is None:
        raise ImportError(f"the package bootstrap is not beside {__file__}: install initialrunner again")
    library = sys.modules.get("bootstrap")
    if library is None:
        library = module_from_spec(spec)
        # Registered before it runs: the package's own modules import each other by this name.
        sys.modules["bootstrap"] = library
        spec.loader.exec_module(library)
    origin = getattr(library, "__file__", None) or "another module"
    if Path(origin).resolve() != Path(spec.origin).resolve():
        raise ImportError(
            f"initialrunner needs the module name `bootstrap`, and {origin} has been imported under it: "
            "give that file another name"
        )
    return library


if TYPE_CHECKING:
    from bootstrap import *  # noqa: F403
else:
    _bootstrap = _library()
    __all__ = _bootstrap.__all__
    __version__ = _bootstrap.__version__

    # Hidden from type checkers: with a __getattr__ in sight they would accept every name.
    def __getattr__(name):
        if name not in __all__:
            module = sys.modules[__name__]
            raise AttributeError(f"module {__name__!r} ({__file__}) has no attribute {name!r}", name=name, obj=module)
        return getattr(_bootstrap, name)

    def __dir__():
        return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})
