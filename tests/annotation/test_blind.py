"""Nobody sees what the first reader wrote, wherever they look."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import transaction

from annotation import progress
from annotation.models import (
    Pair,
    Recording,
    Segment,
    User,
)
from tests.annotation.api.calling import Caller
from tests.annotation.api.workbench import hear
from tests.annotation.doubling import doubled, row
from tests.factories import make_recording
from tests.personas import Cast

SECRET = "wombat"


@pytest.fixture
def second(cast: Cast) -> User:
    """Return another annotator, in a project whose every row is read twice."""
    return doubled(cast)


@pytest.fixture
def recording(cast: Cast) -> Recording:
    return make_recording(cast.project, duration_ms=100_000)


def everything(user: User, cast: Cast, recording: Recording, segment: Segment) -> dict[str, str]:
    """Read every address an annotator may read, and try those they may not; return what each said."""
    from tests.annotation.api.test_matrix import MATRIX

    caller = Caller(user)
    ids = {
        "<int:project_id>": cast.project.pk,
        "<int:recording_id>": recording.pk,
        "<int:segment_id>": segment.pk,
        "<int:user_id>": cast.annotator.pk,
        "<int:pair_id>": Pair.objects.get().pk,
    }
    said: dict[str, str] = {}
    for method, route in MATRIX:
        address = route
        for name, pk in ids.items():
            address = address.replace(name, str(pk))
        if "<" in address or "/audio" in address or "/events/" in address or "auth/" in address:
            continue
        body: dict[str, Any] | None = {} if method in ("POST", "PUT", "PATCH") else None
        with transaction.atomic():
            answer = caller.send(method, f"/{address}", body)
            transaction.set_rollback(True)
        said[f"{method} {address}"] = answer.body.decode(errors="replace")
    queries = (
        f"api/segments/?search={SECRET}", f"api/segments/?project={cast.project.pk}&words=1",
        f"api/segments/?state=corrected&recording={recording.pk}",
        f"api/recordings/{recording.pk}/rows/?search={SECRET}",
        f"recordings/{recording.pk}/", f"segments/{segment.pk}/history/",
        f"recordings/{recording.pk}/?q={SECRET}",
    )  # fmt: skip
    for address in queries:
        said[f"GET {address}"] = caller.get(f"/{address}").body.decode(errors="replace")
    return said


def stream(project: int) -> list[tuple[str, str]]:
    """Return all that was published in a project."""
    import redis
    from django.conf import settings

    with redis.Redis.from_url(str(settings.EARMARK.redis_url), decode_responses=True) as client:
        found: Any = client.xrange(progress.stream_key(project))
    return [(str(one), str(fields)) for one, fields in found]


@pytest.mark.django_db
def test_no_address_tells_the_second_what_the_first_wrote(
    cast: Cast, second: User, recording: Recording, redis_emptied: str
) -> None:
    made = row(cast, recording)
    neighbour = row(cast, recording, 1, "next to it")
    hear(made, "the machine heard this")
    caller = Caller(cast.annotator)
    answer = caller.patch(
        f"/api/segments/{made.pk}/", {"base_revision": 1, "text": f"a {SECRET}", "heard_share": 0.5}
    )
    assert answer.status == 200
    assert (answer.json["text"], answer.json["state"]) == (f"a {SECRET}", "corrected")
    caller.post(f"/api/segments/{made.pk}/comments/", {"text": f"it says {SECRET}, @second"})
    # The first one finds their own text again, wherever they look.
    for address in (f"segments/{made.pk}/", f"recordings/{recording.pk}/rows/", "segments/"):
        assert SECRET in caller.get(f"/api/{address}").body.decode()
    told = {
        name: said
        for name, said in everything(second, cast, recording, made).items()
        if SECRET
        in said.replace(f"?search={SECRET}", "").replace(f"?q={SECRET}", "").replace(f'value="{SECRET}"', "")
    }
    assert told == {}
    mine = Caller(second).get(f"/api/segments/{made.pk}/").json
    assert (mine["text"], mine["state"], mine["decision"], mine["annotator"]) == (
        "the machine heard this", "draft", None, None,
    )  # fmt: skip
    beside = Caller(second).get(f"/api/segments/{neighbour.pk}/").json["neighbours"]["previous"]
    assert beside["text"] == "the machine heard this"
    events = [event for _, event in stream(cast.project.pk)]
    assert not [event for event in events if SECRET in event]
    # Nor is anything told to reviewers before both have read it.
    assert SECRET not in Caller(cast.reviewer).get(f"/api/projects/{cast.project.pk}/pairs/").body.decode()
