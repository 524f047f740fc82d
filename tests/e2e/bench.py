"""What the tests of the workbench share: a recording to work on, and hands on its keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from annotation.models import Hypothesis, Job, Recording, Segment
from annotation.states import Pass
from tests.e2e.audio import place_audio
from tests.e2e.conftest import until
from tests.factories import make_decoding, make_job, make_recording, make_segment
from tests.personas import Cast

if TYPE_CHECKING:
    from playwright.sync_api import Page


def make_call(
    people: Cast, texts: list[str], *, each_ms: int = 1_000, long_ms: int = 400, **values: Any
) -> Recording:
    """Make a recording with a drafted segment for each text, its hypotheses and its audio."""
    seconds = max(2, -(-len(texts) * each_ms // 1000) + 1)
    recording = make_recording(people.project, name="call.wav", duration_ms=seconds * 1000)
    job = make_job(recording, state="completed")
    for number, text in enumerate(texts):
        start = number * each_ms
        values = {"risk": round(number * 37 % 100 / 100, 2), **values}
        segment = make_segment(
            people.project,
            recording=recording,
            start_ms=start,
            end_ms=start + long_ms,
            text=text,
            revision=1,
            state="draft",
            source="draft",
            **values,
        )
        hear(job, segment, text)
    place_audio(recording.pk, seconds=seconds)
    return recording


def hear(
    job: Job, segment: Segment, text: str, *, pass_name: Pass = Pass.DRAFT, doubt: str = "-"
) -> Hypothesis:
    """Store what a model heard in a segment, its words spread evenly; `doubt` names an unsure one."""
    words = text.split()
    step = (segment.end_ms - segment.start_ms) // max(1, len(words))
    return Hypothesis.objects.create(
        segment=segment,
        decoding=make_decoding(job, segment, state="done", pass_name=pass_name, model=f"demo-{pass_name}"),
        pass_name=pass_name,
        model=f"demo-{pass_name}",
        text=text,
        words=[
            [
                segment.start_ms + n * step,
                segment.start_ms + (n + 1) * step,
                f" {word}",
                0.2 if word == doubt else 0.9,
            ]
            for n, word in enumerate(words)
        ],
    )


def rows(recording: Recording) -> list[Segment]:
    """Return the live segments by time."""
    return list(Segment.objects.filter(recording=recording).order_by("start_ms"))


class Bench:
    """The workbench of one page."""

    def __init__(self, page: Page, recording: Recording | None = None, **query: Any) -> None:
        self.page = page
        if recording is not None:
            asked = "&".join(f"{name}={value}" for name, value in query.items())
            page.goto(f"/recordings/{recording.pk}/work/?{asked}")
            self.ready()

    def ready(self) -> None:
        """Wait until a segment is open."""
        self.page.wait_for_selector("#text[aria-busy=false]:not([disabled])")

    @property
    def text(self) -> str:
        """What the box holds."""
        return str(self.page.evaluate("document.getElementById('text').value"))

    @property
    def current(self) -> str:
        """The id of the open segment."""
        return str(self.page.evaluate("document.querySelector('.wb-row.current')?.dataset.segment ?? ''"))

    @property
    def light(self) -> str:
        """What the save light says."""
        return self.page.inner_text("#save-light")

    def at(self, segment: Segment | int | str) -> None:
        """Wait until a segment is open and its text is there."""
        wanted = segment.pk if isinstance(segment, Segment) else segment
        until(
            self.page,
            f"document.querySelector('.wb-row.current')?.dataset.segment === '{wanted}'"
            " && document.getElementById('text').getAttribute('aria-busy') === 'false'",
        )

    def mine(self) -> None:
        """Wait until the box may be typed into."""
        self.page.wait_for_selector("#text:not([readonly])[aria-busy=false]")

    def press(self, *keys: str) -> None:
        """Press keys one after another."""
        for key in keys:
            self.page.keyboard.press(key)

    def command(self, key: str) -> None:
        """Press a single-letter key, outside the text."""
        if self.page.evaluate("document.activeElement.id") == "text":
            self.press("Escape")
        self.press(key)

    def write(self, text: str) -> None:
        """Replace the text by typing."""
        self.page.focus("#text")
        self.press("Control+a")
        self.page.keyboard.type(text)

    def heard(self) -> None:
        """Wait until enough of the segment was played."""
        until(self.page, "parseInt(document.querySelector('.wb-share').textContent) >= 60")

    def saved(self) -> None:
        """Wait until the server has everything."""
        self.page.wait_for_selector("#save-light[data-state=saved]:has-text('Saved')")

    def shines(self, words: str) -> None:
        """Wait until the save light says so, or begins to."""
        until(self.page, f"document.getElementById('save-light').textContent.trim().startsWith({words!r})")

    def says(self, words: str) -> None:
        """Wait until the live region says so."""
        self.page.wait_for_selector(f".wb-said:has-text({words!r})")
