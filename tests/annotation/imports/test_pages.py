"""The wizard without scripts: drop, answer, look at what is wrong, mend, import."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from openpyxl import Workbook, load_workbook

from annotation.models import Import, ImportTemplate, Segment
from annotation.states import ImportState
from tests.annotation.imports.dropping import prepare_all, sound, table, work

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media_root")]

ROWS = table(
    "File,Start,End,Text,Cost centre", "a.wav,0,2,one,7", "a.wav,3,2,two,7", "nowhere.wav,0,1,three,8",
)  # fmt: skip


@pytest.fixture
def manager(cast: Any) -> Client:
    client = Client()
    client.force_login(cast.manager)
    return client


def upload(*files: tuple[str, bytes]) -> dict[str, Any]:
    return {"file": [SimpleUploadedFile(name, data) for name, data in files]}


def words(answer: Any) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", answer.content.decode()).split())


def test_the_wizard_from_the_drop_to_the_segments(manager: Client, cast: Any) -> None:
    project = cast.project
    answer = manager.post(
        f"/projects/{project.pk}/imports/", upload(("calls.csv", ROWS), ("a.wav", sound(5))), follow=True
    )
    parent = Import.objects.get()
    assert answer.redirect_chain[-1][0] == f"/imports/{parent.pk}/"
    assert "Checking" in words(answer)
    work()

    answer = manager.get(f"/imports/{parent.pk}/")
    assert "bare numbers" in words(answer)
    assert "Cost centre" in words(answer)
    answer = manager.post(
        f"/imports/{parent.pk}/",
        {"answer-time_unit": "s", "column-4": "", "save_template": "Calls"},
        follow=True,
    )
    work()
    shown = words(manager.get(f"/imports/{parent.pk}/"))
    assert "3 rows" in shown
    assert "1 ready" in shown
    assert "2 faulty" in shown
    assert "End not after start" in shown
    assert "nowhere.wav" in shown
    assert "not found" in words(manager.get(f"/imports/{parent.pk}/?code=missing_audio"))
    assert ImportTemplate.objects.get(project=project).fields["cost_centre"] == ""

    manager.post(f"/imports/{parent.pk}/start/")
    work()
    prepare_all()
    parent.refresh_from_db()
    assert parent.state == ImportState.DONE
    segment = Segment.objects.get(project=project)
    assert (segment.text, segment.end_ms, segment.metadata) == ("one", 2000, {"Cost centre": "7"})
    shown = words(manager.get(f"/imports/{parent.pk}/"))
    assert "1 added" in shown
    assert "2 refused" in shown


def test_the_rejects_are_mended_and_dropped_again(manager: Client, cast: Any) -> None:
    manager.post(f"/projects/{cast.project.pk}/imports/", upload(("calls.csv", ROWS), ("a.wav", sound(5))))
    work()
    parent = Import.objects.get()
    manager.post(f"/imports/{parent.pk}/", {"answer-time_unit": "s", "save_template": "Calls"})
    work()
    manager.post(f"/imports/{parent.pk}/start/")
    work()
    prepare_all()

    download = manager.get(f"/imports/{parent.pk}/rejects")
    assert "private, no-store" in download.headers["Cache-Control"]
    book = load_workbook(io.BytesIO(download.content))
    sheet: Any = book.active
    rows = [[cell.value for cell in row] for row in sheet.iter_rows()]
    assert rows[0] == ["File", "Start", "End", "Text", "Cost centre", "rejected_line", "rejected_because"]
    assert [row[5] for row in rows[1:]] == ["3", "4"]
    assert "End not after start" in rows[1][6]
    sheet["B2"], sheet["C2"] = "2", "3"
    sheet["A3"] = "a"
    sheet["B3"], sheet["C3"] = "4", "5"
    mended = io.BytesIO()
    book.save(mended)
    manager.post(f"/imports/{parent.pk}/files/", upload(("rejects.xlsx", mended.getvalue())))
    work()
    again = Import.objects.exclude(pk=parent.pk).get()
    assert again.state == ImportState.CHECKED, "the template answers what was asked before"
    assert (again.counts["ready"], again.counts["faulty"]) == (2, 0)
    manager.post(f"/imports/{again.pk}/start/")
    work()
    found = Segment.objects.filter(project=cast.project).order_by("start_ms")
    assert [(row.text, row.metadata) for row in found] == [
        ("one", {"Cost centre": "7"}), ("two", {"Cost centre": "7"}),
        ("three", {"File": "a", "Cost centre": "8"}),
    ]  # fmt: skip


def test_the_pages_are_the_managers(cast: Any, manager: Client) -> None:
    manager.post(f"/projects/{cast.project.pk}/imports/", upload(("calls.csv", ROWS)))
    parent = Import.objects.get()
    for name, status in (("annotator", 403), ("reviewer", 403), ("outsider", 404)):
        other = Client()
        other.force_login(cast.named(name))
        for path in (f"/projects/{cast.project.pk}/imports/", f"/imports/{parent.pk}/"):
            assert other.get(path).status_code == status
        assert other.post(f"/imports/{parent.pk}/start/").status_code == status
        assert other.post(f"/imports/{parent.pk}/files/", upload(("b.wav", b"x"))).status_code == status
    assert parent.files.count() == 1


def test_an_import_that_was_given_up_leaves_nothing(cast: Any, manager: Client) -> None:
    from annotation.services.imports import files

    manager.post(f"/projects/{cast.project.pk}/imports/", upload(("calls.csv", ROWS), ("a.wav", sound(1))))
    parent = Import.objects.get()
    work()
    assert files.folder_of(parent.pk).exists()
    manager.post(f"/imports/{parent.pk}/cancel/")
    parent.refresh_from_db()
    assert parent.state == ImportState.CANCELLED
    assert not files.folder_of(parent.pk).exists()
    assert not parent.rows.exists()
    assert manager.get(f"/imports/{parent.pk}/").status_code == 200


def test_a_file_that_is_no_table_is_refused_in_words(cast: Any, manager: Client) -> None:
    manager.post(f"/projects/{cast.project.pk}/imports/", upload(("t.xlsx", b"<html>no</html>")))
    work()
    shown = words(manager.get(f"/imports/{Import.objects.get().pk}/"))
    assert "Nothing of this can be imported" in shown
    assert "XML or HTML" in shown


def test_the_sheet_that_was_read_is_named_and_another_can_be_chosen(manager: Client, cast: Any) -> None:
    book = Workbook()
    notes: Any = book.active
    notes.title = "Read me"
    notes.append(["Calls of May, by Dana"])
    calls = book.create_sheet("Calls")
    for row in (["file", "start_ms", "end_ms", "text"], ["a.wav", 0, 2000, "one"]):
        calls.append(row)
    out = io.BytesIO()
    book.save(out)
    drop = upload(("calls.xlsx", out.getvalue()), ("a.wav", sound(5)))
    manager.post(f"/projects/{cast.project.pk}/imports/", drop)
    work()
    path = f"/imports/{Import.objects.get().pk}/"
    shown = manager.get(path)
    assert "There are no rows under the headers" in words(shown)
    assert selected(shown, "sheet") == "Read me"
    manager.post(path, {"sheet": "Calls", "header_row": ""})
    work()
    shown = manager.get(path)
    assert "1 row : 1 ready" in words(shown)
    assert selected(shown, "sheet") == "Calls"
    manager.post(path, {"sheet": "Calls", "on_known": "skip"})
    assert Import.objects.get().state == ImportState.CHECKED, "nothing is read again for nothing"


def test_the_delimiter_and_the_template_can_be_chosen(manager: Client, cast: Any) -> None:
    rows = table("Datei;Text, Teil 1, Teil 2;Anmerkung, lang, kurz", "a.wav;one, two, three;a, b, c")
    manager.post(f"/projects/{cast.project.pk}/imports/", upload(("t.csv", rows), ("a.wav", sound(5))))
    work()
    path = f"/imports/{Import.objects.get().pk}/"
    assert selected(manager.get(path), "delimiter") == "comma", "it splits the rows into more cells"
    manager.post(path, {"delimiter": "semicolon"})
    work()
    manager.post(path, {"column-1": "text", "save_template": "Anrufe"})
    work()
    assert [row["text"] for row in Import.objects.get().preview] == ["one, two, three"]

    other = table("Datei;Text, Teil 1, Teil 2", "a.wav;four")
    manager.post(f"/projects/{cast.project.pk}/imports/", upload(("o.csv", other), ("a.wav", sound(5))))
    work()
    latest = Import.objects.latest("pk")
    path = f"/imports/{latest.pk}/"
    manager.post(path, {"delimiter": "semicolon", "template": "Anrufe"})
    work()
    latest.refresh_from_db()
    assert selected(manager.get(path), "template") == "Anrufe"
    assert [row["text"] for row in latest.preview] == ["four"]


def test_tables_and_transcripts_that_are_not_read_are_listed(manager: Client, cast: Any) -> None:
    one, two = (table("file,start_ms,end_ms,text", f"a.wav,0,2000,{text}") for text in ("one", "two"))
    caption = b"1\n00:00:00,000 --> 00:00:01,000\nthree\n"
    drop = upload(("one.csv", one), ("two.csv", two), ("a.srt", caption), ("a.wav", sound(5)))
    manager.post(f"/projects/{cast.project.pk}/imports/", drop)
    work()
    parent = Import.objects.get()
    path = f"/imports/{parent.pk}/"
    for chosen, other in (("one.csv", "two.csv"), ("two.csv", "one.csv")):
        manager.post(path, {"answer-table": chosen})
        work()
        parent.refresh_from_db()
        shown = manager.get(path)
        assert selected(shown, "answer-table") == chosen
        assert f"{other} Not read: “{chosen}” was chosen." in words(shown)
        assert f"a.srt Not read: the table “{chosen}”" in words(shown)
        assert (parent.preview[0]["text"], parent.counts["left_out"]) == (chosen[:3], 2)


def selected(answer: Any, name: str) -> str:
    """Return what a drop-down of the page shows."""
    inside = re.search(rf'<select id="{name}".*?</select>', answer.content.decode(), re.DOTALL)
    assert inside, f"there is no {name}"
    options: list[tuple[str, str]] = re.findall(r"<option([^>]*)>([^<]*)</option>", inside.group())
    return next((label for marks, label in options if marks.endswith(" selected")), options[0][1])


def test_cells_are_parted_by_one_of_four_characters(manager: Client, cast: Any) -> None:
    manager.post(f"/projects/{cast.project.pk}/imports/", upload(("t.csv", ROWS)))
    work()
    path = f"/api/imports/{Import.objects.get().pk}/"
    answer = manager.patch(path, {"options": {"delimiter": "ab"}}, content_type="application/json")
    assert answer.status_code == 400
    assert "comma, semicolon, tab or bar" in answer.json()["error"]["message"]


@pytest.mark.parametrize("field", ["sheet", "template", "answer-encoding", "save_template"])
def test_text_that_cannot_be_kept_is_refused_in_words(manager: Client, cast: Any, field: str) -> None:
    parent = Import.objects.create(
        project=cast.project,
        state=ImportState.ASKING,
        columns=[
            {"header": "File", "field": "audio"},
        ],
    )
    answer = manager.post(f"/imports/{parent.pk}/", {field: "a\0b"}, follow=True)
    assert answer.status_code == 200
    expected = (
        "Name an encoding" if field == "answer-encoding" else f"{field} holds control characters (U+0000)"
    )
    assert expected in words(answer)
    parent.refresh_from_db()
    assert (parent.state, parent.options, parent.answers) == (ImportState.ASKING, {}, {})
    assert not ImportTemplate.objects.exists()
