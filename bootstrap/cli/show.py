"""`bootstrap show`: prints what a spec resolves to, or verifies a bundle and prints what is inside."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bootstrap.cli.options import SpecOptions, json_option, server_option, spec_options
from bootstrap.runner.defaults import filled

if TYPE_CHECKING:
    from bootstrap.render.model import RenderedFile
    from bootstrap.targets.read_back import Carrier, Found

# A spec that is only shown belongs to no roll-out; with this id the line about it is left out.
NO_DEPLOY = "none"


@click.command()
@spec_options("SPEC|BUNDLE")
@server_option
@click.option(
    "--file", "path", metavar="PATH", help="For a bundle: print the content that this file will have on the server."
)
@click.option("--source", is_flag=True, help="For a bundle: print the source of the runner in it.")
@click.option(
    "--allowed-signers", "signers", type=click.Path(path_type=Path), metavar="FILE",
    help="For a bundle: refuse it unless one of these keys has signed it.",
)
@click.option("--reveal", is_flag=True, help="Show secrets as they are.")
@json_option()
def command(
    inputs: SpecOptions,
    server: str | None,
    path: str | None,
    source: bool,
    signers: Path | None,
    reveal: bool,
    as_json: bool,
) -> None:
    """Show what SPEC resolves to, or verify BUNDLE and show what is inside.

    BUNDLE is a file that `render` wrote (user-data, personality.json, cloud-config.yaml, a bundle, also gzipped or in
    base64) or its folder DIR/SERVER. A bundle is refused if it is cut off, altered or not the one its trigger names.
    Of a carrier it shows the bundle that a host puts together from it, and where the host finds the runner. Nothing is
    written, and secrets are shown as ***. With --allowed-signers FILE (in the format of ssh-keygen) a bundle is also
    refused if no key in FILE has signed it, as a host would whose image was baked with FILE.
    """
    from bootstrap.errors import UsageError
    from bootstrap.targets import read_back

    bundles = read_back.look(inputs.spec)
    if bundles is None:
        if path or source or signers:
            hint = "--file, --source and --allowed-signers are for what `bootstrap render` wrote"
            raise UsageError(f"{inputs.spec} is not a bundle", hint=hint)
        _show_spec(inputs, server, as_json)
        return
    verified = [_verify(bundle, signers) for bundle in bundles]
    if source:
        # Every bundle of one folder carries the same runner. Its text ends with a newline already.
        click.echo(bundles[0].unpacked.hot + bundles[0].unpacked.cold, nl=False)
    elif path:
        _show_file(bundles[0], path, reveal)
    elif as_json:
        summaries = [_summary(bundle, signer, reveal) for bundle, signer in zip(bundles, verified, strict=True)]
        click.echo(json.dumps(summaries[0] if len(summaries) == 1 else summaries, indent=1))
    else:
        pairs = zip(bundles, verified, strict=True)
        click.echo("\n\n".join(describe(bundle, signer, reveal=reveal) for bundle, signer in pairs))


def _summary(bundle: Found, signer: str | None, reveal: bool) -> dict[str, Any]:
    """Return what --json prints about a bundle."""
    from bootstrap.payload import redact
    from bootstrap.targets import read_back

    plan = bundle.unpacked.plan if reveal else redact.plan(bundle.unpacked.plan)
    return read_back.summary(bundle) | {"signature": _signature(bundle, signer), "plan": plan}


def _show_file(bundle: Found, path: str, reveal: bool) -> None:
    """Print one file's content to stdout, byte for byte, except that secrets in it are masked. Raises UsageError."""
    from bootstrap.errors import UsageError
    from bootstrap.payload import redact

    plan = bundle.unpacked.plan
    entry = next((file for file in plan["files"] if file["path"] == path), None)
    if entry is None:
        names = ", ".join(file["path"] for file in plan["files"]) or "none"
        raise UsageError(f"{path} is not among the bundle's files", hint=f"there are: {names}")
    # Masking the whole content would only look like a file.
    if entry.get("secret") and not reveal:
        raise UsageError(f"{path} is a secret", hint="--reveal shows it")
    if path not in bundle.unpacked.files:
        deliveries = {"inject": "is a file of its own, beside the bundle", "fetch": "is fetched by the host"}
        raise UsageError(f"{path} {deliveries.get(entry.get('deliver', ''), 'is not in the bundle')}")
    content = bundle.unpacked.files[path]
    secrets = [] if reveal else [secret.encode() for secret in plan.get("secrets", []) if secret]
    # The longest first: a short secret that is a part of a longer one would leave the rest of it readable.
    for secret in sorted(secrets, key=len, reverse=True):
        if secret in content:
            content = content.replace(secret, redact.MASK.encode())
            click.echo("a secret in it is shown as ***; --reveal shows it", err=True)
    # The bytes themselves: a file of the server need not be text.
    sys.stdout.buffer.write(content)


