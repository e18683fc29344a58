"""`bootstrap show`: what a spec resolves to, or what is inside a bundle, which it verifies first."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from bootstrap.render.model import RenderedFile
    from bootstrap.targets.read_back import Found

# A spec that is only looked at belongs to no roll-out.
NO_DEPLOY = "none"


@click.command(short_help="Show what a spec resolves to, or what is inside a bundle.")
@click.argument("path", metavar="SPEC|BUNDLE", type=click.Path(path_type=Path))
@click.option(
    "--server", metavar="NAME", help="Of a spec: the server to resolve it for.  [default: the spec's name and -1]"
)
@click.option("--set", "overrides", multiple=True, metavar="K=V", help="Of a spec: override one value.")
@click.option(
    "--values", "values_files", multiple=True, type=click.Path(path_type=Path), help="Of a spec: a YAML file of values."
)
@click.option("--file", "wanted", metavar="PATH", help="Of a bundle: print what this file of the server will hold.")
@click.option("--source", is_flag=True, help="Of a bundle: print the source of the runner in it.")
@click.option(
    "--allowed-signers", "signers", type=click.Path(path_type=Path), metavar="FILE",
    help="Of a bundle: it must be signed by one of these keys.",
)
@click.option("--reveal", is_flag=True, help="Show secrets as they are.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    path: Path,
    server: str | None,
    overrides: tuple[str, ...],
    values_files: tuple[Path, ...],
    wanted: str | None,
    source: bool,
    signers: Path | None,
    reveal: bool,
    as_json: bool,
) -> None:
    """Show what SPEC resolves to, or verify BUNDLE and show what is inside.

    BUNDLE is a file that `render` wrote (user-data, personality.json, cloud-config.yaml, a bundle, also gzipped or in
    base64) or its folder DIR/SERVER. A bundle that is cut off, altered or not the one its trigger names is refused.
    Nothing is written, and secrets are shown as ***. With --allowed-signers FILE (as of ssh-keygen, or of an image) one
    that is not signed by a key of it is refused, as a host with such an image would.
    """
    from bootstrap.errors import UsageError
    from bootstrap.targets import read_back

    bundles = read_back.look(path)
    if bundles is None:
        if wanted or source or signers:
            hint = "--file, --source and --allowed-signers are for what `bootstrap render` wrote"
            raise UsageError(f"{path} is not a bundle", hint=hint)
        _show_spec(path, server, overrides, values_files, as_json)
        return
    by = [_verified(one, signers) for one in bundles]
    if source:
        click.echo(bundles[0].unpacked.hot + bundles[0].unpacked.cold, nl=False)
    elif wanted:
        _show_file(bundles[0], wanted, reveal)
    elif as_json:
        from bootstrap.payload import redact

        shown = [
            read_back.summary(one)
            | {"signature": _signature(one, signer), "plan": plan if reveal else redact.plan(plan)}
            for one, signer in zip(bundles, by, strict=True)
            for plan in [one.unpacked.plan]
        ]
        click.echo(json.dumps(shown[0] if len(shown) == 1 else shown, indent=1))
    else:
        click.echo("\n\n".join(describe(*one, reveal=reveal) for one in zip(bundles, by, strict=True)))


def _show_file(bundle: Found, wanted: str, reveal: bool) -> None:
    """One file's content on stdout, byte for byte unless a secret stands in it."""
    from bootstrap.errors import UsageError
    from bootstrap.payload import redact

    plan = bundle.unpacked.plan
    entry = next((file for file in plan["files"] if file["path"] == wanted), None)
    if entry is None:
        names = ", ".join(file["path"] for file in plan["files"]) or "none"
        raise UsageError(f"{wanted} is not among the bundle's files", hint=f"there are: {names}")
    if entry.get("secret") and not reveal:
        raise UsageError(f"{wanted} is a secret", hint="--reveal shows it")
    if wanted not in bundle.unpacked.files:
        how = {"inject": "is a file of its own, beside the bundle", "fetch": "is fetched by the host"}
        raise UsageError(f"{wanted} {how.get(entry.get('deliver', ''), 'is not in the bundle')}")
    content = bundle.unpacked.files[wanted]
    secrets = [] if reveal else [secret.encode() for secret in plan.get("secrets", []) if secret]
    for secret in sorted(secrets, key=len, reverse=True):
        if secret in content:
            content = content.replace(secret, redact.MASK.encode())
            click.echo("a secret in it is shown as ***; --reveal shows it", err=True)
    sys.stdout.buffer.write(content)


def _verified(bundle: Found, signers: Path | None) -> str | None:
    """Who has signed a bundle, by this list; None where none was given."""
    if signers is None:
        return None
    from bootstrap.payload.sign import verify

    return verify(bundle.bundle, signers)


def _signature(bundle: Found, signer: str | None) -> dict[str, Any] | None:
    """The key that a bundle says it is signed by. signer: who that is, by a list that was asked."""
    from bootstrap.payload.sign import key_of

    if bundle.unpacked.signature is None:
        return None
    key, kind = key_of(bundle.unpacked.signature)
    principal = signer.rsplit(" SHA256:", 1)[0] if signer else None
    return {"key": key, "kind": kind, "verified": signer is not None, "principal": principal}


def describe(bundle: Found, signer: str | None = None, *, reveal: bool = False) -> str:
    """A bundle in a few lines for people. signer: by whom it is signed, as verified."""
    from bootstrap.payload import redact

    unpacked = bundle.unpacked
    plan = unpacked.plan if reveal else redact.plan(unpacked.plan)
    sizes = ", ".join(f"{name} {size:,}" for name, size in unpacked.sizes.items())
    lines = [
        f"{bundle.where}: a whole bundle of {bundle.size:,} bytes",
        f"  sha256    {unpacked.digest}",
        f"  bytes     {sizes}",
    ]
    by = _signature(bundle, signer)
    if by:
        sure = f", who is {by['principal']}" if signer else ", not verified: --allowed-signers FILE does that"
        lines.append(f"  signed    by {by['kind']} {by['key']}{sure}")
    return "\n".join(lines + plan_lines(plan))


