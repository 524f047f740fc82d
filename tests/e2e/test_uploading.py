"""Uploads in the browser: many files, a drop, a duplicate, a refusal, and rows that appear by themselves."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from annotation.models import Recording
from tests.e2e.audio import write_tones
from tests.e2e.conftest import Opens, until
from tests.personas import Cast
from tests.waiting import PATIENCE_S

pytestmark = pytest.mark.browser


def test_files_are_uploaded_resumably_and_duplicates_told(opens: Opens, people: Cast, tmp_path: Path) -> None:
    page = opens("manager", f"/projects/{people.project.pk}/upload/")
    one, two = write_tones(tmp_path / "one.wav"), write_tones(tmp_path / "two.wav", pitch=440)
    twin = tmp_path / "twin.wav"
    twin.write_bytes(one.read_bytes())
    empty = tmp_path / "empty.wav"
    empty.touch()
    page.set_input_files("#pick-files", [one, two])
    until(page, "document.querySelectorAll('#uploads li[data-state=done]').length === 2")
    page.set_input_files("#pick-files", [twin, empty])
    page.wait_for_selector("#uploads li[data-duplicate]:has-text('Already here as one.wav')")
    page.wait_for_selector("#uploads li[data-state=failed]:has-text('is empty')")
    stored = Recording.objects.filter(project=people.project)
    wanted = {hashlib.sha256(path.read_bytes()).hexdigest() for path in (one, two)}
    assert set(stored.values_list("sha256", flat=True)) == wanted
    assert page.evaluate("Object.keys(localStorage).filter(key => key.startsWith('tus::')).length") == 0


def test_an_upload_that_broke_off_goes_on_after_a_reload(opens: Opens, people: Cast, tmp_path: Path) -> None:
    page = opens("manager", f"/projects/{people.project.pk}/upload/")
    big = tmp_path / "big.wav"
    big.write_bytes(bytes(range(256)) * (90 * 1024 * 1024 // 256 // 3))
    patches: list[int] = []
    broken = True

    def count(route: Any) -> None:
        offset = int(route.request.headers["upload-offset"])
        patches.append(offset)
        # Only the first chunk of the first visit gets through.
        if offset and broken:
            route.abort()
        else:
            route.continue_()

    page.route(
        re.compile(r"/api/uploads/"),
        lambda route: count(route) if route.request.method == "PATCH" else route.continue_(),
    )
    page.set_input_files("#pick-files", big)
    until(page, "document.querySelectorAll('#uploads li').length === 1")
    deadline = time.monotonic() + PATIENCE_S
    while len(patches) < 2:
        assert time.monotonic() < deadline, "the second chunk was never sent"
        page.wait_for_timeout(20)
    page.get_by_role("button", name="Pause big.wav").click()
    page.reload()
    page.wait_for_selector("#uploads li[data-state=absent]:has-text('choose this file again')")
    before = len(patches)
    broken = False
    page.set_input_files("#pick-files", big)
    page.wait_for_selector("#uploads li[data-state=done]")
    assert patches[before] > 0, "it did not begin anew"
    stored = Recording.objects.get(project=people.project)
    assert stored.sha256 == hashlib.sha256(big.read_bytes()).hexdigest()


DROP = """([name, size]) => {
  const transfer = new DataTransfer();
  transfer.items.add(new File([new Uint8Array(size).fill(7)], name, {type: 'audio/wav'}));
  transfer.items.add(new File(['notes'], 'notes.txt', {type: 'text/plain'}));
  for (const type of ['dragenter', 'dragover', 'drop'])
    document.getElementById('drop').dispatchEvent(
      new DragEvent(type, {dataTransfer: transfer, bubbles: true, cancelable: true}));
}"""


def test_files_are_dropped_onto_the_page(opens: Opens, people: Cast) -> None:
    page = opens("manager", f"/projects/{people.project.pk}/upload/")
    name = "<img src=x onerror=alert(1)>.wav"
    page.evaluate(DROP, [name, 5000])
    page.wait_for_selector("#uploads li[data-state=done]")
    assert "1 left out" in page.inner_text("#queue-words")
    assert page.locator("#uploads .file-name").inner_text() == name
    page.goto(f"/projects/{people.project.pk}/")
    assert page.locator("#recordings .name a").inner_text() == name


def test_recordings_come_along_on_an_open_page(
    opens: Opens,
    people: Cast,
    tmp_path: Path,
    worker_process: Callable[..., Any],
) -> None:
    watching = opens("annotator", f"/projects/{people.project.pk}/")
    assert "appear here by themselves" in watching.inner_text("main")
    page = opens("manager", f"/projects/{people.project.pk}/upload/")
    page.set_input_files("#pick-files", write_tones(tmp_path / "live.wav", seconds=20))
    page.wait_for_selector("#uploads li[data-state=done]")
    watching.wait_for_selector("#recordings tr:has-text('live.wav')")
    recording = Recording.objects.get(project=people.project)
    waiting = opens("annotator", f"/recordings/{recording.pk}/")
    assert "Waiting for a worker" in waiting.inner_text("main")
    worker_process("audio,control")
    waiting.wait_for_selector("#segments .segment.pending")
    watching.wait_for_selector("#recordings tr:has-text('First draft')")
    worker_process("draft,refine", EARMARK_ENGINE="fake")
    waiting.wait_for_selector("#segments .segment:is(.draft, .refined)")
    watching.wait_for_selector("#recordings tr:has-text('Transcribed')")
    waiting.wait_for_selector("#recording-head:has-text('Transcribed')")
    until(waiting, "document.querySelectorAll('#segments .segment.pending').length === 0")


def test_the_list_still_tells_the_truth_while_redis_is_empty(
    opens: Opens, people: Cast, redis_url: str
) -> None:
    import redis

    from tests.factories import make_job, make_recording

    page = opens("annotator", f"/projects/{people.project.pk}/")
    page.wait_for_timeout(300)
    with redis.Redis.from_url(redis_url) as client:
        client.flushall()
    made = make_recording(people.project, name="made without a word.wav")
    make_job(made, state="completed")
    page.reload()
    assert "made without a word.wav" in page.inner_text("#recordings")
    assert (
        json.loads(
            page.evaluate("JSON.stringify([...document.querySelectorAll('#recordings tbody tr')].length)")
        )
        == 1
    )
