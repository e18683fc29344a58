"""The text of /usr/local/lib/initialrunner/baked.py: the modules of the runner that an image needs, as one file.

Comments stay, unlike in a bundle, where bytes count: an admin who finds the file on a host shall be able to read it.
"""

from __future__ import annotations

import ast
import functools

from bootstrap.errors import PayloadError
from bootstrap.payload.pack import source
from bootstrap.payload.shake import lines_of
from bootstrap.runner import baked as runner_baked

# A module stands after those that it imports.
_GROUND = ("defaults", "disk", "processes", "console", "host", "terminal", "form")
MODULES = (*_GROUND, *(f"baked/{name}" for name in runner_baked.MODULES))
_HEAD = '"""initialrunner as baked into this image, made by `bootstrap bake`. Run as: python3 -I -S THIS_FILE VERB"""\n'


@functools.cache
def text() -> str:
    """One namespace for all: raises PayloadError when two modules use one top-level name, or need another module."""
    imports: set[str] = set()
    bodies, names = [], dict[str, str]()
    for module in MODULES:
        written = source(module, names)
        drop = set[int]()
        for node in ast.parse(written).body:
            if not isinstance(node, ast.Import | ast.ImportFrom):
                continue
            drop.update(lines_of(node))
            # An import of the runner's own modules is dropped: their names are in the same file.
            imported = getattr(node, "module", None) or ""
            if not imported.startswith("bootstrap"):
                imports.add(ast.unparse(node))
            elif imported.removeprefix("bootstrap.runner.").replace(".", "/") not in MODULES:
                raise PayloadError(f"runner/{module}.py needs {imported}, which is not baked")
        lines = [line for number, line in enumerate(written.splitlines(), 1) if number not in drop]
        bodies.append(f"# --- runner/{module}.py ---\n\n" + "\n".join(lines).strip() + "\n")
    return _HEAD + "\n" + "\n".join(sorted(imports)) + "\n\n\n" + "\n\n".join(bodies)
