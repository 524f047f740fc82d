"""The page of exports: a version is asked for, seen being written by a real worker, and taken home."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from annotation.models import Export, ExportedFile
from annotation.services import exports
from annotation.states import SegmentState
from tests.annotation.exporting import make_dataset, make_rows, run_job
from tests.e2e.conftest import Opens, until
from tests.e2e.test_looks import FAINT, UNLABELLED
from tests.factories import make_recording
from tests.personas import Cast

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

TOO_WIDE = "() => document.documentElement.scrollWidth > innerWidth + 1"


def pictured(page: Page, name: str) -> None:
    """Keep a picture of the page where the environment asks for pictures."""
    if folder := os.environ.get("SCREENSHOTS_DIR"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def test_a_version_is_made_watched_and_downloaded(
    opens: Opens, people: Cast, worker_process: Callable[..., Any]
) -> None:
    make_dataset(people)
    page = opens("manager", f"/projects/{people.project.pk}/exports/")
    pictured(page, "exports-empty")
    worker_process("files")
    page.get_by_label("Hugging Face audiofolder").check()
    assert "load_dataset" in page.inner_text("#format-about")
    page.select_option("#split_by", "speaker")
    page.fill("input[name=seed]", "7")
    with page.expect_navigation():
        page.click("text=Make version 1")
    # No reload from here on: the line follows the worker.
    page.evaluate("window.same = true")
    until(page, "!!document.querySelector('.export-version[data-state=done] a[download]')")
    assert page.evaluate("window.same") is True
    with page.expect_download() as begun:
        page.click(".export-version a.primary")
    taken = Path(begun.value.path()).read_bytes()
    file = ExportedFile.objects.get()
    assert hashlib.sha256(taken).hexdigest() == file.sha256
    assert begun.value.suggested_filename == "Calls v1 audiofolder.zip"
    page.click("text=Figures and check sum")
    assert file.sha256 in page.inner_text(".export-more")
    pictured(page, "exports-one")


def test_the_form_says_what_a_version_would_hold(opens: Opens, people: Cast) -> None:
    make_rows(people, make_recording(people.project))
    make_rows(people, make_recording(people.project), state=SegmentState.DRAFT, annotator=None)
    page = opens("reviewer", f"/projects/{people.project.pk}/exports/")
    assert page.inner_text("#preview").startswith("10 rows")
    assert "10 draft" in page.inner_text("#preview")
    page.check("input[name=rows][value=all]")
    until(page, "document.getElementById('preview').textContent.startsWith('20 rows')")
    page.click("text=Narrow it by date")
    page.fill("input[name=until]", "2001-01-01")
    page.dispatch_event("input[name=until]", "change")
    until(page, "document.getElementById('preview').textContent.startsWith('0 rows')")
    # What a format does not have is not asked.
    page.get_by_label("SubRip (SRT)").check()
    assert not page.is_visible("#split_by")
    assert page.is_visible("input[name=with_audio]")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_page_is_legible_full_and_narrow(opens: Opens, people: Cast, theme: Any) -> None:
    make_dataset(people)
    for form, options in (
        ("xlsx", {}),
        ("parquet", {"split_by": "speaker", "seed": "7"}),
        ("srt", {"audio": "recordings"}),
    ):
        exports.request(user=people.manager, project=people.project, form=form, options=options)
        run_job()
    for state in ("failed", "running"):
        export = exports.request(user=people.manager, project=people.project, form="nemo")
        type(export.job).objects.filter(pk=export.job_id).update(
            state="running", phase="writing", processed_items=7, total_items=30
        )
        if state == "failed":
            type(export.job).objects.filter(pk=export.job_id).update(
                state="failed", error="The server's disk is nearly full; the export was not written."
            )
    assert Export.objects.count() == 5
    page = opens("manager", f"/projects/{people.project.pk}/exports/", color_scheme=theme)
    for details in page.query_selector_all("details"):
        details.evaluate("one => { one.open = true }")
    for width in (1280, 820):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate(TOO_WIDE) is False
        pictured(page, f"exports-{theme}-{width}")
    assert page.evaluate(FAINT) == []
    assert page.evaluate(UNLABELLED) == []
