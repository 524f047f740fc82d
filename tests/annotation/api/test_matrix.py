"""Who may do what, for every route and method there is: a route without a row here fails the tests."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
from django.db import transaction
from django.urls import URLPattern

from annotation import storage
from annotation.api.urls import urlpatterns
from annotation.models import (
    Membership,
    Recording,
    Segment,
    User,
)
from annotation.services import uploads
from tests.annotation.api import staged
from tests.annotation.api.calling import Answer, Caller
from tests.annotation.api.conftest import write_files
from tests.annotation.api.staged import APART, Stage
from tests.factories import make_job, make_project
from tests.personas import Cast

pytestmark = pytest.mark.django_db

PEOPLE: Final = ("annotator", "reviewer", "manager", "outsider", "supervisor", "stranger")


@dataclass(frozen=True)
class Row:
    """State who gets which status: members by role, and, unless told, 404 outside and 401 for strangers."""

    annotator: int
    reviewer: int
    manager: int
    outsider: int = 404
    supervisor: int = 404
    stranger: int = 401
    send: Callable[[Caller, str], Answer] | None = None
    before: Callable[[Stage], Any] | None = None


def json(body: Any, method: str = "POST") -> Callable[[Caller, str], Answer]:
    return lambda caller, path: caller.send(method, path, body)


TUS: Final = {"Tus-Resumable": "1.0.0"}
NAME: Final = f"filename {base64.b64encode(b'a.wav').decode()}"


def tus(method: str, body: bytes | None = None, **headers: str) -> Callable[[Caller, str], Answer]:
    sent = {**TUS, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return lambda caller, path: caller.send(
        method, path, body, headers=sent, content_type="application/offset+octet-stream"
    )


def everyone(status: int = 200, **other: Any) -> Row:
    return Row(status, status, status, **other)


def lists(**other: Any) -> Row:
    return everyone(outsider=200, supervisor=200, **other)


def assigning(caller: Caller, path: str) -> Answer:
    recording = Recording.objects.filter(project=int(path.split("/")[3])).first()
    ids = [str(recording.pk)] if recording else ["1"]
    return caller.post(path, {"action": "assign", "usernames": [], "recordings": ids})


P, R, S = (
    "api/projects/<int:project_id>/",
    "api/recordings/<int:recording_id>/",
    "api/segments/<int:segment_id>/",
)
J, U = "api/jobs/<int:job_id>/", "api/uploads/<uuid:upload_id>/"

#: An upload is its owner's alone: here the manager's.
MATRIX: Final[dict[tuple[str, str], Row]] = {
    ("POST", "api/auth/token/"): Row(
        400, 400, 400, outsider=400, supervisor=400, stranger=400, send=json({"username": "annotator"})
    ),
    ("DELETE", "api/auth/token/"): Row(409, 409, 409, outsider=409, supervisor=409),
    ("GET", "api/projects/"): lists(),
    ("POST", "api/projects/"): Row(
        403, 403, 201, outsider=403, supervisor=403, send=json({"name": "New"}), before=staged.may_add
    ),
    ("GET", P): everyone(),
    ("PATCH", P): Row(403, 403, 200, send=json({"name": "New"}, "PATCH")),
    ("GET", f"{P}members/"): everyone(),
    ("POST", f"{P}members/"): Row(403, 403, 201, send=json({"username": "outsider", "role": "annotator"})),
    ("DELETE", f"{P}members/<int:user_id>/"): Row(403, 403, 204),
    ("POST", f"{P}recordings/"): Row(
        403, 403, 201, send=lambda caller, path: caller.upload(path, ("new.wav", b"new"))
    ),
    ("POST", f"{R}attention/"): everyone(204),
    ("POST", f"{R}resegment/"): Row(403, 403, 200, send=json({})),
    ("POST", f"{P}uploads/"): Row(403, 403, 201, send=tus("POST", Upload_Length="10", Upload_Metadata=NAME)),
    ("GET", f"{P}events/"): everyone(send=lambda caller, path: unread(caller, path)),
    ("GET", f"{P}export/"): Row(403, 200, 200),
    ("GET", f"{P}exports/"): Row(403, 200, 200),
    ("POST", f"{P}exports/"): Row(403, 201, 201, send=json({"format": "csv"})),
    ("POST", f"{P}exports/preview/"): Row(403, 200, 200, send=json({})),
    ("GET", "api/exports/<int:export_id>/"): Row(403, 200, 200, before=staged.exported),
    # It is not written yet.
    ("GET", "api/exports/<int:export_id>/download"): Row(403, 409, 409, before=staged.exported),
    ("GET", f"{P}models/"): Row(403, 200, 200),
    ("GET", f"{P}refine/"): Row(403, 200, 200),
    # Everybody gets figures; annotators their own (test_quality_figures).
    ("GET", f"{P}quality/"): everyone(),
    ("GET", f"{P}quality/wer/"): everyone(),
    ("GET", f"{P}quality/review/"): everyone(),
    ("GET", f"{P}quality/passes/"): everyone(),
    ("GET", f"{P}quality/triage/"): everyone(),
    ("GET", f"{P}quality/reliability/"): everyone(),
    ("GET", f"{P}quality/substitutions/"): everyone(),
    ("GET", f"{P}quality/people/"): everyone(),
    ("GET", f"{P}quality/agreement/"): everyone(),
    ("GET", f"{P}quality/gold/"): everyone(),
    ("GET", f"{P}quality/drawn/"): everyone(),
    ("GET", f"{P}quality/estimate/"): everyone(),
    ("GET", f"{P}quality/refine/"): everyone(),
    ("GET", f"{P}quality/threshold/"): everyone(),
    ("GET", U): Row(404, 404, 200),
    ("HEAD", U): Row(404, 404, 200, send=tus("HEAD")),
    ("PATCH", U): Row(404, 404, 204, send=tus("PATCH", b"12345", Upload_Offset="0")),
    ("DELETE", U): Row(404, 404, 204, send=tus("DELETE")),
    ("GET", "api/recordings/"): lists(),
    ("GET", R): everyone(),
    ("GET", f"{R}audio"): everyone(),
    ("GET", f"{R}peaks"): everyone(),
    ("GET", f"{R}download"): Row(403, 200, 200),
    ("GET", f"{R}export/"): Row(403, 200, 200),
    ("GET", "api/segments/"): lists(),
    ("GET", S): everyone(),
    ("PATCH", S): everyone(send=json({"text": "new", "base_revision": 1}, "PATCH")),
    ("GET", f"{S}audio"): everyone(),
    ("POST", f"{S}lease/"): everyone(),
    ("DELETE", f"{S}lease/"): everyone(204),
    ("POST", f"{S}ask/"): everyone(409),
    ("POST", f"{S}lock/"): everyone(send=json({})),
    ("POST", f"{S}unlock/"): Row(
        403, 200, 200, send=json({"reason": "a typing error"}), before=staged.locked
    ),
    ("GET", f"{S}history/"): everyone(),
    ("POST", f"{S}checks/"): everyone(send=json({"text": "new"})),
    ("PUT", f"{S}draft/"): everyone(send=json({"text": "new", "base_revision": 1}, "PUT")),
    ("DELETE", f"{S}draft/"): everyone(204),
    ("POST", f"{S}split/"): everyone(send=json({"base_revision": 1, "at_ms": 2000, "offset": 7})),
    ("POST", f"{S}merge/"): everyone(
        send=lambda caller, path: caller.post(
            path, {"base_revision": 1, "next": int(path.split("/")[3]) + APART, "next_revision": 1}
        ),
        before=staged.followed,
    ),
    ("POST", f"{S}edges/"): everyone(send=json({"base_revision": 1, "start_ms": 900, "end_ms": 3100})),
    ("POST", f"{S}speaker/"): everyone(send=json({"base_revision": 1, "speaker": "B"})),
    # Each may take back their own alone, and here only the annotator has decided anything.
    ("POST", f"{S}undo/"): Row(200, 409, 409, send=json({}), before=staged.decided),
    ("POST", f"{S}review/"): Row(
        403, 200, 200, send=json({"verdict": "accept", "base_revision": 2}), before=staged.decided
    ),
    ("GET", f"{S}reviews/"): everyone(),
    ("GET", f"{P}review/"): Row(403, 200, 200),
    ("PATCH", f"{P}review/"): Row(403, 403, 200, send=json({"review_percent": 20}, "PATCH")),
    ("POST", f"{P}review/next/"): Row(403, 200, 200, send=json({"client": "tab"})),
    ("GET", f"{P}gold/"): Row(403, 200, 200),
    ("POST", f"{P}gold/"): Row(
        403,
        201,
        201,
        send=lambda caller, path: caller.post(
            path, {"segment": str(Segment.objects.get(text="machine text").pk), "text": "true text"}
        ),
    ),
    ("POST", f"{P}gold/candidate/"): Row(403, 200, 200, send=json({})),
    ("DELETE", "api/gold/<int:gold_id>/"): Row(403, 204, 204, before=staged.golden),
    ("GET", f"{P}pairs/"): Row(403, 200, 200),
    ("POST", f"{P}pairs/next/"): Row(403, 200, 200, send=json({"client": "tab"})),
    ("POST", "api/pairs/<int:pair_id>/settle/"): Row(
        403, 200, 200, send=json({"choice": "second"}), before=staged.judged_by_two
    ),
    ("GET", f"{P}batches/"): Row(403, 200, 200),
    ("POST", f"{P}batches/"): Row(403, 201, 201, send=json({"assignee": "annotator", "segments": 1})),
    ("PATCH", "api/batches/<int:batch_id>/"): Row(
        403, 200, 200, send=json({"paused": True}, "PATCH"), before=staged.given
    ),
    ("DELETE", "api/batches/<int:batch_id>/"): Row(403, 204, 204, before=staged.given),
    ("GET", f"{P}workload/"): Row(403, 200, 200),
    ("POST", f"{P}members/<int:user_id>/pause/"): Row(403, 200, 200, send=json({"paused": True})),
    ("GET", f"{S}comments/"): everyone(),
    ("POST", f"{S}comments/"): everyone(201, send=json({"text": "what is this?"})),
    ("POST", "api/comments/<int:comment_id>/resolve/"): everyone(
        send=json({"resolved": True}), before=staged.commented
    ),
    ("GET", "api/me/mentions/"): lists(),
    ("POST", "api/me/mentions/"): lists(send=json({"comments": []})),
    ("GET", f"{P}guideline/"): everyone(),
    ("PUT", f"{P}guideline/"): Row(
        403, 403, 200, send=json({"text": "# How we write", "base_version": 0}, "PUT")
    ),
    ("GET", f"{P}guideline/versions/"): everyone(),
    ("POST", f"{P}next/"): everyone(send=json({"client": "tab"})),
    ("GET", f"{P}progress/"): everyone(),
    ("GET", f"{R}rows/"): everyone(),
    ("GET", f"{R}presence/"): everyone(),
    ("POST", f"{R}presence/"): everyone(send=json({"client": "tab"})),
    ("DELETE", f"{R}presence/"): everyone(204),
    ("GET", f"{R}assignees/"): everyone(),
    ("PUT", f"{R}assignees/"): Row(403, 200, 200, send=json({"usernames": ["annotator"]}, "PUT")),
    ("GET", "api/me/settings/"): lists(),
    ("PUT", "api/me/settings/"): lists(send=json({"editor": {"font_px": 20}}, "PUT")),
    ("GET", "api/me/drafts/"): lists(),
    ("GET", "api/me/decisions/"): lists(),
    ("GET", f"{P}imports/"): Row(403, 403, 200),
    ("POST", f"{P}imports/"): Row(
        403, 403, 201, send=lambda caller, path: caller.upload(path, ("t.csv", b"file,text\r\na.wav,x\r\n"))
    ),
    ("GET", f"{P}import-templates/"): Row(403, 403, 200),
    ("GET", "api/imports/<int:import_id>/"): Row(403, 403, 200, before=staged.dropped),
    ("PATCH", "api/imports/<int:import_id>/"): Row(
        403, 403, 200, send=json({"options": {"on_known": "skip"}}, "PATCH"), before=staged.dropped
    ),
    ("GET", "api/imports/<int:import_id>/files/"): Row(403, 403, 200, before=staged.dropped),
    ("POST", "api/imports/<int:import_id>/files/"): Row(
        403, 403, 201, send=lambda caller, path: caller.upload(path, ("a.wav", b"new")), before=staged.dropped
    ),
    ("GET", "api/imports/<int:import_id>/rows/"): Row(403, 403, 200, before=staged.dropped),
    ("POST", "api/imports/<int:import_id>/commit/"): Row(403, 403, 200, before=staged.dropped),
    ("POST", "api/imports/<int:import_id>/cancel/"): Row(403, 403, 200, before=staged.dropped),
    ("GET", "api/imports/<int:import_id>/rejects"): Row(403, 403, 200, before=staged.dropped),
    ("GET", "api/search/"): lists(),
    ("POST", f"{P}bulk/"): Row(
        403,
        200,
        200,
        send=assigning,
    ),
    ("GET", f"{P}trash/"): Row(403, 403, 200),
    ("POST", f"{P}replace/preview/"): Row(403, 200, 200, send=json({"find": "machine", "put": "human"})),
    ("GET", f"{P}replacements/"): Row(403, 200, 200),
    ("POST", f"{P}replacements/"): Row(
        403, 201, 201, send=json({"find": "machine", "put": "human", "expected": 1})
    ),
    ("GET", "api/replacements/<int:replacement_id>/"): Row(403, 200, 200, before=staged.replaced),
    ("GET", "api/replacements/<int:replacement_id>/rows/"): Row(403, 200, 200, before=staged.replaced),
    ("POST", "api/replacements/<int:replacement_id>/undo/"): Row(403, 200, 200, before=staged.replaced),
    ("GET", f"{P}glossary/"): everyone(),
    ("POST", f"{P}glossary/"): Row(403, 201, 201, send=json({"text": "Bosch"})),
    ("GET", f"{P}glossary/offers/"): Row(403, 200, 200),
    ("PATCH", "api/glossary/<int:term_id>/"): Row(
        403, 200, 200, send=json({"note": "a"}, "PATCH"), before=staged.termed
    ),
    ("DELETE", "api/glossary/<int:term_id>/"): Row(403, 204, 204, before=staged.termed),
    ("GET", "api/jobs/"): lists(),
    ("GET", J): everyone(),
    ("POST", f"{J}cancel/"): Row(403, 403, 200),
    ("POST", f"{J}retry/"): Row(403, 403, 200, before=staged.failed),
}

OPEN: Final = {"api/schema/", "api/docs/"}
"""What everybody may read: it describes the API and holds no data."""


def unread(caller: Caller, path: str) -> Answer:
    """Send a request whose answer never ends, and read none of it."""
    response: Any = caller.client.get(path)
    if getattr(response, "streaming", False):
        response.streaming_content = iter(())
    return Answer(response)


def routes() -> Iterator[tuple[str, str]]:
    for pattern in urlpatterns:
        assert isinstance(pattern, URLPattern)
        cls = getattr(pattern.callback, "cls", None)
        if cls is None:
            continue  # the 404 of everything else
        route = str(pattern.pattern)
        for method in cls.http_method_names:
            # HEAD is GET without a body, unless a view says otherwise.
            if method != "options" and hasattr(cls, method) and route not in OPEN:
                yield method.upper(), route


@pytest.fixture
def stage(cast: Cast, recording: Recording, segment: Segment, media_root: Path) -> Stage:
    write_files(recording)
    upload = uploads.open_upload(user=cast.manager, project=cast.project, name="a.wav", size_bytes=10)
    return Stage(cast, recording, segment, make_job(recording, created_by=cast.manager), upload)


def test_every_route_has_a_row_and_every_row_a_route() -> None:
    assert set(routes()) == set(MATRIX)


@pytest.mark.parametrize(("method", "route"), MATRIX, ids=lambda value: str(value))
def test_everybody_gets_what_their_role_carries(stage: Stage, method: str, route: str) -> None:
    row = MATRIX[method, route]
    if row.before is not None:
        row.before(stage)
    path = stage.fill(route)
    got = {name: asked(stage, row, method, path, name).status for name in PEOPLE}
    assert got == {name: getattr(row, name) for name in PEOPLE}


@pytest.mark.parametrize(
    ("method", "route"), [key for key in MATRIX if "<" in key[1]], ids=lambda value: str(value)
)
def test_what_does_not_exist_is_404_for_a_member_too(stage: Stage, method: str, route: str) -> None:
    row = MATRIX[method, route]
    path = stage.fill(route)
    for value in (stage.cast.project.pk, stage.recording.pk, stage.segment.pk, stage.job.pk):
        path = path.replace(f"/{value}/", "/987654321/", 1) if f"/{value}/" in path else path
    path = path.replace(f"/{stage.recording.pk}/", "/987654321/").replace(
        str(stage.upload.pk), "00000000-0000-4000-8000-000000000000"
    )
    answer = asked(stage, row, method, path, "manager")
    assert answer.status == 404
    assert answer.code == "not_found" if method != "HEAD" else True


def test_an_archived_project_is_closed_to_its_members(stage: Stage) -> None:
    stage.cast.project.archived_at = "2026-01-01T00:00:00Z"
    stage.cast.project.save()
    for method, route in MATRIX:
        if "<" in route:
            row = MATRIX[method, route]
            assert asked(stage, row, method, stage.fill(route), "manager").status == 404, (method, route)


def test_lists_hold_nothing_of_others(stage: Stage) -> None:
    for name in ("outsider", "supervisor"):
        caller = Caller(stage.cast.named(name))
        for path in ("recordings", "segments", "jobs"):
            for query in ("", f"?project={stage.cast.project.pk}", f"?recording={stage.recording.pk}"):
                answer = caller.get(f"/api/{path}/{query}")
                assert answer.status == 400 or answer.json["results"] == []
        names = [row["name"] for row in caller.get("/api/projects/").json["results"]]
        assert "Calls" not in names


def test_a_manager_elsewhere_is_nobody_here(stage: Stage) -> None:
    elsewhere = make_project("Third")
    Membership.objects.create(project=elsewhere, user=stage.cast.annotator, role="manager")
    caller = Caller(stage.cast.annotator)
    assert caller.patch(f"/api/projects/{stage.cast.project.pk}/", {"name": "x"}).status == 403
    assert caller.patch(f"/api/projects/{elsewhere.pk}/", {"name": "x"}).status == 200
    assert caller.delete(f"/api/projects/{elsewhere.pk}/members/{stage.cast.reviewer.pk}/").status == 404


def asked(stage: Stage, row: Row, method: str, path: str, name: str) -> Answer:
    """Send the row's request as one person and undo what it did."""
    person: User | None = None if name == "stranger" else stage.cast.named(name)
    caller = Caller(person)
    send = row.send or (lambda caller, path: caller.send(method, path))
    with transaction.atomic():
        answer = send(caller, path)
        transaction.set_rollback(True)
    storage.upload_path(stage.upload.pk).unlink(missing_ok=True)
    return answer


def test_links_of_pages_stay_on_this_site(stage: Stage) -> None:
    Segment.objects.create(project=stage.cast.project, recording=stage.recording, start_ms=5, end_ms=9)
    link = Caller(stage.cast.annotator).get("/api/segments/?page_size=1").json["next"]
    assert urlsplit(link).path == "/api/segments/"
