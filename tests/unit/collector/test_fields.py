"""The schema and the check of a field agree, and so do a parameter's schema and its default."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bootstrap.collector.app import ENDPOINTS
from bootstrap.collector.fields import EVENT, EVENT_BY_TYPE, LEASE, MANIFEST, NUMBER_LIMIT, POOL, REPORT, Check
from bootstrap.collector.parameters import Parameter

TABLES = (EVENT, *EVENT_BY_TYPE.values(), REPORT, MANIFEST, LEASE)
CHECKS = [POOL, *(check for fields in TABLES for check in fields.values())]
JUDGES = [(check, jsonschema.Draft202012Validator(check.schema)) for check in CHECKS]
PARAMETERS = [parameter for route in ENDPOINTS for parameter in route.query]
WORDS = st.sampled_from(["done", "failed", "healthy", "running", "web-1", "-x", "a" * 64, "a" * 257, ""])
NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([0, -1, 1, NUMBER_LIMIT])
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["path", "why", "saw", "a"]), inner),
    max_leaves=5,
)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(JUDGES), VALUES)
def test_a_check_and_its_schema_agree(pair: tuple[Check, Any], value: Any) -> None:
    check, judge = pair
    # For JSON Schema 1.0 is an integer; the collector wants it written without a point.
    assume(not (isinstance(value, float) and value.is_integer()))
    assert judge.is_valid(value) == check.holds(value)


@pytest.mark.parametrize("parameter", PARAMETERS, ids=lambda parameter: parameter.name)
def test_the_default_of_a_parameter_is_the_described_one(parameter: Parameter[Any]) -> None:
    described = parameter.schema.get("default")
    assert parameter.default == (None if described is None else parameter.parse(str(described)))
