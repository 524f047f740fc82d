"""Cursor pages `{next, previous, results}` by keyset: no row twice, none skipped, and no cost at depth.

A cursor names the last row seen by its sort values, so rows that are added or re-sorted behind a reader
do not shift the pages ahead.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import F, Model, Q, QuerySet
from django.db.models.fields.tuple_lookups import Tuple, TupleGreaterThan, TupleLessThan
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

PAGE_SIZE: Final = 50
PAGE_MAX: Final = 500


@dataclass(frozen=True, slots=True)
class Key:
    """One column of the order; nulls come last (first when descending is reversed)."""

    field: str
    descending: bool = False
    nullable: bool = False


BY_ID: Final = (Key("id"),)
NEWEST: Final = (Key("id", descending=True),)
BY_TIME: Final = (Key("recording_id"), Key("start_ms"), Key("id"))
BY_RISK: Final = (Key("risk", descending=True, nullable=True), Key("id"))


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where to go on, and in which direction."""

    values: tuple[Any, ...]
    backwards: bool = False

    def encode(self) -> str:
        """Return the cursor as an opaque token."""
        raw = json.dumps([int(self.backwards), *self.values], separators=(",", ":"))
        return base64.urlsafe_b64encode(raw.encode()).decode().rstrip("=")


def decode(token: str, keys: Sequence[Key]) -> Cursor:
    """Read a token that `encode` made; raise ValidationError for anything else."""
    try:
        raw = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        backwards, values = raw[0], tuple(raw[1:])
    except (ValueError, TypeError, IndexError, KeyError, RecursionError):
        raise ValidationError({"cursor": "Not a cursor of this list; leave it out to begin anew."}) from None
    sane = len(values) == len(keys) and all(
        (value is None and key.nullable)
        or (isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 2**63)
        for value, key in zip(values, keys, strict=False)
    )
    if backwards not in (0, 1) or not sane:
        raise ValidationError({"cursor": "Not a cursor of this list; leave it out to begin anew."})
    return Cursor(values, bool(backwards))


def paginated(
    request: Request,
    rows: QuerySet[Any],
    keys: Sequence[Key],
    show: Callable[[list[Any]], list[Any]],
) -> Response:
    """Answer one page of `rows` in the order of `keys`, shown by `show`."""
    size = _size(request)
    token = request.query_params.get("cursor", "")
    cursor = decode(token, keys) if token else None
    backwards = cursor is not None and cursor.backwards
    if cursor is not None:
        rows = rows.filter(_beyond(keys, cursor.values, backwards))
    found = list(rows.order_by(*_order(keys, backwards))[: size + 1])
    more = len(found) > size
    found = found[:size]
    if backwards:
        found.reverse()
    has_next = backwards or more
    has_previous = more if backwards else cursor is not None
    after = _link(request, keys, found[-1], backwards=False) if found and has_next else None
    before = _link(request, keys, found[0], backwards=True) if found and has_previous else None
    return Response({"next": after, "previous": before, "results": show(found)})


def _size(request: Request) -> int:
    raw = request.query_params.get("page_size", "")
    if not raw:
        return PAGE_SIZE
    if not (raw.isascii() and raw.isdecimal() and len(raw) < 6 and 1 <= int(raw) <= PAGE_MAX):
        raise ValidationError({"page_size": f"Expected a number from 1 to {PAGE_MAX}."})
    return int(raw)


def _order(keys: Sequence[Key], backwards: bool) -> list[Any]:
    order = []
    for key in keys:
        column = F(key.field)
        if key.descending != backwards:
            order.append(column.desc(nulls_last=True) if key.nullable and not backwards else column.desc())
        else:
            order.append(column.asc(nulls_first=True) if key.nullable and backwards else column.asc())
    return order


def _beyond(keys: Sequence[Key], values: Sequence[Any], backwards: bool) -> Q:
    """Return the condition for rows after (or, backwards, before) the row with `values`."""
    key, value = keys[0], values[0]
    if len(keys) > 1 and not any(key.nullable or key.descending for key in keys):
        # As one row: the long form below is no condition an index can begin at.
        compare = TupleLessThan if backwards else TupleGreaterThan
        return Q(compare(Tuple(*(F(key.field) for key in keys)), values))
    if value is None:
        past = Q(**{f"{key.field}__isnull": False}) if backwards else None
        same = Q(**{f"{key.field}__isnull": True})
    else:
        down = key.descending != backwards
        past = Q(**{f"{key.field}__{'lt' if down else 'gt'}": value})
        if key.nullable and not backwards:
            past |= Q(**{f"{key.field}__isnull": True})
        same = Q(**{key.field: value})
    if len(keys) > 1:
        within = same & _beyond(keys[1:], values[1:], backwards)
        return within if past is None else past | within
    return past if past is not None else Q(pk__in=[])


def _link(request: Request, keys: Sequence[Key], row: Model, *, backwards: bool) -> str:
    query = request.query_params.copy()
    query["cursor"] = Cursor(tuple(getattr(row, key.field) for key in keys), backwards).encode()
    return request.build_absolute_uri(f"{request.path}?{query.urlencode()}")
