"""The cost of a boot with us in it, in a real virtual machine, beside the same boot without us and beside cloud-init.

    python benchmarks/boot.py [--runs 5] [--counted] [--without-cloud-init] [--json]

One image, which has cloud-init, boots in turn: with nothing to do (cloud-init disabled), with examples/hello injected
(cloud-init disabled, too), and with a NoCloud image by which cloud-init does the same job: the same files, script and
worker, and a report once it answers. `running` is systemd's word for a boot that has ended, in seconds since the kernel
began, by the guest's own clock; healthy is in seconds from power on, by ours. --counted is for a machine with other
work: the guest's clock counts its instructions, so that `running` repeats to 0.1 s, and what is by our clock is left
out. Needs root, QEMU and mmdebstrap.
"""

from __future__ import annotations

import argparse
import http.server
import json
import statistics
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from measure import ROOT, Row, compare, machine, progress

sys.path[:0] = [str(ROOT), str(ROOT / "tests/support"), str(ROOT / "tests/vm")]

import images
from deploys import HELLO, Deploys, tree
from guest import HOST, NS_EACH, Guest

import bootstrap
from bootstrap.trial.machine import kvm_works

ALONE, OURS, THEIRS = "nothing", "initialrunner", "cloud-init"
BUDGET_S = 1.0
PATIENCE_S = 600.0
DISABLED = "cloud-init=disabled"
# Reports when the worker has answered twice, as the spec's health does. One process, to be fair to cloud-init.
TELL = """\
import time, urllib.request
passed = 0
while passed < 2:
    try:
        passed += b"%(revision)s" in urllib.request.urlopen("http://127.0.0.1:8080/ping").read()
    except OSError:
        passed = 0
    time.sleep(0.2)
urllib.request.urlopen("%(url)s", b"healthy")
"""


@dataclass(frozen=True)
class Boot:
    """Seconds of one boot. running: since the kernel began; the others since power on."""

    login: float
    running: float
    healthy: float | None


class Listener(http.server.ThreadingHTTPServer):
    """Takes the one report that cloud-init's job sends."""

    daemon_threads = True

    def __init__(self) -> None:
        self.heard = threading.Event()
        heard = self.heard

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                self.send_response(204)
                self.end_headers()
                heard.set()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()


@dataclass
class Bench:
    """The image, the collector, and what was measured so far."""

    image: images.Image
    deploys: Deploys
    counted: bool = False
    taken: dict[str, list[Boot]] = field(default_factory=dict)

    def measure(self, subject: str) -> None:
        """One boot."""
        payload = self.deploys.render(HELLO, f"boot-{len(self.taken.get(subject, ())) + 1}")
        # cloud-init, where it is disabled, does not set the network up either.
        network = {images.NETWORK_FILE: images.NETWORK.encode()}
        with Listener() as listener:
            if subject == THEIRS:
                where = f"http://{HOST}:{listener.server_address[1]}/"
                guest = Guest(self.image, drive=seed(where), counted=self.counted)
            else:
                files = {**network, **(tree(payload) if subject == OURS else {})}
                modes = {images.NETWORK_FILE: 0o644}
                guest = Guest(self.image, files=files, modes=modes, append=DISABLED, counted=self.counted)
            with guest:
                guest.boot()
                # Nobody asks the guest anything before it has ended: that would be work, too.
                guest.wait_console("login:", PATIENCE_S)
                login, healthy = guest.since(), None
                if subject == OURS:
                    healthy = self.deploys.wait_healthy(guest, payload, PATIENCE_S)
                elif subject == THEIRS:
                    guest.wait_for(listener.heard.is_set, PATIENCE_S, "cloud-init's job is done")
                    healthy = guest.since()
                running = ended(guest)
            listener.shutdown()
        self.taken.setdefault(subject, []).append(Boot(login, running, healthy))
        suffix = f", healthy {healthy:.1f} s" if healthy else ""
        progress(f"{subject}: login {login:.1f} s, running {running:.1f} s{suffix}")


