"""Search, bulk work, replacing and the glossary over the API: shapes, pages, refusals in words."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from annotation.models import Project, Recording, Segment, User
from annotation.states import SegmentState
from tests.annotation.api.calling import Caller
from tests.factories import make_recording, make_segment
from tests.personas import Cast

pytestmark = pytest.mark.django_db
Call = Callable[[User | None], Caller]


@pytest.fixture
def rows(cast: Cast, recording: Recording) -> list[Segment]:
    return [
        make_segment(
            cast.project, recording=recording, start_ms=n * 1000, text=f"talk {n} about the posch drill",
            revision=1, source="draft", state=SegmentState.DRAFT,
        )
        for n in range(5)
    ]  # fmt: skip


def test_hits_name_their_version_their_sound_and_their_page(annotator: Caller, rows: list[Segment]) -> None:
    answer = annotator.get("/api/search/?q=posch&page_size=2").json
    assert (answer["total"], len(answer["results"]), answer["previous"]) == (None, 2, None)
    hit = answer["results"][0]
    assert hit["segment"] == str(rows[0].pk)
    assert hit["version"] == {"kind": "current", "model": "", "pass": ""}
    assert [part["text"] for part in hit["snippet"] if part["hit"]] == ["posch"]
    assert "".join(part["text"] for part in hit["snippet"]) == rows[0].text
    assert hit["page"] == f"/recordings/{rows[0].recording_id}/work/?segment={rows[0].pk}"
    again = annotator.get(answer["next"]).json
    assert [hit["segment"] for hit in again["results"]] == [str(row.pk) for row in rows[2:4]]
    assert annotator.get(again["previous"]).json["results"] == answer["results"]


def test_recordings_are_found_by_name_on_the_first_page(annotator: Caller, rows: list[Segment]) -> None:
    answer = annotator.get("/api/search/?q=TALK").json
    assert [row["name"] for row in answer["recordings"]] == ["talk.wav"]
    assert annotator.get("/api/search/?q=talk status:draft").json["recordings"] == []
    assert annotator.get("/api/recordings/?search=alk.W").json["results"][0]["name"] == "talk.wav"


@pytest.mark.parametrize(
    "query",
    ["q=colour:red", "q=conf:0.5", 'q="a', "q=a&cursor=zzz", "q=a&page_size=101", "q=a&x=1", "project=zz"],
)
def test_what_is_not_understood_is_refused_in_words(annotator: Caller, query: str) -> None:
    answer = annotator.get(f"/api/search/?{query}")
    assert (answer.status, answer.code) == (400, "invalid")


def test_only_the_project_that_is_named_is_searched(cast: Cast, rows: list[Segment], call: Call) -> None:
    assert call(cast.annotator).get(f"/api/search/?q=posch&project={cast.project.pk}").json["total"] == 5
    assert call(cast.outsider).get(f"/api/search/?q=posch&project={cast.project.pk}").status == 404
    assert call(cast.outsider).get("/api/search/?q=posch").json["results"] == []


def test_the_list_of_segments_searches_the_current_text(annotator: Caller, rows: list[Segment]) -> None:
    found = annotator.get("/api/segments/?search=ABOUT the").json["results"]
    assert [row["id"] for row in found] == [str(row.pk) for row in rows]
    assert annotator.get("/api/segments/?search=posch_").json["results"] == []


def test_replacing_is_looked_at_done_and_taken_back(
    reviewer: Caller, cast: Cast, rows: list[Segment]
) -> None:
    project = f"/api/projects/{cast.project.pk}"
    wish = {"find": "posch", "put": "Bosch"}
    seen = reviewer.post(f"{project}/replace/preview/", wish).json
    assert (seen["changes"], seen["skipped"], len(seen["examples"])) == (5, {}, 5)
    assert reviewer.post(f"{project}/replacements/", {**wish, "expected": 4}).code == "preview_outdated"
    done = reviewer.post(f"{project}/replacements/", {**wish, "expected": 5})
    assert (done.status, done.json["changed"], done.json["job"]) == (201, 5, None)
    one = f"/api/replacements/{done.json['id']}"
    assert len(reviewer.get(f"{one}/rows/?outcome=changed").json["results"]) == 5
    assert reviewer.get(f"{one}/rows/?outcome=odd").status == 400
    assert reviewer.post(f"{one}/undo/").json["put_back"] == 5
    assert reviewer.post(f"{one}/undo/").code == "nothing_to_undo"
    assert reviewer.get(f"{project}/replacements/").json["results"][0]["undone_at"]
    assert Segment.objects.filter(text__contains="posch").count() == 5


def test_bulk_work_says_what_it_did(manager: Caller, cast: Cast, rows: list[Segment]) -> None:
    bulk = f"/api/projects/{cast.project.pk}/bulk/"
    recording = rows[0].recording_id
    answer = manager.post(bulk, {"action": "retranscribe", "query": "posch", "model": "demo-refine"}).json
    assert (answer["segments"], len(answer["jobs"]), answer["recordings"]) == (5, 1, [str(recording)])
    assert manager.get(f"/api/jobs/{answer['jobs'][0]}/").json["kind"] == "retranscribe"
    assert manager.post(bulk, {"action": "prioritise", "recordings": [recording]}).status == 400
    assert manager.post(bulk, {"action": "assign", "recordings": [], "usernames": []}).status == 400
    assert manager.post(bulk, {"action": "explode", "recordings": [recording]}).status == 400
    thrown = manager.post(bulk, {"action": "trash", "recordings": [recording]}).json
    assert thrown["recordings"] == [str(recording)]
    trash = f"/api/projects/{cast.project.pk}/trash/"
    assert [row["trashed_by"] for row in manager.get(trash).json["results"]] == ["manager"]
    for path in (
        f"/api/recordings/{recording}/",
        f"/api/segments/{rows[0].pk}/",
        f"/api/segments/{rows[0].pk}/audio",
    ):
        assert manager.get(path).status == 404, path
    assert manager.patch(f"/api/segments/{rows[0].pk}/", {"text": "x", "base_revision": 1}).status == 404
    assert manager.get("/api/search/?q=posch").json["total"] == 0
    manager.post(bulk, {"action": "restore", "recordings": [recording]})
    assert manager.get(f"/api/recordings/{recording}/").status == 200
    assert manager.get(trash).json["results"] == []


def test_the_same_file_in_the_trash_is_named(manager: Caller, cast: Cast, media_root: object) -> None:
    path = f"/api/projects/{cast.project.pk}/recordings/"
    first = manager.upload(path, ("a.wav", b"the same")).json["recordings"][0]["id"]
    manager.post(f"/api/projects/{cast.project.pk}/bulk/", {"action": "trash", "recordings": [first]})
    again = manager.upload(path, ("b.wav", b"the same"))
    assert (again.status, again.code) == (409, "duplicate_recording")
    assert "trash" in again.json["error"]["message"]


def test_the_glossary_is_kept_over_the_api(reviewer: Caller, annotator: Caller, cast: Cast) -> None:
    path = f"/api/projects/{cast.project.pk}/glossary/"
    made = reviewer.post(path, {"text": "Bosch", "variants": ["posch"], "language": "en"})
    assert (made.status, made.json["variants"]) == (201, ["posch"])
    assert reviewer.post(path, {"text": "Bosch"}).code == "term_exists"
    assert reviewer.post(path, {"text": "x", "case_rule": "odd"}).status == 400
    changed = reviewer.patch(f"/api/glossary/{made.json['id']}/", {"text": "BOSCH"}).json
    assert (changed["text"], changed["variants"]) == ("BOSCH", ["posch"])
    shown = annotator.get(path).json
    assert ([term["text"] for term in shown["terms"]], shown["hotwords"]) == (["BOSCH"], "BOSCH")
    assert Project.objects.get(pk=cast.project.pk).glossary == ["BOSCH"]
    assert reviewer.delete(f"/api/glossary/{made.json['id']}/").status == 204
    assert annotator.get(path).json["terms"] == []


def test_recordings_beyond_one_page_are_found_by_name(annotator: Caller, cast: Cast) -> None:
    for n in range(60):
        make_recording(cast.project, name=f"call_{n:04}.wav")
    answer = annotator.get("/api/recordings/?search=call_").json
    assert len(answer["results"]) == 50
    assert len(annotator.get(answer["next"]).json["results"]) == 10
