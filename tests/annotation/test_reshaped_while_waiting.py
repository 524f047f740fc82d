"""Words of a window whose segments were reshaped while it waited: none twice, none in the wrong row."""

from __future__ import annotations

import pytest

from annotation.models import Segment
from annotation.services import decodings, shapes
from annotation.services.decodings import Result
from annotation.services.shapes import Grip
from annotation.states import Pass
from tests.annotation.test_refining import SURE, claim, merging, planned, store
from tests.personas import Cast
from transcription.types import Heard, Word

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures(merging.__name__)]


def spoken(*at: tuple[int, str]) -> Heard:
    words = tuple(Word(ms, ms + 300, f" {word}", 0.99) for ms, word in at)
    return Heard(" ".join(word for _, word in at), words, SURE)


def test_a_merge_across_two_windows_takes_its_words_from_neither_neighbour(cast: Cast) -> None:
    """Windows of the refine: [0-3 s, 3.5-6.5 s] and [7-10 s, 10.5-13.5 s]; the middle two become one row."""
    recording, _ = planned(cast.project, 4)
    store(claim(Pass.DRAFT))
    rows = list(Segment.objects.filter(recording=recording).order_by("start_ms"))
    shapes.merge(
        user=cast.annotator, segment=rows[1], following=rows[2].pk, following_revision=1, grip=Grip(1)
    )
    batch = claim(Pass.REFINE)
    said = [spoken((500, "one"), (4000, "two")), spoken((500, "three"), (4000, "four"))]
    decodings.store([Result(c, h, 20) for c, h in zip(batch.decodings, said, strict=True)])
    texts = dict(Segment.objects.filter(recording=recording).values_list("start_ms", "text"))
    assert (texts[0], texts[10_500]) == ("one", "four")
    assert "two" not in (texts[0], texts[10_500])


def test_a_row_that_was_made_shorter_gets_no_words_from_beyond_its_end(cast: Cast) -> None:
    recording, _ = planned(cast.project, 1)
    store(claim(Pass.DRAFT))
    row = Segment.objects.get(recording=recording)
    shapes.move_edges(user=cast.annotator, segment=row, start_ms=0, end_ms=1500, grip=Grip(1))
    batch = claim(Pass.REFINE)
    decodings.store([Result(batch.decodings[0], spoken((300, "kept"), (2600, "outside")), 20)])
    assert Segment.objects.get(recording=recording).text == "kept"
