"""Exports: complete, exact, and inert in a spreadsheet."""

from __future__ import annotations

import csv
import io
import json
import random
from typing import Any

import pytest

from annotation.models import Hypothesis, Recording, Segment
from annotation.services import exports
from annotation.services.exports import streamed
from annotation.states import SegmentState
from tests.annotation.api.calling import Caller
from tests.factories import make_decoding, make_job, make_recording, make_segment
from tests.personas import Cast
from transcription.formats.cells import escape, unescape
from transcription.formats.exported import COLUMNS

pytestmark = pytest.mark.django_db

#: Of a version, too; parts are dealt to its rows alone.
HEADER = [name for name in COLUMNS if name != "split"]

NASTY = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\tTAB",
    "\rCR",
    "\nLF",
    "\uff1d1",
    "\uff0b1",
    "\uff0d1",
    "\uff20x",
    "'=1+1",
    "''=1+1",
    "'quoted'",
    "it's",
    'say "hi", twice',
    "a\nb\r\nc",
    "\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627",
    "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35 \u65e5\u672c\u8a9e e\u0301 zero\u200bwidth",
    "\x0b vertical",
    "\u2028 line separator",
    "",
    "null",
    "1e5",
    " =leading space",
]
TRIGGERS = "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"


def rows_of(body: bytes) -> list[dict[str, str]]:
    assert body.startswith(b"\xef\xbb\xbf")
    return list(csv.DictReader(io.StringIO(body.decode("utf-8-sig"), newline="")))


@pytest.fixture
def nasty(cast: Cast, recording: Recording) -> list[Segment]:
    Recording.objects.filter(pk=recording.pk).update(name="=cmd|calc.wav")
    return [
        make_segment(
            cast.project,
            recording=recording,
            start_ms=i * 10,
            end_ms=i * 10 + 10,
            text=text,
            speaker=text[:20],
            revision=1,
            source="human",
            state=SegmentState.CORRECTED,
        )
        for i, text in enumerate(NASTY)
    ]


def test_no_cell_of_the_csv_begins_a_formula_and_every_text_comes_back(
    manager: Caller, cast: Cast, nasty: list[Segment]
) -> None:
    answer = manager.get(f"/api/projects/{cast.project.pk}/export/?format=csv")
    assert answer.status == 200
    rows = rows_of(answer.body)
    assert list(rows[0]) == HEADER
    for row in rows:
        for name, cell in row.items():
            assert not cell.startswith(tuple(TRIGGERS)), (name, cell)
    assert [unescape(row["correct_transcripts"]) for row in rows] == NASTY
    assert [unescape(row["speaker"]) for row in rows] == [text[:20] for text in NASTY]
    assert unescape(rows[0]["file_name"]) == "=cmd_calc.wav"


def test_jsonl_is_exact(manager: Caller, nasty: list[Segment], recording: Recording) -> None:
    answer = manager.get(f"/api/recordings/{recording.pk}/export/?format=jsonl")
    rows = [json.loads(line) for line in answer.body.decode().split("\n")[:-1]]
    assert [row["correct_transcripts"] for row in rows] == NASTY
    assert set(rows[0]) < set(HEADER)
    assert rows[3]["segment_id"] == str(nasty[3].pk)


def test_a_row_says_all_that_is_known(
    manager: Caller, annotator: Caller, cast: Cast, segment: Segment
) -> None:
    job = make_job(segment.recording)
    for name in ("draft", "refine"):
        Hypothesis.objects.create(
            decoding=make_decoding(job, segment, pass_name=name, state="done"),
            segment=segment,
            pass_name=name,
            model=f"demo-{name}",
            text=f"heard by {name}",
        )
    Segment.objects.filter(pk=segment.pk).update(risk=0.5, risk_reasons=["repetition", "fast"])
    annotator.patch(f"/api/segments/{segment.pk}/", {"text": "by hand", "base_revision": 1})
    annotator.post(f"/api/segments/{segment.pk}/lock/")
    (row,) = rows_of(manager.get(f"/api/projects/{cast.project.pk}/export/").body)
    assert {
        "file_name": "talk.wav",
        "id": "",
        "segment_id": str(segment.pk),
        "start_ms": "1000",
        "end_ms": "3000",
        "status": "corrected",
        "correct_transcripts": "by hand",
        "asr_text": "heard by refine",
        "model": "demo-refine",
        "version": "2",
        "wer": "1.0",
        "edit_distance": "2",
        "annotator": "annotator",
        "locked": "true",
        "risk": "0.5",
        "risk_reasons": "repetition fast",
    }.items() <= row.items()
    assert row["locked_at"].endswith("+00:00")


def test_rows_come_in_order_across_batches(
    manager: Caller, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streamed, "BATCH", 7)
    first, second = make_recording(cast.project), make_recording(cast.project)
    order = list(range(30))
    random.Random(3).shuffle(order)
    for i in order:
        make_segment(cast.project, recording=(first, second)[i % 2], start_ms=i * 10, end_ms=i * 10 + 10)
    rows = rows_of(manager.get(f"/api/projects/{cast.project.pk}/export/").body)
    wanted = [(first.name, str(i * 10)) for i in range(0, 30, 2)]
    wanted += [(second.name, str(i * 10)) for i in range(1, 30, 2)]
    assert [(row["file_name"], row["start_ms"]) for row in rows] == wanted


def test_an_empty_project_exports_its_columns(manager: Caller, cast: Cast) -> None:
    answer = manager.get(f"/api/projects/{cast.project.pk}/export/")
    assert answer.body.decode("utf-8-sig").strip().split(",") == HEADER
    assert manager.get(f"/api/projects/{cast.project.pk}/export/?format=jsonl").body == b""


def test_the_file_is_a_download_with_a_safe_name(manager: Caller, cast: Cast) -> None:
    cast.project.name = 'a/b\r\n"c'
    cast.project.save()
    headers = manager.get(f"/api/projects/{cast.project.pk}/export/").headers
    assert headers["Content-Type"] == "text/csv; charset=utf-8"
    assert headers["Content-Disposition"].startswith("attachment; filename=")
    assert "/" not in headers["Content-Disposition"].partition("filename")[2].replace("''", "")
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_other_formats_are_400(manager: Caller, cast: Cast) -> None:
    answer = manager.get(f"/api/projects/{cast.project.pk}/export/?format=html")
    assert (answer.status, list(answer.detail)) == (400, ["format"])


def test_escaping_loses_no_text_at_all() -> None:
    rng = random.Random(12)
    for _ in range(5000):
        text = "".join(rng.choice(TRIGGERS + "''a ") for _ in range(rng.randrange(6)))
        assert unescape(escape(text)) == text
        assert not escape(text).startswith(tuple(TRIGGERS))


def test_memory_does_not_grow_with_the_rows(cast: Cast, recording: Recording) -> None:
    import tracemalloc

    Segment.objects.bulk_create(
        Segment(
            project=cast.project, recording=recording, start_ms=i * 10, end_ms=i * 10 + 10, text="x" * 200
        )
        for i in range(6000)
    )

    def peak(limit: int) -> int:
        tracemalloc.start()
        pieces: Any = exports.export(cast.project, "csv")
        for _ in range(limit):
            next(pieces, None)
        peaked = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peaked

    peak(2)  # what is loaded once
    assert peak(14) < peak(3) * 1.5
