"""What follows a word such as `password` is a secret, unless it is a placeholder, a reference or a word."""

from __future__ import annotations

import pytest
from planted.texts import hexes, letters

from bootstrap.image.secrets.assignments import assigned, in_url

RANDOM = letters(32)


@pytest.mark.parametrize(
    "text",
    [
        "PASSWORD=hunter2",
        "export DB_PASSWORD='hunter2'",
        'db_passwd: "hunter2"',
        "password = Tr0ub4dor&3",
        "  smtp_pass => 'hunter2',",
        "$dbpass='jtBdyJSYCv3z';",
        "define( 'DB_PASSWORD', 'hunter2' );",
        '{"user": "web", "password": "hunter2"}',
        '{"password":"hunter2"}',
        "<password>hunter2</password>",
        '<user name="web" password="hunter2"/>',
        'Environment="A=b" "DB_PASSWORD=hunter2"',
        "ExecStart=/usr/bin/web --db-password=hunter2",
        "exec web --password hunter2 --port 80",
        "spring.datasource.password=hunter2",
        "Server=db;User Id=web;Password=hunter2;",
        f"SECRET_KEY = '{RANDOM}'",
        f"api_key: {RANDOM}",
        f"token: {RANDOM}",
        f"client-secret={RANDOM}",
        f"DD_API_KEY={hexes(32)}",
        f"$config['des_key'] = '{letters(24)}';",
        f"HCLOUD_TOKEN={letters(64)}",
        "passphrase: correct-horse",
        "//one/share /mnt cifs username=web,password=hunter2 0 0",
        "MYSQL_PWD=hunter2",
    ],
)  # fmt: skip
def test_a_setting_with_a_real_value_is_a_secret(text: str) -> None:
    assert assigned(f"# a comment\n{text}\n".encode())


@pytest.mark.parametrize(
    "text",
    [
        "PASSWORD=",
        "    password=self.ssl_keyfile_password,",
        "        self.ssl_keyfile_password = ssl_keyfile_password",
        "password = settings.db_password",
        "password = changeme",
        "password: xxxxxxxx",
        "password: ********",
        "PASSWORD=${DB_PASSWORD}",
        "PASSWORD=$(cat /run/secrets/db)",
        "password = <password>",
        "password = %(db_password)s",
        "password: {{ vault_db_password }}",
        "password: null",
        "password: 'example-password'",
        "# password = hunter2",
        "; password = hunter2",
        "// password = 'hunter2'",
        "<!-- <password>hunter2</password> -->",
        "<label for='password'>Database password</label>",
        "PASSWORD_FILE=/run/secrets/db",
        "password = /run/secrets/db",
        "PASSWORD=file:///run/secrets/db",
        "TOKEN_URL=https://auth.internal/token",
        "token: yes",
        "token = next_token",
        "secret_name: database",
        "primary_key: id",
        "public_key = " + RANDOM,
        "bypass: hunter2x",
        "compass = north1234",
        "passwd: files systemd",
        "passwd: elevated-privileges 2755 root/shadow",
        "PasswordAuthentication no",
        "password requisite pam_deny.so",
        "password: string",
        "-passin pass:`grep output_password server.cnf`",
        "spf = pass:softfail:neutral",
        "${PASSWORD:+-w \"$PASSWORD\"}",
        "monkey: 0a1b2c3d4e5f",
        "password: new Password1()",
        "api_key = os.environ['API_KEY']",
    ],
)  # fmt: skip
def test_a_placeholder_a_reference_and_a_word_are_none(text: str) -> None:
    assert not assigned(f"{text}\n".encode())


def test_a_password_in_a_url_is_a_secret() -> None:
    assert in_url(b"backend: postgres://web:hunter2@db.internal/web\n")
    assert in_url(b"curl https://me:hunter2@host/x\n")
    for text in (
        b"https://host/x", b"https://me@host/x", b"postgres://web:${PASSWORD}@db/web", b"https://user:password@host/",
        b"# https://me:hunter2@host", b"redis://:@db", b"http://host:80/@x", b"ssh://git@host:22/x",
    ):  # fmt: skip
        assert not in_url(text + b"\n"), text


@pytest.mark.timeout(60)
def test_a_text_made_to_keep_a_pattern_busy_does_not() -> None:
    many = 300_000
    for text in (b"password" * many, b"password=" * many, b"pass " * many, b"token:" + b" " * many, b"://a:" * many,
                 b"--token " * many, b"define('pass'," * many, b"<password>" * many, b"key" * many + b"=",
                 b"://" + b"a" * many + b":" + b"b" * many, b"\\" * many + b"secret=" + b"." * many):  # fmt: skip
        assigned(text)
        in_url(text)
