"""The form of an export, without scripts: which rows are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from annotation.models import Export
from annotation.states import SegmentState
from tests.annotation.ui.conftest import SignedIn, words_of
from tests.factories import make_recording, make_segment

if TYPE_CHECKING:
    from tests.personas import Cast

pytestmark = pytest.mark.django_db


def test_states_are_chosen_instead_of_a_preset(cast: Cast, signed_in: SignedIn) -> None:
    recording = make_recording(cast.project)
    for n, state in enumerate((SegmentState.DRAFT, SegmentState.DRAFT, SegmentState.CORRECTED)):
        make_segment(cast.project, recording=recording, start_ms=n * 2000, text="x", revision=1, state=state)
    page, address = signed_in("manager"), f"/projects/{cast.project.pk}/exports/"
    shown = words_of(page.get(address, {"states": ["draft"]}))
    assert '<input type="checkbox" name="states" value="draft" checked>' in shown
    assert '<strong class="number">2</strong> rows' in shown
    sent = {"format": "csv", "rows": "checked", "states": ["draft", "refined"]}
    assert page.post(address, sent).status_code == 302
    assert Export.objects.get().filter["states"] == ["draft", "refined"]
    # And the list of versions says so.
    assert "Draft, Refined" in words_of(page.get(address))
    assert page.post(address, {**sent, "states": ["heard"]}).status_code == 422
