"""Read JSON that strangers made: bounded in size and nesting, with errors that say where."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, NoReturn

from transcription.formats.rows import FormatError

# 24 MiB of brackets or of commas would be a gigabyte of objects; no real transcript comes near these.
MAX_CONTAINERS: Final = 600_000
MAX_ITEMS: Final = 3_000_000


def parse(text: str, line: int = 0) -> Any:
    """Give the value of a JSON text. Raises FormatError where it is none, or too much of one.

    `line` says where it stands in its file; 0 = it is the file, and the error finds the line.
    """
    if text.count("[") + text.count("{") > MAX_CONTAINERS or text.count(",") > MAX_ITEMS:
        raise FormatError(
            "too_large", "The file holds more parts than a transcript has. Split it by recording.", line
        )
    try:
        return json.loads(text.removeprefix("\ufeff"), parse_constant=_refuse)
    except json.JSONDecodeError as error:
        raise FormatError("malformed", f"This is no JSON: {error.msg}.", line or error.lineno) from error
    except (RecursionError, ValueError) as error:
        # Nested too deep, NaN, or an integer of thousands of digits.
        raise FormatError("malformed", "This JSON holds values that no transcript has.", line) from error


def mapping(value: object, line: int, what: str) -> Mapping[str, Any]:
    """Give the value back as a JSON object; raises FormatError that names `what` where it is none."""
    if not isinstance(value, dict):
        raise FormatError("malformed", f"{what} should be a JSON object {{…}}.", line)
    return value


def array(value: object, line: int, what: str) -> list[Any]:
    """Give the value back as a JSON array; raises FormatError that names `what` where it is none."""
    if not isinstance(value, list):
        raise FormatError("malformed", f"{what} should be a JSON array […].", line)
    return value


def words_of(value: object, default: str = "") -> str:
    """Give a JSON scalar as text; numbers as they are written, everything else as the default."""
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return default


def dump(value: object, *, indent: int | None = None) -> str:
    """Write JSON with its letters as they are; the same value gives the same bytes."""
    separators = (",", ": ") if indent else (",", ":")
    return json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent, separators=separators)


def _refuse(name: str) -> NoReturn:
    raise ValueError(name)