def _verify(bundle: Found, signers: Path | None) -> str | None:
    """Return the signer of a bundle, as a list of signers names it; None without a list.

    Raises SignError when the signature is missing, wrong, or by a key that is not in the list.
    """
    if signers is None:
        return None
    from bootstrap.payload.sign import verify

    return verify(bundle.bundle, signers)


def _signature(bundle: Found, signer: str | None) -> dict[str, Any] | None:
    """Describe the key that a bundle claims to be signed by; None when it is not signed.

    signer: the result of _verify; None when nobody has verified the claim.
    """
    from bootstrap.payload.sign import key_of

    if bundle.unpacked.signature is None:
        return None
    key, kind = key_of(bundle.unpacked.signature)
    # A signer is "PRINCIPAL SHA256:FINGERPRINT", and a principal may contain spaces.
    principal = signer.rsplit(" SHA256:", 1)[0] if signer else None
    return {"key": key, "kind": kind, "verified": signer is not None, "principal": principal}


def describe(bundle: Found, signer: str | None = None, *, reveal: bool = False) -> str:
    """Return a bundle in a few lines for people. signer: its verified signer, None when nobody has verified it."""
    from bootstrap.payload import redact

    unpacked = bundle.unpacked
    plan = unpacked.plan if reveal else redact.plan(unpacked.plan)
    sizes = ", ".join(f"{name} {size:,}" for name, size in unpacked.sizes.items())
    whole = f"a whole bundle of {bundle.size:,} bytes"
    lines = [
        f"{bundle.where}: {f'a carrier of {bundle.carrier.size:,} bytes for {whole}' if bundle.carrier else whole}",
        f"  sha256    {unpacked.digest}",
        f"  bytes     {sizes}",
        *(_carrier_lines(bundle.carrier) if bundle.carrier else ()),
    ]
    signature = _signature(bundle, signer)
    if signature:
        remark = f", who is {signature['principal']}" if signer else ", not verified: --allowed-signers FILE does that"
        lines.append(f"  signed    by {signature['kind']} {signature['key']}{remark}")
    return "\n".join(lines + plan_lines(plan))


def _carrier_lines(carrier: Carrier) -> list[str]:
    """Return the runner's text that a carrier names, and where the host looks for it, in order."""
    from bootstrap.payload.split import FOLDER

    return [
        f"  runner    {carrier.runner}",
        f"  from      {FOLDER} of the image",
        *(f"       then {url}" for url in carrier.runner_from),
    ]


def plan_lines(plan: dict[str, Any]) -> list[str]:
    """Return a plan as the host reads it, in a few lines for people: its files, waits, stages and checks."""
    # A plan leaves out every value that is the default; people should see it.
    plan = filled(plan)
    lines = [
        f"  server    {plan['server']}",
        *([] if plan["deploy_id"] == NO_DEPLOY else [f"  deploy    {plan['deploy_id']}"]),
        f"  revision  {plan['revision']}",
        f"  deadline  {plan['deadline_s']:g} s",
    ]
    if "report" in plan:
        lines.append(f"  reports   {plan['report']['url']}")
    if plan.get("files"):
        lines.append("  files")
        width = max(len(file["path"]) for file in plan["files"])
        lines += [f"    {_file_line(file, width)}" for file in plan["files"]]
    if plan.get("wait_for"):
        lines += ["  waits for", *(f"    {entry['path']}" for entry in plan["wait_for"])]
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
    """Return path, size, mode, owner, digest and the special properties of one file."""
    size = f"{file['size']:,} bytes" if "size" in file else "fetched" if "fetch" in file else "with a secret"
    owner = f"{file['user']}:{file['group']}"
    # Only what differs from the defaults is remarked on.
    marks = ["secret"] if file.get("secret") else []
    if file.get("deliver", "bundle") != "bundle":
        marks.append(file["deliver"])
    if not file["keep"]:
        marks.append("removed after success")
    if file.get("after"):
        marks.append(f"after {file['after']}")
    cells = (
        file["path"].ljust(width),
        f"{size:>14}",
        f"{file['mode']:04o}",
        owner,
        file.get("sha256", "")[:12],
    )
    return "  ".join((*cells, ", ".join(marks))).rstrip()


