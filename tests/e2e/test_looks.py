# ruff: noqa: E501 - JavaScript inside
"""What every page owes its readers: labels, contrast, room, no stranger's script; and its picture."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
from django.core.management import call_command

from annotation.models import Job, Project, Recording, Segment
from annotation.services import segments
from tests.e2e.audio import place_audio
from tests.e2e.conftest import Opens, until
from tests.factories import make_job, make_recording, make_segment
from tests.personas import Cast

pytestmark = pytest.mark.browser

PAYLOADS: Final = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</textarea><svg onload=alert(1)>",
    "'-alert(1)-'",
)

UNLABELLED: Final = """() => [...document.querySelectorAll('input:not([type=hidden]), select, textarea, button, a[href], summary')]
  .filter(node => {
    if (!node.checkVisibility()) return false;
    const labels = [...(node.labels ?? [])].map(label => label.textContent).join('');
    const words = [node.getAttribute('aria-label'), labels, node.tagName === 'INPUT' ? '' : node.textContent, node.title]
    return !words.some(word => word && word.trim());
  }).map(node => node.outerHTML.slice(0, 200))"""

# WCAG contrast of each visible text against the nearest opaque background behind it.
FAINT: Final = """() => {
  const canvas = document.createElement('canvas'); canvas.width = canvas.height = 1;
  const context = canvas.getContext('2d', {willReadFrequently: true});
  const rgba = colour => { context.clearRect(0, 0, 1, 1); context.fillStyle = colour; context.fillRect(0, 0, 1, 1);
    return [...context.getImageData(0, 0, 1, 1).data]; };
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = node => { for (let at = node; at; at = at.parentElement) {
    const colour = rgba(getComputedStyle(at).backgroundColor); if (colour[3] > 230) return colour; } return [255, 255, 255]; };
  const faint = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let text; (text = walker.nextNode());) {
    const node = text.parentElement;
    if (!text.data.trim() || !node.checkVisibility({opacityProperty: true}) || node.closest('script, style, .away, :disabled')) continue;
    const [a, b] = [light(rgba(getComputedStyle(node).color)), light(behind(node))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) faint.push(`${ratio.toFixed(2)} ${node.className || node.tagName}: ${text.data.trim().slice(0, 40)}`);
  }
  return faint;
}"""


@pytest.fixture
def full(people: Cast, media_root: Path) -> Recording:
    """Return a recording with a row in every state, in a project with trouble in it."""
    project = people.project
    recording = make_recording(
        project, name="call.wav", duration_ms=8_000, warnings=[{"code": "x", "message": "Cut off."}]
    )
    make_job(recording, state="completed")
    states = ("pending", "draft", "refined", "corrected", "returned", "accepted", "skipped", "corrected")
    for number, state in enumerate(states):
        make_segment(
            project,
            recording=recording,
            start_ms=number * 1000,
            end_ms=number * 1000 + 900,
            text=f"words of row {number}" if state != "pending" else "",
            revision=int(state != "pending"),
            state=state,
            source="draft",
            risk=0.8 if state in ("draft", "refined") else None,
            risk_reasons=["unsure", "repetition"],
        )
    segments.lock(user=people.manager, segment=Segment.objects.filter(recording=recording).latest("start_ms"))
    bad = make_recording(
        project,
        state="rejected",
        duration_ms=None,
        cause="The file has no audio track.",
        cause_code="no_audio_track",
    )
    make_job(bad, state="failed", error=bad.cause)
    busy = make_recording(project, state="preparing", prepared_percent=40, duration_ms=None)
    make_job(busy, state="running", phase="preparing")
    place_audio(recording.pk)
    return recording


def addresses(project: Project, recording: Recording) -> tuple[str, ...]:
    segment = Segment.objects.filter(recording=recording).order_by("start_ms")[3]
    return (
        "/",
        f"/projects/{project.pk}/",
        f"/projects/{project.pk}/upload/",
        f"/projects/{project.pk}/settings/",
        f"/recordings/{recording.pk}/",
        f"/segments/{segment.pk}/history/",
        "/nothing/here/",
    )


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_everything_has_a_name_and_can_be_read(
    opens: Opens, people: Cast, full: Recording, theme: str
) -> None:
    page = opens("manager", color_scheme=theme)
    for path in addresses(people.project, full):
        page.goto(path)
        assert page.evaluate(UNLABELLED) == [], path
        assert page.evaluate(FAINT) == [], path
        assert page.locator("h1").count() == 1, path
        assert page.title().endswith("Earmark")
    page.evaluate("document.querySelector('h1').style.color = 'rgb(128 128 128 / 1)'")
    page.evaluate("document.querySelector('h1').style.background = 'rgb(140 140 140)'")
    assert page.evaluate(FAINT), "the check itself must see what is faint"


@pytest.mark.parametrize("width", [768, 1280])
def test_no_page_is_wider_than_its_window(opens: Opens, people: Cast, full: Recording, width: int) -> None:
    page = opens("manager")
    page.set_viewport_size({"width": width, "height": 900})
    for path in addresses(people.project, full):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, path


def test_payloads_in_every_field_run_nothing(opens: Opens, people: Cast, media_root: Path) -> None:
    """The fixture fails the test on any dialog, script error or refusal by the content policy."""
    project = people.project
    recordings = []
    for number, payload in enumerate(PAYLOADS):
        project.name = project.description = payload
        project.glossary = list(PAYLOADS)
        project.save()
        recording = make_recording(
            project, name=f"{payload}.wav", warnings=[{"code": "x", "message": payload}]
        )
        make_job(recording, state="failed", error=payload)
        segment = make_segment(
            project, recording=recording, text=payload, revision=1, state="draft", speaker=payload
        )
        recordings.append((recording, segment, number))
    page = opens("manager")
    for recording, segment, number in recordings:
        for path in addresses_of_payload(project, recording, segment):
            page.goto(path)
        page.goto(f"/recordings/{recording.pk}/")
        page.fill(f"#s{segment.pk} textarea", f"{PAYLOADS[number]} again")
        page.keyboard.press("Control+s")
        page.wait_for_selector(f"#s{segment.pk}.corrected")
        assert page.locator(f"#s{segment.pk} textarea").input_value() == f"{PAYLOADS[number]} again"
        assert page.locator("main script, main img, main svg[onload]").count() == 0


def addresses_of_payload(project: Project, recording: Recording, segment: Segment) -> tuple[str, ...]:
    return (
        "/",
        f"/projects/{project.pk}/",
        f"/projects/{project.pk}/settings/",
        f"/projects/{project.pk}/upload/",
        f"/segments/{segment.pk}/history/",
    )


def test_the_theme_is_remembered(opens: Opens, people: Cast) -> None:
    page = opens("manager", color_scheme="light")
    colour = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(colour)
    page.click("[data-theme-toggle]")
    dark = page.evaluate(colour)
    page.reload()
    assert page.evaluate(colour) == dark != light


@pytest.mark.slow
def test_pictures_of_the_demo(
    opens: Opens, people: Cast, media_root: Path, tmp_path: Path, worker_process: Callable[..., Any]
) -> None:
    """Draw each page, light and dark; `SCREENSHOTS_DIR=docs/screenshots` renews those of the README."""
    call_command("demo", force=True, verbosity=0)
    for queues in ("audio,control", "draft", "refine"):
        worker_process(queues)
    project = Project.objects.exclude(name__in=("Calls", "Elsewhere")).get()
    page = opens("manager", f"/projects/{project.pk}/")
    until(
        page,
        f"document.querySelectorAll('.mark.done').length >= {Recording.objects.filter(project=project).count()}",
    )
    assert not Job.objects.filter(project=project).exclude(state="completed").exists()
    recording = Recording.objects.filter(project=project).order_by("id")[0]
    rows = list(Segment.objects.filter(recording=recording).order_by("start_ms"))
    for row in rows[:3]:
        segments.save_text(user=people.manager, segment=row, text=row.text, base_revision=row.revision)
    segments.lock(user=people.manager, segment=rows[0])
    corrected = rows[3].text.replace("seven", "seventy")
    segments.save_text(user=people.manager, segment=rows[3], text=corrected, base_revision=rows[3].revision)
    into = Path(os.environ.get("SCREENSHOTS_DIR") or tmp_path)
    into.mkdir(exist_ok=True)
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        for name, path in (
            ("workbench", f"/recordings/{recording.pk}/work/?segment={rows[4].pk}"),
            ("recording", f"/recordings/{recording.pk}/"),
            ("project", f"/projects/{project.pk}/"),
            ("projects", "/"),
            ("upload", f"/projects/{project.pk}/upload/"),
            ("imports", f"/projects/{project.pk}/imports/"),
            ("search", f"/projects/{project.pk}/search/?q=power"),
            ("exports", f"/projects/{project.pk}/exports/"),
            ("glossary", f"/projects/{project.pk}/glossary/"),
            ("review", f"/projects/{project.pk}/review/"),
            ("quality", f"/projects/{project.pk}/quality/"),
        ):
            page.goto(path)
            if name == "workbench":  # the waveform and the sound come behind the text
                page.wait_for_selector("#text:not([readonly])[aria-busy=false]")
                until(page, "parseInt(document.querySelector('.wb-share').textContent) >= 40")
            page.wait_for_timeout(400)  # fonts and the live light
            picture = into / f"{name}-{theme}.png"
            page.screenshot(path=picture)
            assert 10_000 < picture.stat().st_size < 300_000
