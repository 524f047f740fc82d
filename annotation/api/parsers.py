"""Read JSON strictly: what PostgreSQL cannot keep, or what two readers would read differently, is refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import IO, Any, Final, NoReturn

from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

MAX_DEPTH: Final = 32
MAX_DIGITS: Final = 18
"""Fits a bigint; no number of this API needs more."""


class StrictJSON(BaseParser):
    """Parse a JSON body; refuse duplicate keys, NaN, huge numbers, deep nesting and broken text."""

    media_type = "application/json"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """Return the value, or raise ParseError saying where it is wrong."""
        raw = stream.read()
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError:
            raise ParseError("The body is not UTF-8.") from None
        return parse_json(text)


def parse_json(text: str) -> Any:
    """Parse JSON text by the rules above; raise ParseError."""
    try:
        value = json.loads(
            text, object_pairs_hook=_unique, parse_constant=_no_constant, parse_int=_int, parse_float=_float
        )
    except RecursionError:
        raise ParseError(f"The JSON is nested deeper than {MAX_DEPTH} levels.") from None
    except json.JSONDecodeError as error:
        raise ParseError(f"The body is not JSON: {error.msg} at character {error.pos}.") from None
    check_text(value)
    return value


def check_text(value: Any, path: str = "", depth: int = 0) -> None:
    """Refuse text that cannot be stored: NUL and lone surrogates, in keys and values alike."""
    if depth > MAX_DEPTH:
        raise ParseError(f"The JSON is nested deeper than {MAX_DEPTH} levels.")
    if isinstance(value, str):
        if "\x00" in value:
            raise ParseError(f"The text of {path or 'the body'} holds a NUL character; remove it.")
        if not _encodable(value):
            raise ParseError(f"The text of {path or 'the body'} holds half a character (a lone surrogate).")
    elif isinstance(value, dict):
        for key, item in value.items():
            check_text(key, f"a key in {path or 'the body'}", depth + 1)
            check_text(item, f"{path}.{key}" if path else key, depth + 1)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            check_text(item, f"{path}[{index}]", depth + 1)


def _encodable(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise ParseError(f"The key {key[:50]!r} is given twice.")
            seen.add(key)
    return value


def _no_constant(name: str) -> NoReturn:
    raise ParseError(f"{name} is not JSON.")


def _int(digits: str) -> int:
    if len(digits) > MAX_DIGITS + 1:
        raise ParseError(f"A number has more than {MAX_DIGITS} digits.")
    return int(digits)


def _float(digits: str) -> float:
    value = float(digits)
    if value in (float("inf"), float("-inf")):
        raise ParseError("A number is out of range.")
    return value