def _stage_lines(number: int, stage: dict[str, Any]) -> list[str]:
    facts = [f"timeout {stage['timeout_s']:g} s"]
    if stage["attempts"] > 1:
        facts.append(f"{stage['attempts']} attempts")
    facts += [
        f"needs {' '.join(f'{k} {v}' if v is not True else k for k, v in need.items())}"
        for need in stage.get("needs", [])
    ]
    facts += [word.replace("_", " ") for word in ("skip_if", "verify", "undo") if stage.get(word)]
    if stage["reboot"] != "never":
        facts.append(f"reboot {stage['reboot']}")
    if stage["user"] != "root":
        facts.append(f"as {stage['user']}")
    text = stage["text"].rstrip("\n").split("\n")
    return [f"    {number}. {stage['name']}  ({', '.join(facts)})", *(f"       | {line}" for line in text)]


def _check(check: dict[str, Any]) -> str:
    from bootstrap.spec.check_kinds import CHECK_KINDS

    fields = [field for field in CHECK_KINDS.get(check["kind"], ()) if field.key in check]
    return " ".join([check["kind"], *(field.words.format(check[field.key]).strip() for field in fields)])


def _show_spec(inputs: SpecOptions, server: str | None, as_json: bool) -> None:
    """Print what a spec resolves to for one server. No secret is read: *** stands for each, also in the texts."""
    from dataclasses import replace

    from bootstrap import api
    from bootstrap.payload import redact

    project = inputs.load()
    plan = project.plan(server or project.spec.example_server, deploy_id=NO_DEPLOY).plan
    # As ordinary values the secrets are masked before rendering, wherever a template uses them. The deployer's secret
    # is replaced by zeros, and the report key that comes of them is masked below.
    values = plan.values | {secret.name: redact.MASK for secret in plan.secrets}
    rendered = api.ServerPlan(replace(plan, secrets=(), values=values)).render(bytes(32)).rendered
    host_plan: dict[str, Any] = dict(rendered.host_plan, files=[_spec_file(file) for file in rendered.files])
    if "report" in host_plan:
        host_plan["report"] = dict(host_plan["report"], key=redact.MASK)
    if as_json:
        click.echo(json.dumps({"spec": str(inputs.spec), "plan": host_plan}, indent=1))
    else:
        click.echo("\n".join([f"{inputs.spec}: resolved for {rendered.server}", *plan_lines(host_plan)]))


def _spec_file(file: RenderedFile) -> dict[str, Any]:
    """Return a file as a plan lists it. Size and digest are left out if it contains a secret, which was masked."""
    import hashlib

    from bootstrap.payload import redact

    entry: dict[str, Any] = {"path": file.path, "mode": file.mode, "user": file.owner[0], "group": file.owner[1]}
    if file.fetch is not None:
        entry |= {"fetch": file.fetch, "sha256": file.fetch["sha256"]}
    # With a mask in place of the secret the content has another size and digest than on the server.
    elif not file.secret and redact.MASK.encode() not in file.content:
        entry |= {"size": len(file.content), "sha256": hashlib.sha256(file.content).hexdigest()}
    condition = {"after": file.after} if file.after else {}
    return entry | {"secret": file.secret, "keep": file.keep, "deliver": file.deliver} | condition
