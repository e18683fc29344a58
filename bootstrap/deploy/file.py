"""Loads a deploy file and the specs of its tiers, and fails once with everything that is wrong with any of them."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from bootstrap.deploy import rules, texts
from bootstrap.deploy.paths import folder_at, path_at
from bootstrap.errors import Problem, SpecError, UsageError, Where
from bootstrap.spec import deploy_models, deploy_words, tree
from bootstrap.spec.deploy_models import NAMED, DeployModel
from bootstrap.spec.includes import Included
from bootstrap.spec.load import Spec, in_order
from bootstrap.spec.load import load as load_spec
from bootstrap.spec.overrides import lay
from bootstrap.spec.storage import DISK, Storage
from bootstrap.spec.types import is_address
from bootstrap.spec.validate import validate


@dataclass(frozen=True)
class Tier:
    """One tier: its keys, and its spec with the tier's values laid over those of the spec."""

    name: str
    model: deploy_models.Tier
    spec: Spec

    @property
    def reports(self) -> bool:
        """Whether its servers report, so that the gate can wait for their reports."""
        return self.spec.model.report is not None


@dataclass(frozen=True)
class DeployFile:
    """A checked deploy file. file: as the caller named it; overrides: the `--set` texts that it was loaded with."""

    file: str
    model: DeployModel
    root: tree.Map = field(repr=False)
    tiers: tuple[Tier, ...]
    overrides: tuple[str, ...] = ()
    warnings: tuple[Problem, ...] = ()

    @property
    def name(self) -> str:
        """The name with which the names of all its servers begin."""
        return self.model.name

    @property
    def reports(self) -> bool:
        """Whether any of its servers report, so that rendering needs the deployer's secret."""
        return any(tier.reports for tier in self.tiers)

    def tier(self, name: str) -> Tier:
        """The tier of this name. Raises KeyError."""
        return {tier.name: tier for tier in self.tiers}[name]

    def settings(self, driver: str) -> dict[str, Any]:
        """The settings of a driver, as its factory takes them: seconds, absolute paths, no key without a value."""
        model = getattr(self.model.cloud, driver)
        settings: dict[str, Any] = model.model_dump(exclude_none=True) if model else {}
        for key in model.paths if model else ():
            # A socket may be HOST:PORT.
            if key in settings and not is_address(settings[key]):
                settings[key] = path_at(self.root, "cloud", driver, key)
        if driver == "octavia":
            # It is a service of the same cloud, and its balancer is this file's.
            shared = self.settings("openstack")
            defaults: dict[str, Any] = {key: shared[key] for key in ("cloud", "region") if key in shared}
            settings = {"load_balancer": self.name, **defaults, **settings}
        return settings

    def command(self, number: int) -> str | None:
        """The `before_swap` of a tier as sh takes it, which begins in the folder of the file that names it."""
        line = self.model.tiers[number].gate.before_swap
        folder = folder_at(self.root, "tiers", number, "gate", "before_swap")
        return None if line is None else f"cd {shlex.quote(folder)} && {line}"

    @property
    def collector(self) -> deploy_models.Collector | None:
        """The collector to ask, with an absolute path of its CA; None without one."""
        model = self.model.collector
        if model is None or model.ca is None:
            return model
        return model.model_copy(update={"ca": path_at(self.root, "collector", "ca")})

    def token(self) -> str | None:
        """The token to ask the collector with, read now; None where the file names none. Raises UsageError."""
        source = self.model.collector.token if self.model.collector else None
        if source is None:
            return None
        kind, _, location = source.partition(":")
        if kind == "env":
            if not os.environ.get(location):
                raise UsageError(
                    f"collector.token: {location} is not in the environment", hint=f"export {location}=..."
                )
            return os.environ[location]
        path = Path(folder_at(self.root, "collector", "token"), location)
        try:
            return path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
            raise UsageError(f"collector.token: {path} cannot be read: {reason}") from error


def load(
    path: str | Path,
    *,
    overrides: Sequence[str] = (),
    values_files: Sequence[str | Path] = (),
    storage: Storage = DISK,
) -> DeployFile:
    """The deploy file and its specs, with `--set K=V` overrides and `--values` files laid over the values of the file.

    storage: where all files are read.

    Raises SpecError with every problem of it, its includes and its specs, UsageError when it cannot be read.
    """
    reader = tree.Reader(storage=storage, start=deploy_words.START)
    refuse = partial(deploy_words.other_file, storage=storage)
    root = Included(reader, refuse, NAMED).read(Path(path), str(path))
    if root is None:
        raise SpecError(reader.problems)
    root, undeclared = lay(reader, root, overrides, [str(name) for name in values_files], subject="deploy file")
    root, problems, failed = texts.render(root, undeclared)
    model, misfits = validate(root, deploy_words.DEPLOY)
    # A text that could not be rendered is no value yet, so what the models say of it is no news.
    problems += reader.problems + [p for p in misfits if p.where not in failed]
    specs, of_specs = _specs(root, model, storage) if model else ([], [])
    if model is not None and not any(p.severity == "error" for p in reader.problems):
        problems += rules.judge(model, root, specs, storage)
    # Those of the specs come last: they are in other files.
    problems += of_specs
    errors = [p for p in problems if p.severity == "error"]
    if errors or model is None:
        raise SpecError(in_order(errors))
    tiers = tuple(
        Tier(tier.name or spec.name, tier, spec) for tier, spec in zip(model.tiers, specs, strict=True) if spec
    )
    return DeployFile(str(path), model, root, tiers, tuple(overrides), tuple(in_order(problems)))


def _specs(root: tree.Map, model: DeployModel, storage: Storage) -> tuple[list[Spec | None], list[Problem]]:
    """(the spec of each tier, None for one that is wrong; every problem and warning of them)."""
    specs: list[Spec | None] = []
    problems: list[Problem] = []
    for number, tier in enumerate(model.tiers):
        where = tree.where_of(root, ("tiers", number, "spec"))
        values = tree.find(root, ("tiers", number, "values"))
        path = Path(where.file).parent / tier.spec if where.file != "--set" else Path(tier.spec)
        try:
            spec = load_spec(path, values=values if isinstance(values, tree.Map) else None, storage=storage)
        except SpecError as error:
            specs.append(None)
            problems += error.problems
        except UsageError as error:
            specs.append(None)
            problems.append(_unreadable(number, error, where))
        else:
            specs.append(spec)
            problems += spec.warnings
    return specs, problems


def _unreadable(number: int, error: UsageError, where: Where) -> Problem:
    # A folder with several specs has a hint of its own.
    hint = error.hint if "holds" in error.message else f"the path is relative to the folder of {Path(where.file).name}"
    return Problem("spec.source", f"tiers[{number}].spec: {error.message}", where, hint)
