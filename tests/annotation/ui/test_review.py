"""The pages of review, members and the guideline: who gets which, and that their forms do what they say."""

from __future__ import annotations

import pytest
from django.test import Client

from annotation.models import Batch, Gold, Guideline, Membership
from annotation.services import gold
from tests.factories import make_segment
from tests.personas import Cast

pytestmark = pytest.mark.django_db

RULES = {
    "review_percent": "25", "double_percent": "5", "dispute_percent": "12.5", "gold_percent": "3",
    "gold_limit_percent": "20",
}  # fmt: skip


def signed_in(cast: Cast, name: str) -> Client:
    client = Client()
    client.force_login(cast.named(name), backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.mark.parametrize(
    ("page", "annotator"),
    [("review/", 403), ("review/review/", 403), ("review/gold/", 403), ("people/", 403), ("guideline/", 200)],
)
def test_who_gets_which_page(cast: Cast, page: str, annotator: int) -> None:
    address = f"/projects/{cast.project.pk}/{page}"
    got = {
        name: signed_in(cast, name).get(address).status_code
        for name in ("annotator", "reviewer", "manager", "outsider")
    }
    assert got == {"annotator": annotator, "reviewer": 200, "manager": 200, "outsider": 404}


def test_managers_alone_set_the_rules(cast: Cast) -> None:
    address = f"/projects/{cast.project.pk}/review/"
    assert signed_in(cast, "reviewer").post(address, RULES).status_code == 403
    assert signed_in(cast, "manager").post(address, {**RULES, "review_percent": "101"}).status_code == 422
    assert signed_in(cast, "manager").post(address, RULES).status_code == 302
    cast.project.refresh_from_db()
    project = cast.project
    assert (project.review_percent, project.double_percent, project.dispute_above) == (25, 5, 0.125)
    assert (project.gold_percent, project.gold_limit, project.review_own) == (3, 0.2, False)
    shown = signed_in(cast, "reviewer").get(address).content.decode()
    assert str(project.sample_seed) not in shown


def test_gold_is_listed_and_withdrawn(cast: Cast) -> None:
    row = make_segment(cast.project, state="draft", text="a", revision=1, source="draft")
    made = gold.make_gold(user=cast.reviewer, segment=row, text="what is <b>said</b>")
    client = signed_in(cast, "reviewer")
    assert "what is &lt;b&gt;said" in client.get(f"/projects/{cast.project.pk}/review/").content.decode()
    assert signed_in(cast, "annotator").post(f"/gold/{made.pk}/withdraw/").status_code == 403
    assert client.post(f"/gold/{made.pk}/withdraw/").status_code == 302
    assert not Gold.objects.filter(withdrawn_at=None).exists()


def test_work_is_given_paused_and_given_back_by_forms(cast: Cast) -> None:
    make_segment(cast.project, state="draft", text="a", revision=1, source="draft")
    client, people = signed_in(cast, "reviewer"), f"/projects/{cast.project.pk}/people/"
    assert client.post(people, {"assignee": "annotator"}).status_code == 422
    assert client.post(people, {"assignee": "nobody", "segments": "1"}).status_code == 422
    assert client.post(people, {"assignee": "annotator", "segments": "1"}).status_code == 302
    batch = Batch.objects.get()
    for act, paused in (("pause", True), ("resume", False)):
        client.post(f"/batches/{batch.pk}/", {"act": act})
        batch.refresh_from_db()
        assert (batch.paused_at is not None) == paused
    assert signed_in(cast, "annotator").post(f"/batches/{batch.pk}/", {"act": "back"}).status_code == 403
    client.post(f"/batches/{batch.pk}/", {"act": "back"})
    batch.refresh_from_db()
    assert batch.closed_at is not None
    client.post(f"/projects/{cast.project.pk}/pause/", {"user": str(cast.annotator.pk), "paused": "1"})
    assert Membership.objects.get(user=cast.annotator).paused_at is not None
    assert "paused" in client.get(people).content.decode()


def test_the_guideline_is_written_by_managers_and_a_conflict_shows_both(cast: Cast) -> None:
    address = f"/projects/{cast.project.pk}/guideline/"
    assert signed_in(cast, "reviewer").post(address, {"text": "x", "base_version": "0"}).status_code == 403
    lead = signed_in(cast, "manager")
    assert lead.post(address, {"text": "one", "base_version": "0"}).status_code == 302
    stale = lead.post(address, {"text": "two", "base_version": "0"})
    assert stale.status_code == 409
    assert "<del>one</del>" in stale.content.decode()
    assert Guideline.objects.count() == 1
    assert lead.get(f"{address}?version=7").status_code == 404
