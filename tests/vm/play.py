"""A virtual machine to look around in: a payload injected before its first boot, its console on this terminal.

    python tests/vm/play.py [SPEC] [--image SUITE[-VARIANT]] [--keep FILE]      # or: make vm SPEC=my.yaml

root logs in without a password; Ctrl-A X is the power cut that ends it. The payload reports to a collector that is
there for as long; its page is named at the beginning.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "support"), str(HERE.parents[1])]

import images
from collector_process import TOKEN
from deploys import HELLO, Deploys, tree
from guest import Guest


def main() -> None:
    """Boot, and hand the console over."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("spec", nargs="?", type=Path, default=HELLO)
    names = [f"{suite}-{variant}" for suite in images.SUITES for variant in images.VARIANTS]
    parser.add_argument("--image", choices=names, default=names[0], help="[default: %(default)s]")
    parser.add_argument("--keep", type=Path, metavar="FILE", help="copy the disk there at the end (raw ext4)")
    options = parser.parse_args()
    image = images.get(images.Recipe(*options.image.split("-", 1)))
    with tempfile.TemporaryDirectory(prefix="vm-") as folder, Deploys(Path(folder)) as deploys:
        payload = deploys.render(options.spec)
        with Guest(image, files=tree(payload), interactive=True) as guest:
            print(f"{payload.server} in {guest.folder}; the collector: {deploys.collector.url} (token {TOKEN})")
            print("root logs in without a password; Ctrl-A X ends it", flush=True)
            guest.boot()
            assert guest.process
            guest.process.wait()
            if options.keep:
                shutil.copyfile(guest.disk, options.keep)


if __name__ == "__main__":
    main()
