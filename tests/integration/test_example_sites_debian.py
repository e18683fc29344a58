"""The specs of examples/sites on Debian: all tiers of a site in one copy of this machine, with the packages they name.

Each program finds the others on 127.0.0.1, as if all servers of the site were one. On the machine's network, since apt
needs it: no other test may use its ports meanwhile.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

pytestmark = [
    pytest.mark.slow,
    pytest.mark.alone,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
]
TOP = Path(__file__).parents[2]
SITES = TOP / "examples" / "sites"
HERE = {"addresses": ["127.0.0.1"], "servers": []}
# Quotes and a backslash, which SQL, PHP and sh read each in its own way.
PASSWORD = "correct 'horse' \\ battery"
PLAIN = "correct-horse-battery"
ASK = 'ask() { curl --fail --silent --show-error --max-time 20 "$@"; }\n'

SHOP = """
for try in 1 2 3 4 5 6 7 8 9; do ask http://127.0.0.1:8080/release && break; echo "try $try"; sleep 1; done
ask --data tea http://127.0.0.1:8080/orders
ask http://127.0.0.1:8080/
ask http://127.0.0.1:8080/
"""
DATABASE_OF_NOTES = """
systemctl start postgresql@15-main
cd /
su postgres -c psql <<'SQL'
create role notes login password 'correct-horse-battery';
create database notes owner notes;
SQL
"""
NOTES = """
sleep 2
ask --data 'some words here' http://127.0.0.1:8080/notes
ask http://127.0.0.1:8080/ | grep '"notes":'
"""
FRONT = """
sleep 1
ask --insecure --resolve www.example.com:443:127.0.0.1 https://www.example.com/
ask --head http://127.0.0.1/
"""
BLOG = """
sleep 1
ask --data 'weblog_title=A+blog&user_name=admin&admin_password=Xy12345678zz&admin_password2=Xy12345678zz' \\
  --data 'admin_email=a@example.com&blog_public=0&language=' 'http://127.0.0.1/wp-admin/install.php?step=2' \\
  | grep 'Success!'
ask http://127.0.0.1/ | grep '<title>A blog</title>'
printf 'stats\\r\\nquit\\r\\n' | timeout 3 bash -c 'exec 3<>/dev/tcp/127.0.0.1/11211; cat >&3; cat <&3' \\
  | tr -d '\\r' >/run/stats
test "$(awk '$2 == "get_hits" {print $3}' /run/stats)" -gt 10
"""
DATABASE_OF_WIKI = """
systemctl restart mariadb
mariadb <<SQL
create database wiki;
create user wiki@'%' identified by '$PASSWORD';
grant all on wiki.* to wiki@'%';
SQL
"""
WIKI = """
sleep 3
ask http://127.0.0.1:6081/index.php/Main_Page | grep '<title>.*Example Wiki'
ask --head http://127.0.0.1:6081/index.php?title=Main_Page | grep -i 'x-varnish'
"""

# Site: its specs, the packages of a database that is no tier of it, values, a stage that makes this database, and the
# questions at the end.
TOGETHER: dict[str, tuple[list[str], list[str], dict[str, object], str, str]] = {
    "basic": (["web"], [], {}, "", "ask http://127.0.0.1/ | grep 'It works'\n"),
    "tiered": (["db", "cache", "web"], [], {"tiers": {"db": HERE, "cache": HERE}}, "", SHOP),
    "web-application": (["web", "worker"], ["postgresql-15"], {}, DATABASE_OF_NOTES, NOTES),
    "cms": (
        ["cache", "cms", "edge"], ["mariadb-server"],
        {"database": "127.0.0.1", "tiers": {"cache": HERE, "cms": HERE}}, DATABASE_OF_WIKI, WIKI,
    ),
    "wordpress": (["db", "cache", "web"], [], {"tiers": {"db": HERE, "cache": HERE}}, "", BLOG),
    "reverse-proxy": (["app", "proxy"], [], {"tiers": {"app": HERE}}, "", FRONT),
}  # fmt: skip


def together(name: str, folder: Path) -> Path:
    """One spec of all tiers of a site, beside copies of theirs."""
    specs, packages, values, database, asking = TOGETHER[name]
    shutil.copytree(SITES / name, folder)
    for file in folder.glob("*.yaml"):
        packages = packages + (yaml.safe_load(file.read_text()).get("values", {}).get("packages") or [])
    stage: dict[str, object] = {"name": "database", "run": database or "echo it is a tier"}
    if name == "cms":
        stage["environment"] = {"PASSWORD": "{{ db_password }}"}
    first = {"include": "base.yaml", "stages": [stage]}
    (folder / "first.yaml").write_text(json.dumps(first))
    spec = {
        "version": 1, "name": "all", "deadline": "1h", "include": ["first.yaml", *(f"{spec}.yaml" for spec in specs)],
        "values": {"packages": sorted({*packages, "curl"}), **values},
        "stages": [{"name": "asking", "run": ASK + asking}],
    }  # fmt: skip
    (folder / "all.yaml").write_text(json.dumps(spec))
    return folder / "all.yaml"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("tls")
    names = ["-keyout", folder / "key.pem", "-out", folder / "certificate.pem"]
    words = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=www.example.com", "-days", "2"]
    subprocess.run([*words, *names], check=True, capture_output=True)
    return {"TLS_KEY": (folder / "key.pem").read_text(), "TLS_CERTIFICATE": (folder / "certificate.pem").read_text()}


@pytest.mark.parametrize("name", list(TOGETHER))
def test_all_tiers_of_a_site_work_together_on_debian(name: str, certificate: dict[str, str], tmp_path: Path) -> None:
    secrets = {
        "DB_PASSWORD": PASSWORD, "WORDPRESS_SALT": PASSWORD * 2, "WIKI_DB_PASSWORD": PLAIN,
        "WIKI_SECRET_KEY": "key-of-cookies", "WIKI_ADMIN_PASSWORD": "Long-words-44",
        "DATABASE_URL": f"postgresql://notes:{PLAIN}@127.0.0.1/notes", **certificate,
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "bootstrap", "rehearse", together(name, tmp_path / name), "--network", "host",
         "--timeout", "4m", "--json"],
        cwd=TOP, env=os.environ | secrets, capture_output=True, text=True, check=False, timeout=290,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert json.loads(done.stdout)["state"] == "healthy"
