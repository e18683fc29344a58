"""The endpoint for hosts and the credentials of a store: chosen without a network."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests

from bootstrap.errors import UsageError
from bootstrap.publish import clouds, preflight
from bootstrap.publish.objects import PublishError
from bootstrap.publish.store import Account, Endpoint, endpoints_1, temp_url

CLOUD_FILES = "https://storage101.ord1.clouddrive.com/v1/MossoCloudFS_01234567"


def account(*endpoints: Endpoint, region: str | None = "ORD") -> Account:
    return Account(endpoints, region, "token", requests.Session())


def test_cloud_files_tell_their_region_and_their_private_name() -> None:
    public, internal = endpoints_1(CLOUD_FILES + "/", None)
    assert (public.url, public.interface, public.region) == (CLOUD_FILES, "public", "ORD")
    assert internal == Endpoint(CLOUD_FILES.replace("storage", "snet-storage"), "internal", "ORD")
    assert endpoints_1(internal.url, None) == (public, internal)
    assert endpoints_1("https://swift.example/v1/AUTH_x", "here") == (
        Endpoint("https://swift.example/v1/AUTH_x", "public", "here"),
    )


@pytest.mark.parametrize(
    ("interface", "region", "chosen"),
    [
        ("auto", "ORD", "internal"), ("auto", "ord", "internal"), ("auto", "DFW", "public"), ("auto", None, "public"),
        ("public", "ORD", "public"), ("internal", "ORD", "internal"), ("internal", None, "internal"),
    ],
)  # fmt: skip
def test_the_internal_endpoint_is_taken_if_it_is_known_to_work(interface: str, region: str | None, chosen: str) -> None:
    endpoint, remark = preflight.choose(account(*endpoints_1(CLOUD_FILES, None)), interface, region)
    assert endpoint.interface == chosen
    assert remark


def test_the_internal_endpoint_of_another_region_is_refused_with_both_names() -> None:
    with pytest.raises(PublishError, match="other region: the internal endpoint is in ORD, the servers are in DFW"):
        preflight.choose(account(*endpoints_1(CLOUD_FILES, None)), "internal", "DFW")


def test_an_endpoint_that_is_missing_or_not_encrypted_is_refused() -> None:
    alone = account(Endpoint("http://swift.example/v1/x", "public", "ORD"))
    with pytest.raises(PublishError, match="names no internal endpoint"):
        preflight.choose(alone, "internal", "ORD")
    with pytest.raises(PublishError, match=r"http://swift\.example is not encrypted"):
        preflight.choose(alone, "auto", "ORD")


def test_a_temp_url_is_signed_over_the_path_and_its_end() -> None:
    # Made by hand: printf 'GET\n1440619048\n/v1/AUTH_account/c/o' | openssl dgst -sha256 -hmac mykey
    url = temp_url(Endpoint("https://swift.example/v1/AUTH_account", "public", None), "c", "o", "mykey", 1440619048)
    assert url == (
        "https://swift.example/v1/AUTH_account/c/o?temp_url_sig="
        "79c52bd4b3d04efd55e82ea7cce29962d7d7e29e67e7fc1a948eca8cd3f31b1a&temp_url_expires=1440619048"
    )


def test_credentials_come_from_the_environment_and_missing_ones_are_named() -> None:
    environment = {"OS_AUTH_URL": "https://k", "OS_USERNAME": "me", "OS_PASSWORD": "hunter2", "OS_REGION_NAME": "ORD"}
    cloud = clouds.find(None, environment)
    assert (cloud.version, cloud.region, cloud.auth["username"]) == (3, "ORD", "me")
    assert "hunter2" not in repr(cloud)
    with pytest.raises(UsageError, match="the environment does not set username and password"):
        clouds.find(None, {"OS_AUTH_URL": "https://k"})
    with pytest.raises(UsageError, match="ST_AUTH is set, but ST_USER and ST_KEY are not"):
        clouds.find(None, {"ST_AUTH": "https://s/auth/v1.0"})
    application = {"OS_AUTH_URL": "https://k", "OS_APPLICATION_CREDENTIAL_SECRET": "s"}
    with pytest.raises(UsageError, match="application_credential_id"):
        clouds.find(None, application)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("clouds: {}", "has no cloud 'mine'"), ("[]", "is not a map"), ("a: [", "cannot be read"),
        ("clouds: {mine: {}}", "does not set auth_url"), ("clouds: {mine: x}", "has no cloud 'mine'"),
    ],
)  # fmt: skip
def test_an_unusable_clouds_yaml_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "clouds.yaml").write_text(text)
    with pytest.raises(UsageError, match=message):
        clouds.find("mine", {"OS_CLIENT_CONFIG_FILE": str(tmp_path / "clouds.yaml")})