def ended(guest: Guest) -> float:
    """When systemd called the boot ended, in seconds since the kernel began; it must have gone well."""
    state = guest.sh("systemctl is-system-running --wait || :", PATIENCE_S).strip()
    if state != "running":
        raise SystemExit(f"the boot is {state}:\n{guest.sh('systemctl --failed --no-legend')}")
    return int(guest.sh("systemctl show --value --property FinishTimestampMonotonic")) / 1e6


def seed(where: str) -> bytes:
    """A NoCloud image by which cloud-init does what examples/hello does. where: for the report."""
    plan = bootstrap.load(HELLO).plan("boot-1")
    rendered = plan.render().rendered
    files = [
        {"path": file.path, "permissions": f"{file.mode or 0o644:04o}", "content": file.content.decode()}
        for file in rendered.files
        if file.path != "/etc/rc.local"
    ]
    tell = TELL % {"revision": rendered.revision, "url": where}
    commands = [
        ["env", f"REVISION={rendered.revision}", "sh", "/etc/rc.local.stage1"],
        ["sh", "-c", "setsid /usr/local/bin/hello-worker >>/var/log/hello-worker.log 2>&1 &"],
        ["python3", "-c", tell],
    ]
    config = "#cloud-config\n" + json.dumps({"write_files": files, "runcmd": commands})
    from bootstrap.targets import iso

    return iso.image(
        {"meta-data": b"instance-id: boot-1\n", "user-data": config.encode()}, "cidata", plan.plan.deploy_id
    )


def rows(boots: Mapping[str, list[Boot]], *, counted: bool) -> list[Row]:
    """Every figure beside its peers; what was added is told run by run, since its peers ran in the same minute.

    counted: those by the guest's clock alone.
    """
    table = []

    def row(label: str, values: list[float], beside: str, theirs: list[float], budget: float | None = None) -> None:
        middle = statistics.median(theirs) if theirs else None
        table.append(Row(label, "s", values, beside, middle, budget, note="" if theirs else "not measured"))

    def added(subject: str, figure: str) -> list[float]:
        pairs = zip(boots.get(subject, ()), boots[ALONE], strict=False)
        return [getattr(boot, figure) - getattr(alone, figure) for boot, alone in pairs]

    def of(subject: str, figure: str) -> list[float]:
        return [getattr(boot, figure) for boot in boots.get(subject, ())]

    figures = ("running",) if counted else ("running", "login")
    for figure in figures:
        row(f"{figure}, added", added(OURS, figure), f"{THEIRS}, added", added(THEIRS, figure), BUDGET_S)
    for figure in figures:
        row(figure, of(OURS, figure), ALONE, of(ALONE, figure))
        row(figure, of(OURS, figure), THEIRS, of(THEIRS, figure))
    if not counted:
        row("power on to healthy", of(OURS, "healthy"), THEIRS, of(THEIRS, "healthy"))
    return table


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5, help="of each, in turn")
    parser.add_argument("--counted", action="store_true", help="by a clock that counts the guest's instructions")
    parser.add_argument("--without-cloud-init", action="store_true", help="only with us and without us")
    parser.add_argument("--json", action="store_true", help="print the numbers")
    options = parser.parse_args()
    obstacle = images.unusable()
    if obstacle:
        parser.error(obstacle)
    subjects = [ALONE, OURS] if options.without_cloud_init else [ALONE, OURS, THEIRS]
    recipe = images.Recipe("bookworm", "cloud-init")
    with TemporaryDirectory() as folder, Deploys(Path(folder)) as deploys:
        bench = Bench(images.get(recipe), deploys, options.counted)
        for _ in range(options.runs):
            for subject in subjects:
                bench.measure(subject)
    processor = "KVM" if kvm_works() else "emulated (TCG)"
    if options.counted:
        processor = f"emulated, {1000 // NS_EACH} million instructions a second"
    heading = {
        "machine": machine(),
        "guest": f"Debian {recipe.suite}, one processor, 512 MiB, {processor}",
        "cloud-init": "not measured (--without-cloud-init)" if options.without_cloud_init else "that Debian's, NoCloud",
        "runs": f"{options.runs} of each in turn; medians, with the lowest and the highest",
    }
    compare(rows(bench.taken, counted=options.counted), heading)


if __name__ == "__main__":
    main()
