"""The overview of a recording as SVG: its waveform, and under it where each segment is and how it stands.

Everything is drawn as a handful of paths, so that ten hours with five thousand segments cost a page no
more than ten seconds do.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from annotation import storage
from annotation.models import Recording, Segment
from annotation.states import RecordingState
from transcription import peaks

WIDTH: Final = 1000
HEIGHT: Final = 64
STRIP: Final = 8
"""Height of the strip of states, in the same units."""
GAPS_UP_TO: Final = 250
"""With more segments than this, gaps between neighbours would be all there is to see."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Name the part of a recording that one page of segments covers, in drawing units."""

    number: int
    x: float
    width: float
    current: bool


@dataclass(frozen=True, slots=True)
class Waveform:
    """Hold the paths of the overview."""

    duration_ms: int
    outline: str
    states: list[tuple[str, str]]
    """Class and path of each state present."""
    stretches: list[Stretch]


def of(recording: Recording) -> Waveform | None:
    """Draw a recording, None while there is nothing to draw."""
    if recording.state != RecordingState.READY or not recording.duration_ms:
        return None
    duration = recording.duration_ms
    rows = (
        Segment.objects.filter(recording=recording)
        .order_by("start_ms", "id")
        .values_list("start_ms", "end_ms", "state", "locked")
    )
    return Waveform(duration, outline(recording.pk, duration), strip(list(rows), duration), [])


def outline(recording_id: int, duration_ms: int) -> str:
    """Return the waveform as one closed path; a flat line where the peaks are missing."""
    path = storage.peaks_path(recording_id)
    middle = HEIGHT / 2
    flat = f"M0 {middle}H{WIDTH}"
    try:
        info = peaks.read_info(path)
        step = peaks.best_level(info, duration_ms, WIDTH)
        values = peaks.read_peaks(path, step, 0, duration_ms)
    except (OSError, ValueError):
        return flat
    columns = _columns(values)
    if not columns:
        return flat
    loudest = max(max(-low, high) for low, high in columns) or 1
    # Quiet recordings are drawn larger, so that pauses can be told; silence is not blown up to noise.
    scale = (middle - 2) / max(loudest, 12)
    wide = WIDTH / len(columns)
    above, below = [], []
    for index, (low, high) in enumerate(columns):
        x = _short(index * wide)
        above.append(f"{x} {_short(middle - max(0.5, high * scale))}")
        below.append(f"{x} {_short(middle + max(0.5, -low * scale))}")
    end = f"{WIDTH} {_short(middle)}"
    return "M" + "L".join([*above, end, *reversed(below)]) + "Z"


def _columns(values: Sequence[int]) -> list[tuple[int, int]]:
    """Bring minimum and maximum of each step down to at most WIDTH columns."""
    steps = len(values) // 2
    each = max(1, -(-steps // WIDTH))
    return [
        (min(values[2 * i : 2 * (i + each) : 2]), max(values[2 * i + 1 : 2 * (i + each) : 2]))
        for i in range(0, steps, each)
    ]


def strip(rows: Sequence[tuple[int, int, str, bool]], duration_ms: int) -> list[tuple[str, str]]:
    """Return one path for each state, with a rectangle for each segment or run of like segments."""
    unit = WIDTH / max(1, duration_ms)
    gap = 0.8 if len(rows) <= GAPS_UP_TO else 0.0
    paths: dict[str, list[str]] = {}
    run: tuple[str, int, int] | None = None

    def close() -> None:
        if run is not None:
            name, start, end = run
            wide = max(0.6, (end - start) * unit - gap)
            paths.setdefault(name, []).append(
                f"M{_short(start * unit)} 0h{_short(wide)}v{STRIP}h-{_short(wide)}z"
            )

    for start, end, state, locked in rows:
        name = "locked" if locked else state
        joins = run is not None and not gap and run[0] == name and start - run[2] < duration_ms / WIDTH
        if joins and run is not None:
            run = (name, run[1], end)
            continue
        close()
        run = (name, start, end)
    close()
    return [(name, "".join(found)) for name, found in paths.items()]


def stretches(spans: Iterable[tuple[int, int]], duration_ms: int, current: int) -> list[Stretch]:
    """Return where each page of segments lies; pages are numbered from 1."""
    unit = WIDTH / max(1, duration_ms)
    return [
        Stretch(number, round(start * unit, 1), round(max(2.0, (end - start) * unit), 1), number == current)
        for number, (start, end) in enumerate(spans, start=1)
    ]


def _short(value: float) -> str:
    text = f"{value:.1f}"
    return text[:-2] if text.endswith(".0") else text


def page_spans(rows: Sequence[tuple[int, int]], size: int) -> list[tuple[int, int]]:
    """Return start and end of each page of `size` segments, in order of time."""
    return [(rows[at][0], max(end for _, end in rows[at : at + size])) for at in range(0, len(rows), size)]


def facts(recording: Any) -> str:
    """Say what kind of file it was: `MP3 · 44.1 kHz · stereo · 4.2 MB`."""
    words = [str(recording.codec).upper()] if recording.codec else []
    if recording.sample_rate:
        words.append(f"{recording.sample_rate / 1000:g} kHz")
    if recording.channels:
        words.append({1: "mono", 2: "stereo"}.get(recording.channels, f"{recording.channels} channels"))
    return " · ".join(words)
