"""Write the API's types for the front end: `python -m tools.api_types` renews workbench/src/api/schema.ts.

From the same OpenAPI document that the site serves, and nothing but its component schemas: the addresses
are few and written by hand. A test compares the file with the code.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

FILE: Final = Path(__file__).resolve().parent.parent / "workbench" / "src" / "api" / "schema.ts"
HEAD: Final = "// Made by `python -m tools.api_types` from the OpenAPI document; do not edit.\n"
PLAIN: Final = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean"}

Schema = Mapping[str, Any]


def document() -> Schema:
    """Return the OpenAPI document of this code; Django must be set up."""
    from drf_spectacular.generators import SchemaGenerator

    generator: Any = SchemaGenerator
    made: Schema = generator(urlconf="annotation.api.urls").get_schema(request=None, public=True)
    return made


def written(schemas: Mapping[str, Schema]) -> str:
    """Return the TypeScript of a document's component schemas, in the order of their names."""
    return HEAD + "".join(_declared(name, schemas[name]) for name in sorted(schemas))


def _declared(name: str, schema: Schema) -> str:
    about = str(schema.get("description", "")).strip().splitlines()
    comment = f"/** {about[0].strip()} */\n" if about and not schema.get("enum") else ""
    if schema.get("type") == "object" and "properties" in schema:
        return f"\n{comment}export interface {name} {{\n{_fields(schema, '  ')}}}\n"
    return f"\n{comment}export type {name} = {of(schema)};\n"


def _fields(schema: Schema, indent: str) -> str:
    needed = set(schema.get("required", ()))
    lines = []
    for name, value in schema.get("properties", {}).items():
        about = str(value.get("description", "")).strip().splitlines()
        # What a method's docstring says is written for the reader of the method.
        if about and not about[0].startswith("Return "):
            lines.append(f"{indent}/** {about[0].strip().replace('*/', '')} */\n")
        lines.append(f"{indent}{name}{'' if name in needed else '?'}: {of(value)};\n")
    return "".join(lines)


def of(schema: Schema) -> str:
    """Return the TypeScript type of one schema."""
    null = " | null" if schema.get("nullable") else ""
    return _bare(schema) + null


def _bare(schema: Schema) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).rsplit("/", 1)[-1]
    if "enum" in schema:
        return " | ".join("null" if value is None else _literal(value) for value in schema["enum"])
    for kind, sign in (("oneOf", " | "), ("anyOf", " | "), ("allOf", " & ")):
        if kind in schema:
            return _joined(schema[kind], sign)
    if schema.get("type") == "array":
        inner = of(schema.get("items", {}))
        return f"({inner})[]" if " " in inner else f"{inner}[]"
    if schema.get("type") == "object":
        more = schema.get("additionalProperties")
        if "properties" in schema:
            return f"{{ {' '.join(_fields(schema, '').split(chr(10))).strip()} }}"
        return f"Record<string, {of(more) if isinstance(more, Mapping) and more else 'unknown'}>"
    return PLAIN.get(str(schema.get("type", "")), "unknown")


def _joined(parts: Sequence[Schema], sign: str) -> str:
    return sign.join(of(part) for part in parts)


def _literal(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


def main() -> int:
    """Renew the file; with `--check` only say whether it is current."""
    import django

    django.setup()
    text = written(document()["components"]["schemas"])
    if "--check" in sys.argv:
        return 0 if FILE.is_file() and FILE.read_text(encoding="utf-8") == text else 1
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    import os

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    sys.exit(main())
