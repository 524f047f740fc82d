"""An export of 100,000 rows by a worker: its time and size, and that memory does not grow with the rows."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any, Final

from benchmarks.report import Table

if TYPE_CHECKING:
    from annotation.models import Project
    from benchmarks.bench import Bench

PER_RECORDING: Final = 1_000
ROW_MS: Final = 100
FORMS: Final = ("csv", "nemo", "xlsx", "jsonl", "kaldi", "ctm")
SMOKE: Final = 2
"""Of them in a smoke run: a table, and one with audio that is cut."""
GROWTH: Final = 1.15
"""Memory of the worker for all rows over that for a tenth of them."""
TEXT: Final = "this is what the machine heard in row number "

SEGMENTS: Final = """
INSERT INTO annotation_segment (project_id, recording_id, channel, start_ms, end_ms, speaker, language, state,
    text, revision, source, risk_reasons, locked, unlock_reason, annotator_id, return_reason, external_id,
    metadata)
SELECT r.project_id, r.id, 0, n * %(length)s, (n + 1) * %(length)s, 'speaker ' || (r.id * 7 + n) %% 90, 'en',
       'corrected', %(text)s || n, 1, 'human', '[]', false, '', %(user)s, '', '', '{}'
  FROM annotation_recording r, generate_series(0, %(each)s - 1) AS n WHERE r.project_id = %(project)s
"""
REVISIONS: Final = """
INSERT INTO annotation_revision (segment_id, number, base, text, source, author_id, model)
SELECT id, 1, 0, text, 'human', annotator_id, '' FROM annotation_segment WHERE project_id = %(project)s
"""
HYPOTHESES: Final = """
INSERT INTO annotation_hypothesis (decoding_id, segment_id, pass_name, model, text, words, signals,
    risk_reasons)
SELECT d.id, s.id, 'draft', 'demo-draft', s.text || ' maybe',
       jsonb_build_array(jsonb_build_array(s.start_ms, s.end_ms, ' ' || s.text, 0.9)),
       '{"avg_logprob": -0.2}', '[]'
  FROM annotation_segment s JOIN annotation_decoding d ON d.recording_id = s.recording_id
 WHERE s.project_id = %(project)s
"""


def run(bench: Bench) -> Table:
    """Export a tenth of the rows, then all of them, in each format, by a worker of its own."""
    platform = bench.platform
    rows = bench.sizes.exported_rows
    platform.begin_anew()
    small, manager = platform.team("demo-draft", None)
    _fill(small, rows // 10, manager)
    whole, owner = platform.team("demo-draft", None)
    _fill(whole, rows, owner)
    table = Table(
        f"Exports: {rows:,} rows of {ROW_MS} ms, frozen and written by a worker",
        ("", "seconds", "rows a second", "file MB", "worker MB, a tenth", "worker MB, all"),
    )
    worst = 1.0
    for form in FORMS if bench.sizes.real else FORMS[:SMOKE]:
        # A worker of its own for each: what one format has loaded is not another's memory.
        tenth_mb, _, _ = _export(bench, small, manager, form)
        all_mb, spent, size = _export(bench, whole, owner, form)
        worst = max(worst, all_mb / tenth_mb)
        table.add(
            form, f"{spent:.1f}", f"{rows / spent:,.0f}", f"{size / 1e6:.1f}", f"{tenth_mb:.0f}",
            f"{all_mb:.0f}",
        )  # fmt: skip
    table.aim(
        f"Exports, memory for ten times the rows: at most {GROWTH} times as much", f"{worst:.2f}",
        worst <= GROWTH or not bench.sizes.real,
    )  # fmt: skip
    return table


def _fill(project: Project, rows: int, manager: Any) -> None:
    from django.db import connection

    from annotation import storage
    from tests.factories import make_decoding, make_job, make_recording, make_segment
    from transcription.wav import wav_header

    each = min(rows, PER_RECORDING)
    length = each * ROW_MS
    samples = os.urandom(32) * length  # 32 bytes a millisecond
    first = None
    for number in range(rows // each):
        recording = make_recording(
            project, name=f"call {number:04}.wav", duration_ms=length,
            sha256=f"{project.pk:032x}{number:032x}",
        )  # fmt: skip
        path = storage.wav_path(recording.pk)
        path.parent.mkdir(parents=True)
        if first is None:
            path.write_bytes(wav_header(len(samples)) + samples)
            first = path
        else:
            path.hardlink_to(first)
        probe = make_segment(project, recording=recording, start_ms=length, end_ms=length + 1)
        make_decoding(make_job(recording, state="completed"), probe, state="done")
        type(probe).objects.filter(pk=probe.pk).update(state="pending")
    values = {"project": project.pk, "user": manager.pk, "each": each, "length": ROW_MS, "text": TEXT}
    with connection.cursor() as cursor:
        cursor.execute(SEGMENTS, values)
        cursor.execute(REVISIONS, values)
        cursor.execute(HYPOTHESES, values)


def _export(bench: Bench, project: Project, manager: Any, form: str) -> tuple[float, float, int]:
    """Return the worker's peak in MB, the seconds, and the bytes of the file."""
    from annotation.services import exports

    platform = bench.platform
    platform.need("files")
    platform.forget_peak("files")
    began = time.perf_counter()
    options = {"audio": "none"} if form == "kaldi" else None
    made = exports.request(user=manager, project=project, form=form, options=options)
    platform.wait_over(project, 3600)
    spent = time.perf_counter() - began
    made.refresh_from_db()
    if made.job.state != "completed":
        raise RuntimeError(f"the export failed: {made.job.error}")
    peak = platform.peak_mb("files")
    platform.stop("files")
    return peak, spent, made.file.size_bytes
