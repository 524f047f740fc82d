"""Tables of text: what is quoted may span lines, and what is never closed takes no rows with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from transcription.tables import TableError, open_table


def lines(folder: Path, text: str) -> list[tuple[int, tuple[str, ...]]]:
    path = folder / "t.csv"
    path.write_text(text, newline="")
    return [(line.number, line.cells) for line in open_table(path).lines()]


@pytest.mark.parametrize(
    "text",
    [
        'file,text\n1,one\n2,"two is open\n3,three\n4,four\n',
        'file,text\n1,one\n2,"two is open\n3,"three"\n4,four\n',
        'file,text\n1,one\n2,"two is open',
    ],
    ids=["to the end", "to the next mark", "on the last line"],
)
def test_a_quotation_mark_that_is_never_closed_is_told_where_it_opens(tmp_path: Path, text: str) -> None:
    with pytest.raises(TableError, match="line 3") as refused:
        lines(tmp_path, text)
    assert (refused.value.code, refused.value.line) == ("broken_quotes", 3)


def test_quotation_marks_within_a_cell_are_data(tmp_path: Path) -> None:
    text = 'file,text\n1,a 5" disk\n2,"one ""two""\n\nthree"\n3,"a" b\n4,"last"'
    assert lines(tmp_path, text)[1:] == [
        (2, ("1", 'a 5" disk')), (3, ("2", 'one "two"\n\nthree')), (6, ("3", "a b")), (7, ("4", "last")),
    ]  # fmt: skip
