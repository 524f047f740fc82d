"""Cells that no spreadsheet runs, and the texts behind them, exactly."""

from __future__ import annotations

import re
from typing import Any, Final

# A cell that begins so is a formula to a spreadsheet; the fullwidth forms become one in some locales.
TRIGGERS: Final = "=+\\-@\t\r\n＝＋－＠"  # noqa: RUF001 - they are the point
NEEDS_ESCAPE: Final = re.compile(f"'*[{TRIGGERS}]")
ESCAPED: Final = re.compile(f"'+[{TRIGGERS}]")

MAX_CELL: Final = 32_767
"""Characters that a cell of Excel holds, counted as UTF-16."""
# Excel's own spelling of what XML can't hold; a text that looks so already has its underscore spelled out.
UNFIT_FOR_CELL: Final = re.compile("[\x00-\x08\x0b-\x1f\ufffe\uffff\ud800-\udfff]|_(?=x[0-9A-Fa-f]{4}_)")
SPELLED: Final = re.compile("_x([0-9A-Fa-f]{4})_")


def escape(text: str) -> str:
    """Return text that no spreadsheet runs: an apostrophe before what would begin a formula.

    Text that looks escaped already gets one more, so that `unescape` gives back every text exactly.
    """
    return f"'{text}" if NEEDS_ESCAPE.match(text) else text


def unescape(cell: str) -> str:
    """Return the text behind a cell that `escape` made."""
    return cell[1:] if ESCAPED.match(cell) else cell


def plain(value: Any) -> str:
    """Return how a value stands in a table of text: booleans in lower case, lists with spaces, None empty."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return " ".join(map(str, value))
    return str(value)


def spell(text: str) -> str:
    """Return text as an XLSX cell holds it: control characters as `_x000B_`."""
    return UNFIT_FOR_CELL.sub(lambda found: f"_x{ord(found.group()):04X}_", text)


def unspell(cell: str) -> str:
    """Return the text behind a cell that `spell` made."""
    return SPELLED.sub(lambda found: chr(int(found.group(1), 16)), cell)
