"""Who has a recording open: short-lived notes in Redis, for courtesy alone.

With Redis away nobody is known to be there, and nothing else is different.
"""

from __future__ import annotations

import json
import logging
import time
from typing import Any, Final

import redis

from annotation import presence, progress
from annotation.models import Recording, User
from annotation.permissions import require
from annotation.services.leases import check_client, display_name

log = logging.getLogger(__name__)

STAY_S: Final = 60
"""A tab that has not called for this long is gone; tabs call every twenty to thirty seconds."""
MOST_SHOWN: Final = 100


def arrive(
    *, user: User, recording: Recording, client: str, segment: int | None = None
) -> list[dict[str, Any]]:
    """Note that a person's tab has the recording open (and which segment), and return who else has.

    The others hear of it when somebody comes, or goes to another segment.
    """
    require(user, "view", recording.project)
    check_client(client)
    presence.note_person()
    now = time.time()
    field = f"{user.pk}:{client}"
    try:
        pipe = progress.client()
        old = _note(pipe.hget(_key(recording), field))
        alive = old is not None and old["until"] > now
        note = {
            "username": user.get_username(),
            "name": display_name(user),
            "segment": str(segment) if segment is not None else None,
            "since": old["since"] if alive and old else round(now, 3),
            "until": now + STAY_S,
        }
        pipe.hset(_key(recording), field, json.dumps(note, separators=(",", ":")))
        pipe.expire(_key(recording), STAY_S * 2)
    except (redis.RedisError, OSError) as error:
        log.debug("visitor of recording %s not noted: %s", recording.pk, error)
        return [_shown(user, user.get_username(), display_name(user), [{"segment": segment, "since": now}])]
    if not alive or (old and old["segment"] != note["segment"]):
        _tell(recording)
    return present(user, recording)


def leave(*, user: User, recording: Recording, client: str) -> None:
    """Take the note of a person's tab back."""
    check_client(client)
    try:
        gone = progress.client().hdel(_key(recording), f"{user.pk}:{client}")
    except (redis.RedisError, OSError) as error:
        log.debug("visitor of recording %s not removed: %s", recording.pk, error)
        return
    if gone:
        _tell(recording)


def present(user: User | None, recording: Recording) -> list[dict[str, Any]]:
    """List who has the recording open: `[{username, name, you, segment, tabs, since}]`, oldest first."""
    now = time.time()
    by_name: dict[str, list[dict[str, Any]]] = {}
    try:
        found: dict[str, str] = progress.client().hgetall(_key(recording))  # type: ignore[assignment]
        stale = []
        for field, raw in found.items():
            note = _note(raw)
            if note is None or note["until"] <= now:
                stale.append(field)
            else:
                by_name.setdefault(note["username"], []).append(note)
        if stale:
            progress.client().hdel(_key(recording), *stale)
    except (redis.RedisError, OSError) as error:
        log.debug("visitors of recording %s not listed: %s", recording.pk, error)
        return []
    people = [_shown(user, name, notes[0]["name"], notes) for name, notes in by_name.items()]
    return sorted(people, key=lambda one: (str(one["since"]), one["username"]))[:MOST_SHOWN]


def _shown(user: User | None, username: str, name: str, notes: list[dict[str, Any]]) -> dict[str, Any]:
    newest = max(notes, key=lambda note: float(note.get("until", 0)))
    segment = newest["segment"]
    since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(min(float(note["since"]) for note in notes)))
    return {
        "username": username,
        "name": name,
        "you": user is not None and username == user.get_username(),
        "segment": str(segment) if segment is not None else None,
        "tabs": len(notes),
        "since": since,
    }


def _tell(recording: Recording) -> None:
    people = [{k: v for k, v in one.items() if k != "you"} for one in present(None, recording)]
    data = {"recording": str(recording.pk), "people": people}
    progress.publish(recording.project_id, "presence.changed", data)


def _note(raw: Any) -> dict[str, Any] | None:
    try:
        note = json.loads(raw)
        return note if {"username", "name", "segment", "since", "until"} <= set(note) else None
    except (ValueError, TypeError):
        return None


def _key(recording: Recording) -> str:
    return f"earmark:here:{recording.pk}"
