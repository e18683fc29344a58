"""The text of /usr/local/lib/initialrunner/baked.py: the modules of the runner that an image needs, as one file.

Unlike in a bundle, where bytes count, comments stay: whoever finds it on a host shall be able to read it.
"""

from __future__ import annotations

import ast
import functools

from bootstrap.errors import PayloadError
from bootstrap.payload.pack import lines_of, source
from bootstrap.runner import baked as runner_baked

# In the order of their imports.
_GROUND = ("defaults", "disk", "processes", "console", "host", "terminal", "form")
MODULES = (*_GROUND, *(f"baked/{name}" for name in runner_baked.MODULES))
_HEAD = '"""initialrunner as baked into this image, made by `bootstrap bake`. Run as: python3 -I -S THIS_FILE VERB"""\n'


@functools.cache
def text() -> str:
    """One namespace for all: raises PayloadError when two modules use one top-level name, or need another module."""
    imports: set[str] = set()
    bodies, seen = [], dict[str, str]()
    for module in MODULES:
        written = source(module, seen)
        drop = set[int]()
        for node in ast.parse(written).body:
            if not isinstance(node, ast.Import | ast.ImportFrom):
                continue
            drop.update(lines_of(node))
            own = getattr(node, "module", None) or ""
            if not own.startswith("bootstrap"):
                imports.add(ast.unparse(node))
            elif own.removeprefix("bootstrap.runner.").replace(".", "/") not in MODULES:
                raise PayloadError(f"runner/{module}.py needs {own}, which is not baked")
        lines = [line for number, line in enumerate(written.splitlines(), 1) if number not in drop]
        bodies.append(f"# --- runner/{module}.py ---\n\n" + "\n".join(lines).strip() + "\n")
    return _HEAD + "\n" + "\n".join(sorted(imports)) + "\n\n\n" + "\n\n".join(bodies)
