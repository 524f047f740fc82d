"""Lists, progress, filters, settings, uploads by form, jobs; and that a page asks the database little."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from annotation.models import Job, Membership, Project, Recording
from tests.annotation.ui.conftest import SignedIn, words_of
from tests.factories import make_decoding, make_job, make_project, make_recording, make_segment, make_user
from tests.personas import Cast


def queries(client: Any, path: str) -> int:
    client.get(path)  # content types and the like are asked once a process
    with CaptureQueriesContext(
        connection,
    ) as asked:
        assert client.get(path).status_code == 200
    return len(asked)


def test_a_page_costs_the_same_for_one_row_as_for_many(cast: Cast, signed_in: SignedIn) -> None:
    client = signed_in("manager")
    recording = make_recording(cast.project, duration_ms=1_000_000)
    job = make_job(recording, state="running", phase="draft")

    def add(number: int) -> None:
        segment = make_segment(
            cast.project,
            recording=recording,
            start_ms=number * 2000,
            text="heard",
            revision=1,
            state="draft",
            source="draft",
        )
        decoding = make_decoding(job, segment, state="done")
        segment.hypotheses.create(decoding=decoding, pass_name="draft", model="m", text="heard")

    pages = ("/", f"/projects/{cast.project.pk}/", f"/recordings/{recording.pk}/")
    add(0)
    before = [queries(client, page) for page in pages]
    for number in range(1, 12):
        add(number)
        make_job(make_recording(cast.project))
        Membership.objects.create(project=make_project(f"P{number}"), user=cast.manager, role="manager")
    assert [queries(client, page) for page in pages] == before
    assert max(before) <= 16


def test_five_thousand_segments_are_paged(cast: Cast, signed_in: SignedIn) -> None:
    from annotation.models import Segment

    recording = make_recording(cast.project, duration_ms=5_000_000)
    Segment.objects.bulk_create(
        Segment(
            project=cast.project,
            recording=recording,
            start_ms=n * 1000,
            end_ms=n * 1000 + 900,
            text=f"row {n}",
        )
        for n in range(5000)
    )
    client = signed_in("annotator")
    page = words_of(client.get(f"/recordings/{recording.pk}/?page=50"))
    assert page.count('<li class="segment') == 100
    assert "row 4999" in page and "row 4899<" not in page
    assert len(page) < 600_000
    assert "row 2500" in words_of(client.get(f"/recordings/{recording.pk}/?at=2500500")), (
        "a moment leads to its page"
    )
    for odd in ("0", "-1", "x", "999999999", "1e9"):
        assert (
            client.get(f"/recordings/{recording.pk}/?page={odd}&at={odd}&order=x&show=x").status_code == 200
        )


def test_filters_and_search(cast: Cast, signed_in: SignedIn) -> None:
    recording = make_recording(cast.project, name="Müller call.wav")
    make_segment(
        cast.project, recording=recording, text="corrected one", revision=1, state="corrected", source="human"
    )
    make_segment(
        cast.project,
        recording=recording,
        start_ms=2000,
        text="draft two",
        revision=1,
        state="draft",
        risk=0.9,
    )
    client = signed_in("annotator")
    path = f"/recordings/{recording.pk}/"
    for query, shown in (
        ("show=corrected", "corrected one"),
        ("show=open", "draft two"),
        ("show=risky", "draft two"),
        ("q=TWO", "draft two"),
    ):
        page = words_of(client.get(f"{path}?{query}"))
        assert shown in page and page.count('<li class="segment') == 1, query
    assert "Nothing matches" in words_of(client.get(f"{path}?q=%00nothing"))
    project = f"/projects/{cast.project.pk}/"
    assert "Müller" in words_of(client.get(f"{project}?q=müller"))
    assert "Nothing matches" in words_of(client.get(f"{project}?show=failed"))


def test_progress_and_trouble_are_told_with_what_to_do(cast: Cast, signed_in: SignedIn) -> None:
    preparing = make_recording(cast.project, state="preparing", prepared_percent=40, duration_ms=None)
    make_job(preparing, state="running", phase="preparing")
    bad = make_recording(
        cast.project,
        state="rejected",
        duration_ms=None,
        cause="The file has no audio track.",
        cause_code="no_audio_track",
    )
    failed = make_job(bad, state="failed", error=bad.cause, error_code="no_audio_track")
    page = words_of(signed_in("manager").get(f"/projects/{cast.project.pk}/"))
    assert "Preparing audio" in page and "40 %" in page
    assert "no audio track" in page and "Export it again" in page
    assert f"/jobs/{failed.pk}/retry/" in page
    assert "/retry/" not in words_of(signed_in("annotator").get(f"/projects/{cast.project.pk}/"))


def test_jobs_are_cancelled_and_retried_by_forms(cast: Cast, signed_in: SignedIn) -> None:
    recording = make_recording(cast.project, state="stored", duration_ms=None)
    job = make_job(recording)
    client = signed_in("manager")
    answer = client.post(f"/jobs/{job.pk}/cancel/", {"back": f"/recordings/{recording.pk}/"})
    assert answer.headers["Location"] == f"/recordings/{recording.pk}/"
    assert Job.objects.get(pk=job.pk).state == "cancelled"
    assert "only a pending or running" in words_of(client.post(f"/jobs/{job.pk}/cancel/", follow=True))
    client.post(f"/jobs/{job.pk}/retry/")
    assert Job.objects.get(pk=job.pk).state in ("pending", "running")
    assert signed_in("annotator").post(f"/jobs/{job.pk}/cancel/").status_code == 403
    assert signed_in("outsider").post(f"/jobs/{job.pk}/cancel/").status_code == 404


def upload(client: Any, project: Project, *files: tuple[str, bytes]) -> Any:
    sent = [SimpleUploadedFile(name, content, "application/octet-stream") for name, content in files]
    return client.post(f"/projects/{project.pk}/upload/", {"file": sent, "segmentation": "fixed"})


def test_files_are_taken_by_a_plain_form(cast: Cast, signed_in: SignedIn, media_root: Path) -> None:
    client = signed_in("manager")
    answer = upload(client, cast.project, ("one.wav", b"RIFF one"), ("two.wav", b"RIFF two"))
    assert answer.headers["Location"] == f"/projects/{cast.project.pk}/"
    found = Recording.objects.filter(project=cast.project).order_by("name")
    assert [(r.name, r.segmentation, r.size_bytes) for r in found] == [
        ("one.wav", "fixed", 8),
        ("two.wav", "fixed", 8),
    ]
    assert (media_root / "recordings" / str(found[0].pk) / "original").read_bytes() == b"RIFF one"


def test_each_file_of_a_form_is_judged_by_itself(cast: Cast, signed_in: SignedIn, media_root: Path) -> None:
    client = signed_in("manager")
    upload(client, cast.project, ("first.wav", b"same"))
    answer = upload(client, cast.project, ("again.wav", b"same"), ("page.html", b"<p>"), ("new.wav", b"new"))
    page = words_of(answer)
    assert answer.status_code == 201
    assert "Already here" in page and "first.wav" in page
    assert "not recordings" in page
    assert Recording.objects.filter(project=cast.project).count() == 2
    assert not list((media_root / "uploads").iterdir()), "nothing is left lying about"


def test_a_form_with_a_bad_token_leaves_no_bytes(cast: Cast, media_root: Path) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.manager, backend="django.contrib.auth.backends.ModelBackend")
    client.get(f"/projects/{cast.project.pk}/upload/")  # sets the cookie that the token is compared with
    assert upload(client, cast.project, ("a.wav", b"x")).status_code == 403
    assert not Recording.objects.exists()
    assert not list((media_root / "uploads").iterdir())


def test_a_form_from_somebody_who_may_not_upload_leaves_nothing(
    cast: Cast, signed_in: SignedIn, media_root: Path
) -> None:
    assert upload(signed_in("annotator"), cast.project, ("a.wav", b"x")).status_code == 403
    assert upload(signed_in("outsider"), cast.project, ("a.wav", b"x")).status_code == 404
    assert not Recording.objects.exists()
    folder = media_root / "uploads"
    assert not folder.exists() or not list(folder.iterdir())


SETTINGS = {
    "name": "Renamed",
    "description": "",
    "language": "de",
    "segmentation": "pauses",
    "segment_target_s": "4.5",
    "segment_max_s": "12",
    "draft_model": "small",
    "refine_model": "",
    "glossary_text": "Bosch\r\n\r\n Möller \nBosch",
}


def test_settings_are_changed_by_managers_and_read_by_members(cast: Cast, signed_in: SignedIn) -> None:
    path = f"/projects/{cast.project.pk}/settings/"
    assert "disabled" in words_of(signed_in("annotator").get(path))
    assert signed_in("annotator").post(path, SETTINGS).status_code == 403
    assert signed_in("manager").post(path, SETTINGS).status_code == 302
    cast.project.refresh_from_db()
    project = cast.project
    assert (project.name, project.language, project.refine_model) == ("Renamed", "de", None)
    assert (project.segment_target_ms, project.segment_max_ms) == (4500, 12_000)
    assert project.glossary == ["Bosch", "Möller"]


def test_wrong_settings_are_named_where_they_are(cast: Cast, signed_in: SignedIn) -> None:
    path = f"/projects/{cast.project.pk}/settings/"
    answer = signed_in("manager").post(
        path, {**SETTINGS, "name": "", "segment_max_s": "90", "language": "xx"}
    )
    assert answer.status_code == 422
    assert words_of(answer).count('class="wrong-words"') == 3
    answer = signed_in("manager").post(path, {**SETTINGS, "segment_target_s": "12", "segment_max_s": "5"})
    assert answer.status_code == 422, "the target is longer than the most"
    cast.project.refresh_from_db()
    assert cast.project.name == "Calls"


def test_people_are_added_changed_and_removed(cast: Cast, signed_in: SignedIn) -> None:
    make_user("newcomer")
    client, path = signed_in("manager"), f"/projects/{cast.project.pk}/members/"
    client.post(path, {"username": "newcomer", "role": "annotator"})
    client.post(path, {"username": "newcomer", "role": "reviewer"})
    assert Membership.objects.get(project=cast.project, user__username="newcomer").role == "reviewer"
    assert "no account of this name" in words_of(
        client.post(path, {"username": "ghost", "role": "manager"}, follow=True)
    )
    client.post(path, {"username": "newcomer", "remove": "1"})
    assert not Membership.objects.filter(user__username="newcomer").exists()
    page = words_of(client.post(path, {"username": "manager", "remove": "1"}, follow=True))
    assert "last manager" in page
    assert signed_in("reviewer").post(path, {"username": "reviewer", "role": "manager"}).status_code == 403


def test_projects_are_opened_by_those_who_may(cast: Cast, signed_in: SignedIn) -> None:
    from django.contrib.auth.models import Permission

    assert signed_in("annotator").get("/projects/new/").status_code == 403
    cast.manager.user_permissions.add(
        Permission.objects.get(codename="add_project", content_type__app_label="annotation")
    )
    client = signed_in("manager")
    page = words_of(client.get("/projects/new/"))
    assert "large-v3-turbo" in page, "the defaults are real Whisper names"
    answer = client.post("/projects/new/", {**SETTINGS, "name": "Opened"})
    opened = Project.objects.get(name="Opened")
    assert answer.headers["Location"] == f"/projects/{opened.pk}/upload/"
    assert Membership.objects.get(project=opened).user == cast.manager


def test_empty_places_say_what_to_do_next(cast: Cast, signed_in: SignedIn) -> None:
    assert "Upload recordings" in words_of(signed_in("manager").get(f"/projects/{cast.project.pk}/"))
    assert "appear here by themselves" in words_of(
        signed_in("annotator").get(f"/projects/{cast.project.pk}/")
    )
    assert "Ask a project's manager" in words_of(signed_in("supervisor").get("/")).replace("&#x27;", "'")


def test_pages_work_where_the_bundle_was_not_built(cast: Cast, signed_in: SignedIn, settings: Any) -> None:
    from django_vite.core.asset_loader import DjangoViteAssetLoader

    settings.DJANGO_VITE = {"default": {"dev_mode": False, "manifest_path": "/nonexistent/manifest.json"}}
    DjangoViteAssetLoader._instance = None
    try:
        page = words_of(signed_in("manager").get(f"/projects/{cast.project.pk}/upload/"))
        assert 'type="file" name="file" multiple' in page
        assert "/static/wb/" not in page
        assert "data-bundle" not in page, "the plain form must not be hidden by a script that will not come"
    finally:
        DjangoViteAssetLoader._instance = None


@pytest.mark.parametrize("ids", ["", "x", "1,2;3", "999999999999999999999", "-1", "1" * 400])
def test_pieces_of_pages_take_any_ids(cast: Cast, signed_in: SignedIn, ids: str) -> None:
    recording = make_recording(cast.project)
    for path in (
        f"/projects/{cast.project.pk}/rows/",
        f"/recordings/{recording.pk}/rows/",
        f"/recordings/{recording.pk}/stamps/",
    ):
        assert signed_in("annotator").get(path, {"ids": ids}).status_code == 200


def test_pieces_of_another_recording_are_not_given(cast: Cast, signed_in: SignedIn) -> None:
    recording, other = make_recording(cast.project), make_recording(cast.project)
    segment = make_segment(cast.project, recording=other, text="elsewhere", revision=1)
    assert "elsewhere" not in words_of(
        signed_in("annotator").get(f"/recordings/{recording.pk}/rows/?ids={segment.pk}")
    )
    stamps = signed_in("annotator").get(f"/recordings/{recording.pk}/stamps/?ids={segment.pk}")
    assert stamps.json() == {}


def test_a_page_left_open_after_signing_out_gets_no_login_form_in_its_rows(cast: Cast, client: Any) -> None:
    answer = client.get(f"/projects/{cast.project.pk}/rows/", headers={"X-Earmark-Fragment": "1"})
    assert answer.status_code == 401
