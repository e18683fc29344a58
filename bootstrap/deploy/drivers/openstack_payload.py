"""The part of a create call that brings the payload to a server, for each channel."""

from __future__ import annotations

import base64
from typing import Any

from bootstrap.deploy.drivers.openstack_settings import PERSONALITY, USER_DATA, Settings


def carried(settings: Settings, payload: Any) -> dict[str, Any]:
    """The keys of Nova's create call for a payload. Raises PayloadError when it does not fit the provider.

    payload: a bootstrap.Rendering, or None for a server that gets nothing.
    """
    if payload is None:
        return {}
    if settings.channel == PERSONALITY:
        # The starter is for cloud-init, whose copies of the files of a config drive cron would ignore.
        starter = payload.starter(settings.provider)
        return {
            "personality": payload.personality(settings.provider),
            "user_data": base64.b64encode(starter.encode()).decode("ascii"),
            "config_drive": True,
        }
    user_data = {"user_data": payload.user_data(settings.provider, encoded=True)}
    return user_data if settings.channel == USER_DATA else {**user_data, "config_drive": True}