def plan_lines(plan: dict[str, Any]) -> list[str]:
    """A plan as the host reads it, in a few lines for people: what runs, what must be there, what is checked."""
    lines = [
        f"  server    {plan['server']}",
        *([] if plan["deploy_id"] == NO_DEPLOY else [f"  deploy    {plan['deploy_id']}"]),
        f"  revision  {plan['revision']}",
        f"  deadline  {plan.get('deadline_s', 3600):g} s",
    ]
    if "report" in plan:
        lines.append(f"  reports   {plan['report']['url']}")
    if plan.get("files"):
        lines.append("  files")
        width = max(len(file["path"]) for file in plan["files"])
        lines += [f"    {_file_line(file, width)}" for file in plan["files"]]
    for key, title in (("wait_for", "waits for"),):
        if plan.get(key):
            lines += [f"  {title}", *(f"    {entry['path']}" for entry in plan[key])]
    for key, title in (("stages", "stages"), ("every_boot", "at every boot")):
        if plan.get(key):
            lines.append(f"  {title}")
            for number, stage in enumerate(plan[key], 1):
                lines += _stage_lines(number, stage)
    checks = plan.get("health", {}).get("checks", [])
    if checks:
        lines += ["  health", *(f"    {_check(check)}" for check in checks)]
    return lines


def _file_line(file: dict[str, Any], width: int) -> str:
    """path, size, mode, owner, digest and what is special about one file."""
    size = f"{file['size']:,} bytes" if "size" in file else "fetched" if "fetch" in file else "with a secret"
    owner = f"{file.get('user', 'root')}:{file.get('group', 'root')}"
    marks = [word for word in ("secret",) if file.get(word)]
    if file.get("deliver", "bundle") != "bundle":
        marks.append(file["deliver"])
    if not file.get("keep", True):
        marks.append("removed after success")
    if file.get("after"):
        marks.append(f"after {file['after']}")
    cells = (
        file["path"].ljust(width),
        f"{size:>14}",
        f"{file.get('mode', 0o644):04o}",
        owner,
        file.get("sha256", "")[:12],
    )
    return "  ".join((*cells, ", ".join(marks))).rstrip()


def _stage_lines(number: int, stage: dict[str, Any]) -> list[str]:
    facts = [f"timeout {stage.get('timeout_s', 900):g} s"]
    if stage.get("attempts", 1) > 1:
        facts.append(f"{stage['attempts']} attempts")
    facts += [
        f"needs {' '.join(f'{k} {v}' if v is not True else k for k, v in need.items())}"
        for need in stage.get("needs", [])
    ]
    facts += [word.replace("_", " ") for word in ("skip_if", "verify", "undo") if stage.get(word)]
    if stage.get("reboot", "never") != "never":
        facts.append(f"reboot {stage['reboot']}")
    if stage.get("user", "root") != "root":
        facts.append(f"as {stage['user']}")
    text = stage["text"].rstrip("\n").split("\n")
    return [f"    {number}. {stage['name']}  ({', '.join(facts)})", *(f"       | {line}" for line in text)]


def _check(check: dict[str, Any]) -> str:
    kind = check["kind"]
    words = [kind, *(str(check[key]).strip() for key in ("url", "address", "name", "text", "path") if key in check)]
    if kind == "http":
        words.append(str(check.get("status", 200)))
    if "contains" in check:
        words.append(f"contains {check['contains']!r}")
    if "free" in check:
        words.append(f"{check['free']:,} bytes free")
    return " ".join(words)


def _show_spec(
    path: Path, server: str | None, overrides: tuple[str, ...], values_files: tuple[Path, ...], as_json: bool
) -> None:
    """What a spec comes to for one server. No secret is read: *** stands for each, also in the texts."""
    from dataclasses import replace

    from bootstrap import api
    from bootstrap.payload import redact

    project = api.load(path, overrides=overrides, values_files=values_files)
    plan = project.plan(server or project.spec.example_server, deploy_id=NO_DEPLOY).plan
    values = plan.values | {secret.name: redact.MASK for secret in plan.secrets}
    rendered = api.ServerPlan(replace(plan, secrets=(), values=values)).render(bytes(32)).rendered
    shown: dict[str, Any] = dict(rendered.host_plan, files=[_spec_file(file) for file in rendered.files])
    if "report" in shown:
        shown["report"] = dict(shown["report"], key=redact.MASK)
    if as_json:
        click.echo(json.dumps({"spec": str(path), "plan": shown}, indent=1))
    else:
        click.echo("\n".join([f"{path}: resolved for {rendered.server}", *plan_lines(shown)]))


def _spec_file(file: RenderedFile) -> dict[str, Any]:
    """A file as a plan lists it; size and digest only where no secret stands in it."""
    import hashlib

    from bootstrap.payload import redact

    entry: dict[str, Any] = {"path": file.path, "mode": file.mode, "user": file.owner[0], "group": file.owner[1]}
    if file.fetch is not None:
        entry |= {"fetch": file.fetch, "sha256": file.fetch["sha256"]}
    elif not file.secret and redact.MASK.encode() not in file.content:
        entry |= {"size": len(file.content), "sha256": hashlib.sha256(file.content).hexdigest()}
    later = {"after": file.after} if file.after else {}
    return entry | {"secret": file.secret, "keep": file.keep, "deliver": file.deliver} | later
