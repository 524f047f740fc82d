"""Every file of the shared corpus: the zoo decodes to its length, the hostile ones as their manifest says."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.transcription import media
from tests.waiting import AT_ONCE_S
from transcription.errors import MediaRejected
from transcription.types import Prepared

Run = Callable[..., Prepared]
ZOO = [row for row in media.manifest("zoo") if row["ffmpeg_decodes"] in ("yes", "partial")]
HOSTILE = [
    row
    for row in media.manifest("hostile")
    if row["file"].startswith(("media/", "playlists/", "names/")) and row["expected"] != "n/a"
]

pytestmark = pytest.mark.corpus


def _name(row: dict[str, Any]) -> str:
    return ascii(row.get("file", ""))


@pytest.mark.skipif(not ZOO, reason="the corpus is not here (EARMARK_CORPUS)")
@pytest.mark.parametrize("row", ZOO or [{}], ids=_name)
def test_zoo(row: dict[str, Any], run: Run) -> None:
    prepared = run(media.CORPUS / "zoo" / row["file"])
    assert abs(prepared.duration_ms - float(row["decoded_s"]) * 1000) <= 50
    assert prepared.source.container == row["container"]
    assert prepared.source.codec == row["codec"]
    assert prepared.source.sample_rate == int(row["sample_rate"])
    assert prepared.source.channels == int(row["channels"])
    if row["ffmpeg_decodes"] == "partial":
        assert prepared.warnings


@pytest.mark.skipif(not HOSTILE, reason="the corpus is not here (EARMARK_CORPUS)")
@pytest.mark.parametrize("row", HOSTILE or [{}], ids=_name)
def test_hostile(row: dict[str, Any], run: Run) -> None:
    began = time.monotonic()
    try:
        prepared = run(media.CORPUS / "hostile" / json.loads(row["file_json"]))
        got = "accept"
    except MediaRejected as error:
        got = "reject"
        assert len(error.message) > 20
        assert "root:" not in error.detail
        assert str(media.CORPUS) not in error.message + error.detail
    assert time.monotonic() - began < AT_ONCE_S
    if row["expected"] in ("accept", "sanitize"):
        assert got == "accept"
    elif row["expected"] == "reject":
        assert got == "reject"
    elif got == "accept" and row["category"] in ("truncated", "corrupt", "broken media"):
        # Either is right, but not in silence.
        assert prepared.warnings
