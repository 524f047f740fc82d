"""The front end's types are those of the API."""

from __future__ import annotations

import pytest

from tools import api_types


@pytest.fixture(scope="module")
def schemas() -> api_types.Schema:
    return api_types.document()["components"]["schemas"]  # type: ignore[no-any-return]


def test_the_types_of_the_front_end_are_current(schemas: api_types.Schema) -> None:
    written = api_types.FILE.read_text(encoding="utf-8")
    assert written == api_types.written(schemas), "run `python -m tools.api_types`"


def test_a_changed_field_is_seen(schemas: api_types.Schema) -> None:
    row = schemas["RowOut"]
    fields = {**row["properties"], "more": {"type": "integer", "nullable": True}}
    changed = api_types.written({**schemas, "RowOut": {**row, "properties": fields}})
    assert "more?: number | null;" in changed
    assert changed != api_types.written(schemas)


@pytest.mark.parametrize(
    ("schema", "type_"),
    [
        ({"type": "string", "nullable": True}, "string | null"),
        ({"type": "array", "items": {"type": "array", "items": {}}}, "unknown[][]"),
        ({"enum": ["a", "b"]}, '"a" | "b"'),
        ({"allOf": [{"$ref": "#/components/schemas/Row"}], "nullable": True}, "Row | null"),
        ({"type": "array", "items": {"type": "string", "nullable": True}}, "(string | null)[]"),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, "Record<string, number>"),
        ({"type": "object"}, "Record<string, unknown>"),
    ],
)
def test_each_kind_of_schema_has_its_type(schema: api_types.Schema, type_: str) -> None:
    assert api_types.of(schema) == type_
