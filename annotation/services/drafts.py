"""Drafts: what a person is typing and has not saved, kept so that another browser can go on with it.

A draft is its author's alone. It changes no segment, needs no lease, and is taken while the row is locked
or somebody else edits it: that is when a text is most in danger.
"""

from __future__ import annotations

from annotation.errors import Invalid
from annotation.models import Draft, Segment, User
from annotation.permissions import require
from annotation.services.clock import ClockTimestamp
from annotation.services.segments import clean_text


def keep(*, user: User, segment: Segment, text: object, base_revision: int) -> Draft:
    """Keep what the user is typing in a segment, in place of what was kept before; later writes win.

    The text is kept as typed, untrimmed; raises Invalid for what could not be saved either.
    """
    require(user, "edit", segment.project)
    clean_text(text)
    if not isinstance(text, str) or not 0 <= base_revision < 2**31:
        raise Invalid("The draft needs the revision it was begun on.", base_revision="0 or more")
    draft, _ = Draft.objects.update_or_create(
        segment=segment,
        author=user,
        defaults={"text": text, "base_revision": base_revision, "at": ClockTimestamp()},
    )
    draft.refresh_from_db()
    return draft


def drop(*, user: User, segment: Segment) -> bool:
    """Throw the user's draft of a segment away; return False when there was none."""
    deleted, _ = Draft.objects.filter(segment=segment, author=user).delete()
    return bool(deleted)
