"""Many writers on one segment over a real site: nothing is lost, and every loser is told what is there."""

from __future__ import annotations

import random
import threading
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from annotation.models import AuditEvent, Membership, Revision, Segment
from tests.annotation.api.online import session, token_of
from tests.factories import make_segment, make_user
from tests.personas import Cast, make_cast

WRITERS, SAVES = 8, 200


@pytest.fixture
def people(committed_db: None) -> Cast:
    return make_cast()


def test_eight_writers_of_two_hundred_saves_lose_no_update(people: Cast, site: str) -> None:
    segment = make_segment(people.project, text="start", revision=1, state="draft")
    writers = [make_user(f"writer-{n}") for n in range(WRITERS)]
    for writer in writers:
        Membership.objects.create(project=people.project, user=writer, role="annotator")
    path = f"/api/segments/{segment.pk}/"
    begin = threading.Barrier(WRITERS)

    def write(number: int) -> tuple[Counter[int], list[str]]:
        """Send 200 saves, each on top of what was last seen; return what was answered, and what accepted."""
        statuses: Counter[int] = Counter()
        accepted = []
        with session(site, writers[number]) as client:
            seen = client.get(path).json()["revision"]
            begin.wait()
            for n in range(SAVES):
                text = f"{number}:{n}"
                answer = client.patch(path, json={"text": text, "base_revision": seen})
                statuses[answer.status_code] += 1
                if answer.status_code == 200:
                    accepted.append(text)
                    seen = answer.json()["revision"]
                    continue
                error = answer.json()["error"]
                assert (answer.status_code, error["code"]) == (409, "stale_revision"), answer.text
                # The refusal alone is enough to go on: it carries both texts and the number to build on.
                assert error["detail"]["mine"] == text
                assert error["detail"]["theirs"]
                assert error["detail"]["revision"] > seen
                seen = error["detail"]["revision"]
        return statuses, accepted

    with ThreadPoolExecutor(WRITERS) as pool:
        outcomes = list(pool.map(write, range(WRITERS)))
    statuses = sum((counts for counts, _ in outcomes), Counter[int]())
    accepted = [text for _, texts in outcomes for text in texts]
    segment.refresh_from_db()
    assert sum(statuses.values()) == WRITERS * SAVES
    assert statuses[409] > 0, "the writers never met"
    assert segment.revision == 1 + statuses[200] == 1 + len(accepted)
    history = dict(Revision.objects.filter(segment=segment).values_list("number", "text"))
    assert sorted(history) == list(range(1, segment.revision + 1))
    assert sorted(history.values()) == sorted([*accepted, "start"])
    assert segment.text == history[segment.revision]
    names = set(
        AuditEvent.objects.filter(table_name="annotation_revision", segment_id=segment.pk, action="insert")
        .exclude(actor_id=None)
        .values_list("actor_name", "source")
    )
    assert names == {(writer.username, "api") for writer in writers}


def test_two_people_who_want_the_same_lease_never_both_have_it(people: Cast, site: str) -> None:
    segments = [
        make_segment(people.project, start_ms=n * 1000, text="a", revision=1, state="draft")
        for n in range(40)
    ]
    begin = threading.Barrier(2)
    got: dict[str, list[int]] = {}

    def take(name: str) -> None:
        with session(site, people.named(name)) as client:
            begin.wait()
            got[name] = [client.post(f"/api/segments/{s.pk}/lease/").status_code for s in segments]

    threads = [threading.Thread(target=take, args=(name,)) for name in ("annotator", "reviewer")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    pairs = list(zip(got["annotator"], got["reviewer"], strict=True))
    assert all(sorted(pair) == [200, 423] for pair in pairs), pairs


def test_an_answer_that_is_lost_is_no_conflict(people: Cast, site: str) -> None:
    """Break the connection before the answer is read, then send the same save again, 30 times."""
    import socket
    from urllib.parse import urlsplit

    segment = make_segment(people.project, text="start", revision=1, state="draft")
    token = token_of(people.annotator)
    host = urlsplit(site)
    rng = random.Random(5)
    with session(site, people.annotator) as client:
        revision = 1
        for n in range(30):
            save = {"text": f"save {n}", "base_revision": revision, "operation_id": str(uuid.uuid4())}
            body = client.build_request("PATCH", "/", json=save).content
            head = (
                f"PATCH /api/segments/{segment.pk}/ HTTP/1.1\r\nHost: {host.netloc}\r\n"
                f"Authorization: Bearer {token}\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(body)}\r\n\r\n"
            )
            with socket.create_connection((host.hostname or "", host.port or 0)) as line:
                line.sendall(head.encode() + body)
                if rng.random() < 0.5:  # sometimes it is committed by now, sometimes not
                    line.recv(1)
            answer = client.patch(f"/api/segments/{segment.pk}/", json=save)
            assert answer.status_code == 200, answer.text
            assert answer.json()["text"] == f"save {n}"
            revision = answer.json()["revision"]
    assert Segment.objects.get(pk=segment.pk).revision == 31
    assert Revision.objects.filter(segment=segment).count() == 31


def test_every_change_through_the_api_has_its_person_in_the_audit(people: Cast, site: str) -> None:
    segment = make_segment(people.project, text="a", revision=1, state="draft")
    known = AuditEvent.objects.order_by("-id").values_list("id", flat=True).first() or 0
    headers = {"X-Request-ID": "test-request-17"}
    with session(site, people.reviewer) as client:
        client.patch(
            f"/api/segments/{segment.pk}/", json={"text": "b", "base_revision": 1}, headers=headers
        ).raise_for_status()
        client.post(f"/api/segments/{segment.pk}/lock/").raise_for_status()
    events: list[Any] = list(AuditEvent.objects.filter(pk__gt=known, segment_id=segment.pk))
    assert len(events) == 3
    for event in events:
        assert (event.actor_id, event.actor_name, event.source) == (people.reviewer.pk, "reviewer", "api")
        assert event.ip == "127.0.0.1"
    assert [e.request_id for e in events].count("test-request-17") == 2


def test_people_at_the_same_moment_are_not_mixed_up(people: Cast, site: str) -> None:
    """Save from three people at once for a while; each revision is audited under its own author."""
    segments = {
        name: [
            make_segment(people.project, start_ms=n * 1000, text="a", revision=1, state="draft")
            for n in range(25)
        ]
        for name in ("annotator", "reviewer", "manager")
    }

    def work(name: str) -> None:
        with session(site, people.named(name)) as client:
            for segment in segments[name]:
                save = {"text": name, "base_revision": 1}
                client.patch(f"/api/segments/{segment.pk}/", json=save).raise_for_status()

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(work, segments))
    for name, mine in segments.items():
        found = AuditEvent.objects.filter(
            segment_id__in=[s.pk for s in mine], table_name="annotation_segment", action="update"
        )
        assert set(found.values_list("actor_name", flat=True)) == {name}
        assert found.count() == 25
