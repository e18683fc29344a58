"""The metadata service, asked over HTTP as a host asks it."""

from __future__ import annotations

import http.client

from bootstrap.trial.metadata import MetadataService

CONTENT = {"openstack": b"latest\n", "openstack/latest/user_data": b"#!", "latest/user-data": b"#!/bin/sh\n"}
LIFETIME = {"X-aws-ec2-metadata-token-ttl-seconds": "60"}


def ask(port: int, method: str, path: str, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_openstacks_files_are_given_to_whoever_asks() -> None:
    with MetadataService(CONTENT) as service:
        assert ask(service.port, "GET", "/openstack/latest/user_data") == (200, b"#!")
        assert ask(service.port, "GET", "/openstack/") == (200, b"latest\n")
        assert ask(service.port, "GET", "/openstack/latest/vendor_data.json") == (404, b"")


def test_ec2s_files_are_given_for_a_token_alone() -> None:
    with MetadataService(CONTENT) as service:
        assert ask(service.port, "GET", "/latest/user-data")[0] == 401
        assert ask(service.port, "GET", "/latest/user-data", {"X-aws-ec2-metadata-token": "guess"})[0] == 401
        assert ask(service.port, "PUT", "/latest/api/token")[0] == 400
        status, token = ask(service.port, "PUT", "/latest/api/token", LIFETIME)
        headers = {"X-aws-ec2-metadata-token": token.decode()}
        assert status == 200
        assert ask(service.port, "GET", "/latest/user-data", headers) == (200, b"#!/bin/sh\n")


def test_nobody_listens_after_the_block() -> None:
    with MetadataService(CONTENT) as service:
        port = service.port
    try:
        ask(port, "GET", "/openstack/")
    except ConnectionRefusedError:
        return
    raise AssertionError("it still listens")
