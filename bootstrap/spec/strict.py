"""Maps of a spec: each refuses keys that it does not know, and some want exactly one of several keys."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

from bootstrap.spec import types as t


class Strict(BaseModel):
    """A map that refuses unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


def one_of(*keys: str) -> Any:
    """A validator: exactly one of these keys is given."""

    def check(model: Any) -> Any:
        present_keys = [key for key in keys if getattr(model, key.replace("-", "_")) is not None]
        if len(present_keys) != 1:
            listed = ", ".join(keys[:-1]) + f" or {keys[-1]}"
            listing = "none" if not present_keys else " and ".join(present_keys)
            raise t.wrong("spec.choice", f"give exactly one of {listed}; this has {listing}")
        return model

    return model_validator(mode="after")(check)
