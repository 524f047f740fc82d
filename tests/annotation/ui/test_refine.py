"""The panel of the second pass without a browser: who sees it, what it says, who sets the rule."""

from __future__ import annotations

import pytest

from annotation.models import Project
from annotation.quality.intervals import wilson
from annotation.quality.refining import Band, Point, curve_of
from annotation.templatetags.earmark import percent
from annotation.ui import refine
from tests.annotation.test_quality import hear
from tests.annotation.ui.conftest import SignedIn, words_of
from tests.factories import make_recording
from tests.personas import Cast


@pytest.mark.django_db
def test_managers_and_reviewers_see_the_panel_and_managers_set_the_rule(
    cast: Cast, signed_in: SignedIn
) -> None:
    path = f"/projects/{cast.project.pk}/"
    hear(cast.project, 0.35, 2)
    shown = words_of(signed_in("manager").get(path))
    assert "Second pass" in shown
    assert "30\u00a0% to 40\u00a0%" in shown
    assert "Set the rule" in shown
    read = words_of(signed_in("reviewer").get(path))
    assert "Second pass" in read
    assert "Set the rule" not in read
    assert "Second pass" not in words_of(signed_in("annotator").get(path))

    rule = {"refine_when": "risky", "refine_above": "12.5"}
    for name, status in (("annotator", 403), ("reviewer", 403), ("outsider", 404), ("manager", 302)):
        assert signed_in(name).post(f"{path}refine/", rule).status_code == status
    fresh = Project.objects.get(pk=cast.project.pk)
    assert (fresh.refine_when, fresh.refine_above) == ("risky", 0.125)
    for wrong in ({**rule, "refine_above": "101"}, {**rule, "refine_above": "nan"}, {"refine_when": "never"}):
        answer = signed_in("manager").post(f"{path}refine/", wrong, follow=True)
        assert "from 0 to 100 per cent" in words_of(answer)
    assert Project.objects.get(pk=cast.project.pk).refine_above == 0.125


@pytest.mark.django_db
def test_a_project_of_one_pass_has_no_panel(cast: Cast, signed_in: SignedIn) -> None:
    make_recording(cast.project)
    Project.objects.filter(pk=cast.project.pk).update(refine_model=None)
    assert "Second pass" not in words_of(signed_in("manager").get(f"/projects/{cast.project.pk}/"))


@pytest.mark.django_db
def test_the_settings_page_keeps_and_sets_the_rule(cast: Cast, signed_in: SignedIn) -> None:
    path = f"/projects/{cast.project.pk}/settings/"
    Project.objects.filter(pk=cast.project.pk).update(refine_above=0.35)
    assert 'value="35"' in words_of(signed_in("manager").get(path))
    sent = {
        "name": "Calls", "language": "en", "segmentation": "pauses", "draft_model": "demo-draft",
        "refine_model": "demo-refine", "segment_target_s": "6", "segment_max_s": "15",
        "refine_when": "risky", "refine_above_percent": "40", "language_scope": "segment",
    }  # fmt: skip
    assert signed_in("manager").post(path, sent).status_code == 302
    fresh = Project.objects.get(pk=cast.project.pk)
    assert (fresh.refine_when, fresh.refine_above, fresh.language_scope) == ("risky", 0.4, "segment")
    assert fresh.channels_apart is False


def test_charts_are_drawn_within_their_bounds() -> None:
    bands = [
        Band(i / 10, (i + 1) / 10, refined=20, skipped=i, changed=2 * i, words=200, words_changed=4 * i,
             audio_ms=1000 * (20 + i), refined_audio_ms=20_000)
        for i in range(10)
    ]  # fmt: skip
    boxes, most = refine.bars(bands)
    assert most == 29
    assert len(boxes) == 9 + 10 + 9
    assert all(b.x >= 0 and b.x + b.width <= refine.WIDTH and b.y >= 0 for b in boxes)
    assert all(b.y + b.height <= refine.HEIGHT + 0.2 for b in boxes)
    curve = curve_of(bands)
    assert [p.missed for p in curve] == sorted(p.missed for p in curve)
    drawn = refine.line([(p.above, p.missed) for p in curve]).split()
    assert drawn[0] == f"0.0,{refine.HEIGHT}.0"
    assert drawn[-1] == f"{refine.WIDTH}.0,0.0"
    middle = refine.at_threshold([Point(0, 0, 0), Point(0.5, 0.8, 0.2), Point(1, 1, 1)], 0.25)
    assert middle == Point(0.25, 0.4, 0.1)
    assert refine.bars([Band(0, 1)]) == ((), 0)


def test_shares_read_well_and_intervals_stay_within_bounds() -> None:
    assert [percent(share) for share in (0, 0.004, 0.05, 0.0999, 0.123, 1, None)] == [
        "0\u00a0%", "0.4\u00a0%", "5\u00a0%", "10\u00a0%", "12\u00a0%", "100\u00a0%", "\u2013",
    ]  # fmt: skip
    for successes, of in ((0, 20), (20, 20), (3, 30)):
        found = wilson(successes, of)
        assert 0 <= found.low <= found.value <= found.high <= 1
