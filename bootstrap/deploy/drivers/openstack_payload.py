"""The part of a create call that brings the payload to a server, for each channel."""

from __future__ import annotations

import base64
from typing import Any

from bootstrap.deploy.drivers.openstack_settings import CONFIG_DRIVE, USER_DATA, ServerSettings


def carried(settings: ServerSettings, payload: Any) -> dict[str, Any]:
    """The keys of Nova's create call for a payload. Raises PayloadError when it does not fit the provider.

    payload: a bootstrap.Rendering or what holds one, or None for a server that gets nothing.
    """
    if payload is None:
        return {}
    rendering = getattr(payload, "rendering", payload)
    if settings.channel == USER_DATA:
        return {"user_data": rendering.user_data(settings.provider, encoded=True)}
    files = {"personality": rendering.personality(settings.provider)}
    if settings.channel != CONFIG_DRIVE:
        return files
    # The starter is for cloud-init, which copies the files of a drive so that cron would ignore them.
    starter = base64.b64encode(rendering.starter(settings.provider).encode()).decode("ascii")
    return {**files, "user_data": starter, "config_drive": True}
