"""What belongs to people: settings, presence, progress, tags."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from annotation.models import (
    Decision,
    Project,
    Recording,
    Segment,
)
from tests.annotation.api.calling import Caller
from tests.annotation.api.workbench import url
from tests.factories import make_segment
from tests.personas import Cast

pytestmark = pytest.mark.django_db


def test_settings_are_a_persons_own_and_have_defaults(annotator: Caller, reviewer: Caller) -> None:
    sent = {
        "keys": {"preset": "otranscribe", "own": {"play": {"box": ["F8"], "list": ["Space"]}}},
        "playback": {"speed": 1.25, "auto_pause": "loop"},
    }
    answer = annotator.put("/api/me/settings/", sent)
    assert answer.status == 200, answer.body
    assert answer.json["keys"] == sent["keys"]
    assert answer.json["playback"]["speed"] == 1.25
    assert answer.json["playback"]["rewind_ms"] == 1000
    assert annotator.get("/api/me/settings/").json == answer.json
    assert reviewer.get("/api/me/settings/").json["keys"] == {"preset": "default", "own": {}}


@pytest.mark.parametrize(
    "sent",
    [
        {"theme": "dark"},
        {"keys": {"preset": "mine"}},
        {"keys": {"own": {"fly": {"box": ["F8"]}}}},
        {"keys": {"own": {"play": {"floor": ["F8"]}}}},
        {"keys": {"own": {"play": {"box": ["<script>"]}}}},
        {"keys": {"own": {"play": {"box": "F8"}}}},
        {"keys": {"own": {"play": {"box": [7]}}}},
        {"keys": {"own": {"play": {"box": ["F8"]}, "loop": {"box": ["F8"]}}}},
        {"keys": {"own": {"play": {"box": ["F8", "F8"]}}}},
        {"keys": {"own": {"play": {"box": [f"F{n}" for n in range(1, 12)]}}}},
        {"keys": {"own": {"play": {"box": ["Shift+Mod+KeyA"]}}}},
        {"keys": []},
        {"playback": {"speed": 3}},
        {"playback": {"speed": True}},
        {"playback": {"rewind_ms": 1.5}},
        {"editor": {"font_px": "18"}},
        {"editor": None},
    ],
    ids=str,
)
def test_settings_that_are_none_are_refused_by_name(annotator: Caller, sent: dict[str, Any]) -> None:
    before = annotator.get("/api/me/settings/").json
    answer = annotator.put("/api/me/settings/", sent)
    assert (answer.status, answer.code) == (400, "invalid"), answer.body
    assert answer.detail
    assert annotator.get("/api/me/settings/").json == before


def test_the_same_key_may_do_different_things_in_different_places(annotator: Caller) -> None:
    own = {"play": {"box": ["F8"]}, "loop": {"list": ["F8"]}}
    assert annotator.put("/api/me/settings/", {"keys": {"own": own}}).status == 200


def test_who_is_there_comes_and_goes(
    annotator: Caller, reviewer: Caller, recording: Recording, segment: Segment
) -> None:
    path = f"/api/recordings/{recording.pk}/presence/"
    alone = annotator.post(path, {"client": "a", "segment": str(segment.pk)}).json["people"]
    assert [(p["username"], p["you"], p["segment"]) for p in alone] == [("annotator", True, str(segment.pk))]
    annotator.post(path, {"client": "b"})
    both = reviewer.post(path, {"client": "c"}).json["people"]
    assert {p["username"]: p["tabs"] for p in both} == {"annotator": 2, "reviewer": 1}
    for tab in "ab":
        annotator.delete(f"{path}?client={tab}")
    assert [p["username"] for p in reviewer.get(path).json["people"]] == ["reviewer"]


def test_progress_counts_what_was_done_and_not_undone(
    annotator: Caller, reviewer: Caller, cast: Cast, recording: Recording
) -> None:
    rows = [
        make_segment(
            cast.project, recording=recording, start_ms=n * 1000, text="a", revision=1, state="draft"
        )
        for n in range(6)
    ]
    for row in rows[:3]:
        annotator.patch(url(row), {"base_revision": 1, "text": "b", "active_ms": 2000})
    annotator.patch(url(rows[0]), {"base_revision": 2, "text": "c", "active_ms": 500})
    reviewer.patch(url(rows[3]), {"base_revision": 1, "decision": "skip", "reason": "music"})
    annotator.post(url(rows[2], "undo/"))
    found = annotator.get(f"/api/projects/{cast.project.pk}/progress/").json
    assert found["today"]["mine"] == {"decisions": 3, "segments": 2, "audio_ms": 2000, "active_ms": 4500}
    assert found["today"]["all"] == {"decisions": 4, "segments": 3, "audio_ms": 3000, "active_ms": 4500}
    assert found["segments"]["done"] == 3
    assert found["segments"]["draft"] == 3
    assert found["audio_ms"] == {"total": 6000, "done": 3000, "left": 3000}
    # Four decisions are no pace, and a day that is not over is no day's work.
    assert found["eta"]["hours_at_this_pace"] is None
    assert found["eta"]["working_days"] is None
    # What was done yesterday is.
    earlier = Decision.objects.filter(segment=rows[1]).get()
    earlier.pk, earlier.operation_id, earlier.segment_id = None, None, rows[4].pk
    earlier.created_at, earlier.audio_ms = earlier.created_at - timedelta(days=1), 3000
    earlier.save(force_insert=True)
    found = annotator.get(f"/api/projects/{cast.project.pk}/progress/").json
    assert found["pace"]["audio_ms_per_day"] == 3000
    assert found["eta"]["working_days"] == 1.0


@pytest.mark.parametrize("since", ["yesterday", "2020-01-01T00:00:00Z", "2999-01-01T00:00:00Z", "2026-13-01"])
def test_a_day_that_cannot_be_is_400(annotator: Caller, cast: Cast, since: str) -> None:
    assert annotator.get(f"/api/projects/{cast.project.pk}/progress/?since={since}").status == 400


def test_tags_are_a_setting_of_the_project(
    manager: Caller, annotator: Caller, cast: Cast, segment: Segment
) -> None:
    path = f"/api/projects/{cast.project.pk}/"
    assert "foreign:xx" in annotator.get(path).json["tags"]
    assert manager.patch(path, {"tags": ["шум", "foreign:xx"]}).json["tags"] == ["шум", "foreign:xx"]
    assert annotator.get(url(segment)).json["tags"] == ["шум", "foreign:xx"]
    for bad in (
        ["[noise]"],
        ["a", "a"],
        ["<b>"],
        "noise",
        [""],
        ["a b"],
        [None],
        [f"t{n}" for n in range(41)],
    ):
        assert manager.patch(path, {"tags": bad}).status == 400, bad
    assert Project.objects.get(pk=cast.project.pk).tags == ["шум", "foreign:xx"]


# -- What is typed comes back as it was typed, and junk is refused ------------------------------------------
