"""`bootstrap seal` on a root of 200,000 files and 400 MB of texts, beside a read of every file and a grep for one word.

    python benchmarks/seal.py [--runs 5] [--files 200000] [--megabytes 400] [--json]

The root is made of this Python's own library, cut into files of all sizes, with settings, data and logs between: seal
finds nothing in it. CPU is user and system time; the files are in the page cache.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import sysconfig
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from measure import Row, compare, cpu_ms, machine, progress

FOLDER_FILES = 40
# Share of each kind, by its ending: sources, data, settings, texts.
KINDS = ((".py", 45), (".js", 15), (".json", 15), (".txt", 10), (".yml", 8), (".conf", 7))
SEAL = """
import sys
from pathlib import Path
from bootstrap.image.seal import seal
seal(Path(sys.argv[1]), runner=False)
"""
READ = """
import os, sys
for folder, _, names in os.walk(sys.argv[1]):
    for name in names:
        with open(os.path.join(folder, name), "rb", buffering=0) as file:
            while file.read(1 << 18): pass
"""
FLOOR, GREP = "python, each file read", "grep -rF of one word"


def texts() -> bytes:
    """Sources of this Python's library, one after the other."""
    library = Path(sysconfig.get_path("stdlib"))
    return b"\n".join(file.read_bytes() for file in sorted(library.glob("[a-z]*/*.py")) if "test" not in file.parts)


def settings(chance: random.Random) -> bytes:
    """A file of settings with no secret in it."""
    names = ("host", "port", "level", "path", "password_file", "timeout", "token_url", "pool", "workers", "cache")
    lines = (f"{chance.choice(names)}_{number}: {chance.randrange(10**6)}\n" for number in range(120))
    return "".join(lines).encode()


def data(chance: random.Random) -> bytes:
    """A file of data, as JSON with digests in it."""
    digests = (chance.randbytes(32).hex() for _ in range(60))
    rows = (f'  {{"id": {number}, "sha256": "{digest}", "name": "row"}},\n' for number, digest in enumerate(digests))
    return "".join(rows).encode()


def sizes(count: int, total: int, chance: random.Random) -> Iterator[int]:
    """So many sizes of files, most of them small, whose sum is about the total."""
    mean = total / count
    return (int(min(chance.lognormvariate(0, 1) * mean / 1.6487, 4 << 20)) + 1 for _ in range(count))


def make(root: Path, count: int, total: int) -> int:
    """Fill a root; the bytes of its texts."""
    chance = random.Random(14)
    source = texts()
    for name in ("etc", "usr"):
        (root / name).mkdir(parents=True)
    (root / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\n")
    written, folder = 0, root
    for number, size in enumerate(sizes(count, total, chance)):
        if number % FOLDER_FILES == 0:
            folder = root / f"srv/app/{number // 4000}/{number // FOLDER_FILES}"
            folder.mkdir(parents=True)
        ending = chance.choices([kind for kind, _ in KINDS], [share for _, share in KINDS])[0]
        begin = chance.randrange(max(1, len(source) - size))
        made = {".json": data, ".yml": settings, ".conf": settings}.get(ending)
        text = made(chance) * (size // 4000 + 1) if made else source[begin : begin + size]
        written += (folder / f"file{number}{ending}").write_bytes(text[:size])
    return written


def in_turn(root: Path, runs: int) -> dict[str, list[float]]:
    """CPU milliseconds of each program, in turn; the run before warms the page cache."""
    commands: dict[str, Sequence[str]] = {
        "bootstrap seal": [sys.executable, "-c", SEAL, str(root)],
        FLOOR: [sys.executable, "-c", READ, str(root)],
        GREP: ["sh", "-c", 'grep -rFl "a word that is nowhere" "$0" || test $? = 1', str(root)],
    }
    samples: dict[str, list[float]] = {name: [] for name in commands}
    for number in range(runs + 1):
        for name, command in commands.items():
            figure = cpu_ms(command)
            if number:
                samples[name].append(figure)
    return samples


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5, help="of everything, in turn")
    parser.add_argument("--files", type=int, default=200_000)
    parser.add_argument("--megabytes", type=int, default=400)
    parser.add_argument("--json", action="store_true", help="print the numbers")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="seal-bench-") as folder:
        root = Path(folder, "root")
        progress(f"making {options.files} files")
        written = make(root, options.files, options.megabytes * 10**6)
        samples = in_turn(root, options.runs)
    whole = options.files == 200_000 and options.megabytes == 400
    seal = samples["bootstrap seal"]
    rows = [
        Row("bootstrap seal, CPU", "ms", seal, name, statistics.median(samples[name]), 8000 if whole else None)
        for name in (FLOOR, GREP)
    ]
    speed = [written / 1000 / value for value in seal]
    rows.append(Row("texts searched", "MB a second of CPU", speed, "", None))
    heading = {
        "machine": machine(), "Python": sys.version.split()[0],
        "root": f"{options.files:,} files, {written / 10**6:.0f} MB of texts",
        "runs": f"{options.runs} of each in turn; medians, with the lowest and the highest",
    }  # fmt: skip
    compare(rows, heading)


if __name__ == "__main__":
    main()
