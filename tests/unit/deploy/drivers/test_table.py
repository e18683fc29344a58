"""The table of drivers agrees with the models of the deploy file, and with the modules that are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bootstrap.deploy.drivers import table
from bootstrap.errors import UsageError
from bootstrap.spec.deploy_drivers import POOLS, SERVERS
from bootstrap.spec.deploy_models import Cloud

FOLDER = Path(table.__file__).parent


def test_the_drivers_are_those_that_a_deploy_file_may_name() -> None:
    for kind, names in ((table.SERVERS, SERVERS), (table.POOL, POOLS)):
        assert tuple(driver.name for driver in table.DRIVERS if driver.kind == kind) == names


def test_the_settings_of_each_driver_are_a_key_of_the_cloud() -> None:
    assert {driver.name for driver in table.DRIVERS} == set(Cloud.model_fields) - {"servers", "pool"}


def test_the_modules_with_the_function_of_a_kind_are_those_of_the_table() -> None:
    functions = {
        (path.stem, kind)
        for path in FOLDER.glob("*.py")
        for kind in re.findall(r"^def (servers|pool)\(settings: Mapping\[str, Any\]", path.read_text(), re.MULTILINE)
    }
    assert functions == {(driver.module, driver.kind) for driver in table.DRIVERS}


def test_a_missing_library_is_told_with_the_way_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    driver = table.Driver("x", table.SERVERS, "needs_something", "something (pip install something)")
    monkeypatch.setattr("bootstrap.deploy.drivers.__path__", [str(tmp_path)])
    (tmp_path / "needs_something.py").write_text("import no_such_library_of_ours\n")
    with pytest.raises(UsageError, match="needs no_such_library_of_ours, which is not installed") as caught:
        driver.code()
    assert caught.value.hint == "it needs something (pip install something)"


def test_a_missing_module_of_ours_is_no_missing_library() -> None:
    with pytest.raises(ModuleNotFoundError):
        table.Driver("x", table.SERVERS, "no_such_module", "nothing").code()
