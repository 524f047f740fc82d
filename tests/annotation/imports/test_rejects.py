"""The sheet of rejects: it can always be had, and says the same when it is dropped again."""

from __future__ import annotations

import datetime as dt
import io
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook

from annotation.models import ImportRow, Membership
from annotation.services.imports import receiving, rejects
from annotation.states import ImportState, Role
from tests.annotation.imports.dropping import check, faults_of, finish, sound, table, work
from tests.factories import make_project

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media_root")]

HEADER = "file,start_ms,end_ms,text,=note"


def sheet_of(parent: Any) -> list[list[Any]]:
    with rejects.sheet_of(parent) as file:
        sheet: Any = load_workbook(io.BytesIO(file.read())).active
    return [[cell.value for cell in row] for row in sheet.iter_rows()]


def mended(parent: Any, **cells: Any) -> bytes:
    """Return the sheet with some of its cells changed, saved by a spreadsheet program."""
    with rejects.sheet_of(parent) as file:
        book = load_workbook(io.BytesIO(file.read()))
    for place, value in cells.items():
        book.worksheets[0][place] = value
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_a_large_sheet_can_be_had_after_a_choice_made_it_stale(cast: Any) -> None:
    rows = [f"nowhere{n}.wav,0,1000,x," for n in range(5_010)]
    drop = {"t.csv": table(HEADER, *rows, "a.wav,0,9000,x,", "a.wav,5000,9500,x,"), "a.wav": sound(10)}
    parent = check(cast.manager, cast.project, drop)
    assert parent.counts["faulty"] == 5_011
    receiving.change(user=cast.manager, parent=parent, options={"accept": ["overlap"]})
    assert parent.counts["faulty"] == 5_010
    assert len(sheet_of(parent)) == 5_011


def test_cells_say_the_same_when_they_are_dropped_again(cast: Any) -> None:
    texts = ["=1+1", "'quoted'", "'=not escaped", "-5 °C", "@home", "007", "a\nb"]
    rows = [
        f'gone.wav,{n}000,{n + 1}000,"{_escaped(text)}","{_escaped(text)}"' for n, text in enumerate(texts)
    ]
    parent = check(cast.manager, cast.project, {"t.csv": table(HEADER.replace("=", "'="), *rows)})
    assert len(faults_of(parent)) == len(texts)
    assert [row[3:5] for row in sheet_of(parent)[1:]] == [[text, text] for text in texts]
    again = check(cast.manager, cast.project, {"r.xlsx": mended(parent), "gone.wav": sound(10)})
    assert faults_of(again) == {}
    found = ImportRow.objects.filter(parent=again).order_by("line")
    assert [(row.text, row.metadata) for row in found] == [(text, {"=note": text}) for text in texts]


def _escaped(text: str) -> str:
    return f"'{text}" if text.lstrip("'")[0] in "=-@" else text


def test_native_times_that_meant_minutes_mean_them_still(cast: Any) -> None:
    book = Workbook()
    sheet: Any = book.active
    for row in (
        ["file", "start", "end", "text"],
        ["gone.wav", dt.time(1, 30), dt.time(2, 45), "x"],
        ["a.wav", dt.time(0, 1), dt.time(0, 2), "x"],
    ):
        sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    parent = check(cast.manager, cast.project, {"t.xlsx": out.getvalue(), "a.wav": sound(200)})
    answer = {"clock_cells": "minutes"}
    receiving.change(user=cast.manager, parent=parent, answers=answer, save_template="Calls")
    work()
    parent.refresh_from_db()
    finish(cast.manager, parent)
    assert sheet_of(parent)[1][1:3] == ["00:01:30.000", "00:02:45.000"]

    elsewhere = make_project("elsewhere", language="")
    Membership.objects.create(project=elsewhere, user=cast.manager, role=Role.MANAGER)
    gone = {"gone.wav": sound(200, pitch=1)}
    for project, after in ((elsewhere, None), (cast.project, parent)):
        again = check(cast.manager, project, {"r.xlsx": mended(parent), **gone}, after=after)
        assert again.state == ImportState.CHECKED, again.questions
        assert [(row.start_ms, row.end_ms) for row in again.rows.all()] == [(90_000, 165_000)]
    typed = mended(parent, B2=dt.time(0, 2), C2=dt.time(0, 3))
    again = check(
        cast.manager, cast.project, {"r.xlsx": typed, "gone.wav": sound(200, pitch=1)}, after=parent
    )
    assert [question["code"] for question in again.questions] == ["clock_cells"], "asked, not remembered"
