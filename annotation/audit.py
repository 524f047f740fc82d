"""Who is acting: carried beside the code, stamped by the database backend on each transaction.

The audit itself is written by triggers (`migrations/0002_audit`). All this module does is tell them the
name behind a change, so no service has to pass it down and none can forget it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final, Literal

Origin = Literal["web", "api", "admin", "worker", "shell"]

#: Every table whose changes are events, by the words people use for its rows.
AUDITED: Final[Mapping[str, str]] = {
    "annotation_segment": "segment",
    "annotation_revision": "revision",
    "annotation_review": "verdict",
    "annotation_secondcheck": "second check",
    "annotation_pair": "pair",
    "annotation_reading": "reading",
    "annotation_gold": "gold",
    "annotation_comment": "comment",
    "annotation_recording": "recording",
    "annotation_assignment": "assignment",
    "annotation_batch": "batch",
    "annotation_batchrecording": "recording of a batch",
    "annotation_batchsegment": "segment of a batch",
    "annotation_project": "project",
    "annotation_guideline": "guideline",
    "annotation_term": "glossary term",
    "annotation_contextgate": "context gate",
    "annotation_replacement": "replacement",
    "annotation_import": "import",
    "annotation_importtemplate": "import template",
    "annotation_export": "export",
    "annotation_exportedfile": "exported file",
    "annotation_auditsample": "sample",
    "annotation_membership": "membership",
    "annotation_user": "user",
    "annotation_user_groups": "user's group",
    "annotation_user_user_permissions": "user's permission",
    "auth_group": "group",
    "auth_group_permissions": "group's permission",
}


@dataclass(frozen=True, slots=True)
class Actor:
    """Name one person or program, and the request it acts in."""

    id: int | None
    name: str
    source: Origin
    request_id: str = ""
    ip: str = ""


_current: ContextVar[Actor | None] = ContextVar("earmark_actor", default=None)


def current() -> Actor | None:
    """Return the actor of this thread or task, or None outside any request."""
    return _current.get()


@contextmanager
def acting_as(actor: Actor | None) -> Iterator[None]:
    """Attribute every transaction that begins inside the block to `actor`."""
    token = _current.set(actor)
    try:
        yield
    finally:
        _current.reset(token)


def become(actor: Actor) -> None:
    """Attribute the rest of the present `acting_as` block to `actor`, who is known only now."""
    _current.set(actor)
