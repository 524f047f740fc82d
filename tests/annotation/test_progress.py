"""Events that could not be published: nobody waits for them, and pages are told that some are missing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from annotation import progress
from annotation.conf import conf
from tests import services
from tests.personas import Cast
from tests.waiting import until


def names(project: Any) -> list[str]:
    """Return the events of a project's stream, oldest first."""
    events: Any = progress.client().xrange(progress.stream_key(project.pk))
    return [fields["event"] for _, fields in events]


@pytest.fixture(autouse=True)
def _heard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_quiet", progress._Quiet())


def test_what_could_not_be_said_is_made_up_for_once(cast: Cast, redis_emptied: str, settings: Any) -> None:
    here = settings.EARMARK
    settings.EARMARK = replace(conf(), redis_url=f"redis://127.0.0.1:{services.free_port()}/0")
    for segment in range(3):
        progress.publish(cast.project.pk, "segment.changed", {"segment": str(segment)})
    settings.EARMARK = here
    until(lambda: names(cast.project) == ["events.missed"])
    progress.publish(cast.project.pk, "segment.changed", {"segment": "4"})
    assert names(cast.project) == ["events.missed", "segment.changed"]


def test_it_is_said_however_long_redis_is_away(cast: Cast, redis_emptied: str, settings: Any) -> None:
    here = settings.EARMARK
    settings.EARMARK = replace(conf(), redis_url=f"redis://127.0.0.1:{services.free_port()}/0")
    progress.publish(cast.project.pk, "segment.changed", {})
    first = progress._quiet.until
    until(lambda: progress._quiet.until > first)  # tried again, in vain
    settings.EARMARK = here
    until(lambda: names(cast.project) == ["events.missed"])
