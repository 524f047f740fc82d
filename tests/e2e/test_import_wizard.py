"""The import wizard in a real browser: files dropped on the form, live numbers, answers, and the import."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from annotation.models import Import, Segment
from tests.annotation.imports.dropping import sound, table
from tests.e2e.conftest import Opens, until
from transcription.wav import wav_header

pytestmark = pytest.mark.browser

ROWS = table(
    "File,Start,End,Text,correct_transcripts,Speaker,Cost centre",
    "call_193.wav,0,2,die Rechnung von posch,die Rechnung von Bosch,Ann,7",
    "call_193.wav,3,2,ist vierundachtzig Euro,,Bob,7",
    "call_193.wav,2,4,ist vierundachtzig Euro,,Bob,=1+1",
    "nowhere.wav,0,1,drei,,Ann,8",
    "call_193.wav,4,5,,,Ann,8",
    "call_193.wav,5,99,zu lang,,Ann,8",
)


def picture(page: Any, name: str) -> None:
    """Keep pictures where somebody asked for them: light and dark, wide and narrow."""
    if folder := os.environ.get("SCREENSHOTS_DIR"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            for width in (1280, 820):
                page.set_viewport_size({"width": width, "height": 900})
                page.wait_for_timeout(200)
                page.screenshot(path=Path(folder) / f"{name}-{scheme}-{width}.png", full_page=True)
        page.emulate_media(color_scheme="light")
        page.set_viewport_size({"width": 1280, "height": 860})


def test_a_drop_is_followed_to_its_segments(
    opens: Opens, people: Any, worker_process: Callable[..., Any]
) -> None:
    worker_process("files")
    worker_process("audio,control")
    page = opens("manager", f"/projects/{people.project.pk}/imports/")
    picture(page, "empty")
    page.evaluate(
        """([rows, wav]) => {
            const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
            const data = new DataTransfer();
            data.items.add(new File([bytes(rows)], "calls.csv"));
            data.items.add(new File([bytes(wav)], "call_193.wav"));
            const drop = new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true });
            document.querySelector("form[data-drop]").dispatchEvent(drop);
        }""",
        [_base64(ROWS), _base64(sound(8, rate=4000))],
    )
    until(page, "document.querySelector('[data-chosen]').textContent.startsWith('2 files')")
    page.get_by_role("button", name="Check the files").click()
    page.wait_for_url("**/imports/*/")

    # The page finds out by itself that the check has come to a question.
    until(page, "!!document.querySelector('#question-time_unit')")
    picture(page, "asking")
    page.get_by_label("Seconds", exact=True).check()
    page.fill("#save_template", "Call centre")
    page.get_by_role("button", name="Go on").click()
    until(page, "document.body.innerText.includes('2 ready')")
    assert "4 faulty" in page.inner_text("#import-body")
    picture(page, "checked")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download rejects.xlsx").click()
    assert download.value.suggested_filename.startswith("rejects-")

    page.get_by_role("button", name="Import 2 rows").click()
    until(page, "document.body.innerText.includes('2 added')")
    picture(page, "done")
    found = Segment.objects.filter(project=people.project).order_by("start_ms")
    assert list(found.values_list("text", flat=True)) == ["die Rechnung von Bosch", "ist vierundachtzig Euro"]
    page.locator(".crumbs a").last.click()
    page.wait_for_url("**/imports/")
    assert page.locator("tbody tr").count() == Import.objects.count() == 1
    picture(page, "list")


def test_a_large_drop_survives_a_lost_connection(
    opens: Opens, people: Any, worker_process: Callable[..., Any], tmp_path: Path
) -> None:
    worker_process("files")
    talk = tmp_path / "talk.wav"
    noise = os.urandom(1 << 20) * 34
    talk.write_bytes(wav_header(len(noise)) + noise)
    rows = tmp_path / "calls.csv"
    rows.write_bytes(table("File,start_ms,end_ms,Text", "talk.wav,0,2000,hallo welt"))
    empty = tmp_path / "empty.wav"
    empty.touch()
    page = opens("manager", f"/projects/{people.project.pk}/imports/")
    cut: list[str] = []
    begun: list[str] = []

    def cut_once(route: Any) -> None:
        offset = int(route.request.headers.get("upload-offset", "0"))
        if route.request.method == "PATCH" and offset > 0 and not cut:
            cut.append(route.request.url)
            route.abort()
        else:
            route.continue_()

    page.route("**/api/uploads/*/", cut_once)
    page.on("request", lambda one: begun.append(one.url) if one.url.endswith("/uploads/") else None)
    page.set_input_files("input[type=file]", [rows, talk, empty])
    page.get_by_role("button", name="Check the files").click()
    until(page, "!!document.querySelector('.sending .figure')?.textContent")
    picture(page, "sending")
    leave = page.get_by_role("button", name="Go on without it")
    leave.wait_for()
    assert "empty.wav: The file is empty" in page.inner_text(".sending")
    picture(page, "refused")

    # After a reload the same files go on where they stopped: nothing that is whole is sent again.
    page.reload()
    page.set_input_files("input[type=file]", [rows, talk, empty])
    page.get_by_role("button", name="Check the files").click()
    leave.click()
    page.wait_for_url("**/imports/*/")
    assert len(begun) == 4, "the table and the audio once, the empty file twice"
    until(page, "document.body.innerText.includes('1 ready')")
    assert len(cut) == 1
    parent = Import.objects.get(project=people.project)
    assert parent.files.get(name="talk.wav").size_bytes == talk.stat().st_size


def _base64(data: bytes) -> str:
    import base64

    return base64.b64encode(data).decode()
