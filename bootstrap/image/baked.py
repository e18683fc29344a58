"""The text of /usr/local/lib/initialrunner/baked.py: the modules of the runner that an image needs, as one file.

Unlike in a bundle, where bytes count, comments stay: whoever finds it on a host shall be able to read it.
"""

from __future__ import annotations

import ast
import functools
from pathlib import Path

from bootstrap.errors import PayloadError
from bootstrap.payload.pack import top_level_names

# In the order of their imports.
MODULES = ("host", "signed", "planned", "sources", "baked")
_RUNNER = Path(__file__).resolve().parent.parent / "runner"
_HEAD = '"""initialrunner as baked into this image, made by `bootstrap bake`. Run as: python3 -I -S THIS_FILE VERB"""\n'


@functools.cache
def text() -> str:
    """One namespace for all: raises PayloadError when two modules use one top-level name, or need another module."""
    imports: set[str] = set()
    bodies, seen = [], dict[str, str]()
    for module in MODULES:
        source = (_RUNNER / f"{module}.py").read_text(encoding="utf-8")
        for name in top_level_names(source):
            if seen.setdefault(name, module) != module:
                raise PayloadError(f"runner/{module}.py and runner/{seen[name]}.py both define {name}")
        tree, drop = ast.parse(source), set[int]()
        for node in tree.body:
            if not isinstance(node, ast.Import | ast.ImportFrom):
                continue
            drop.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
            own = getattr(node, "module", None) or ""
            if not own.startswith("bootstrap"):
                imports.add(ast.unparse(node))
            elif own.removeprefix("bootstrap.runner.") not in MODULES:
                raise PayloadError(f"runner/{module}.py needs {own}, which is not baked")
        lines = [line for number, line in enumerate(source.splitlines(), 1) if number not in drop]
        bodies.append(f"# --- runner/{module}.py ---\n\n" + "\n".join(lines).strip() + "\n")
    return _HEAD + "\n" + "\n".join(sorted(imports)) + "\n\n\n" + "\n\n".join(bodies)
