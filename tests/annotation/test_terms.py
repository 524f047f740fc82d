"""The glossary: one list with details, what models are told, what checks say, what corrections offer."""

from __future__ import annotations

from typing import Any

import pytest

from annotation.errors import Conflict, Denied, Invalid
from annotation.models import AuditEvent, Project, Segment, Term
from annotation.services import decodings, scoring, segments, terms
from annotation.services.checks import check
from annotation.services.glossary import variants_of
from annotation.states import SegmentState
from annotation.terms import MOST_TOKENS, hotwords, terms_of, tokens_in
from tests.annotation.test_search import heard
from tests.factories import make_job, make_recording, make_segment
from tests.personas import Cast

pytestmark = pytest.mark.django_db


def listed(cast: Cast) -> list[str]:
    return [term.text for term in terms.listed(cast.project)]


def test_list_and_details_always_agree(cast: Cast) -> None:
    project = cast.project
    Project.objects.filter(pk=project.pk).update(glossary=["Rotos", "Bosch"])
    assert listed(cast) == ["Rotos", "Bosch"]
    made = terms.add(
        user=cast.reviewer, project=project, text="  Mu\u0308ller ", language="DE",
        variants=["miller", " ", "miller"], note="the dealer", case_rule="any",
    )  # fmt: skip
    assert (made.text, made.language, made.variants, made.created_by) == (
        "Müller",
        "de",
        ["miller"],
        cast.reviewer,
    )
    assert Project.objects.get(pk=project.pk).glossary == ["Rotos", "Bosch", "Müller"]
    renamed = terms.change(user=cast.manager, term=made, text="Müller AG", note="")
    assert (renamed.pk, renamed.language, renamed.note) == (made.pk, "de", "")
    assert Project.objects.get(pk=project.pk).glossary == ["Rotos", "Bosch", "Müller AG"]
    Project.objects.filter(pk=project.pk).update(glossary=["Müller AG", "Bosch"])  # as the settings page does
    assert [(t.text, t.variants) for t in terms.listed(project)] == [("Müller AG", ["miller"]), ("Bosch", [])]
    terms.remove(user=cast.manager, term=renamed)
    assert listed(cast) == ["Bosch"]
    events = AuditEvent.objects.filter(table_name="annotation_term", row_id=str(made.pk))
    assert list(events.order_by("id").values_list("action", flat=True)) == [
        "insert",
        "update",
        "update",
        "update",
        "delete",
    ]


def test_what_is_wrong_with_a_term_is_said(cast: Cast) -> None:
    who: dict[str, Any] = {"user": cast.manager, "project": cast.project}
    terms.add(**who, text="Bosch")
    with pytest.raises(Conflict):
        terms.add(**who, text="Bosch")
    wrong: tuple[tuple[dict[str, Any], str], ...] = (
        ({"text": ""}, "text"), ({"text": "a\nb"}, "text"), ({"text": "x" * 101}, "text"),
        ({"text": "a", "case_rule": "odd"}, "case_rule"), ({"text": "a", "variants": "no list"}, "variants"),
        ({"text": "a", "colour": "red"}, "colour"),
    )  # fmt: skip
    for values, field in wrong:
        with pytest.raises(Invalid) as refused:
            terms.add(**who, **values)
        assert field in refused.value.detail
    with pytest.raises(Denied):
        terms.add(user=cast.annotator, project=cast.project, text="Other")


def test_models_are_told_the_terms_of_their_language_as_far_as_they_read(cast: Cast) -> None:
    who: dict[str, Any] = {"user": cast.manager, "project": cast.project}
    terms.add(**who, text="Bosch")
    terms.add(**who, text="Schraube", language="de")
    project = Project.objects.get(pk=cast.project.pk)
    assert hotwords(project, "en") == "Bosch"
    assert hotwords(project, "de") == "Bosch, Schraube"
    assert decodings.options_for(project, "large-v3").hotwords == "Bosch"
    Project.objects.filter(pk=project.pk).update(glossary=[f"Term number {n}" for n in range(500)])
    told = hotwords(Project.objects.get(pk=project.pk)) or ""
    assert 20 < told.count(",") < 100
    assert told.startswith("Term number 0, ")
    assert tokens_in(told) <= MOST_TOKENS


def test_of_a_long_glossary_a_recording_chooses_what_it_speaks_of(cast: Cast) -> None:
    glossary = [f"Term number {n}" for n in range(500)] + ["Bosch", "Wagner AG"]
    Project.objects.filter(pk=cast.project.pk).update(
        glossary=glossary, draft_model="large-v3", refine_model=""
    )
    recording = make_recording(Project.objects.get(pk=cast.project.pk), name="call with bosch.wav")
    make_segment(recording.project, recording=recording, metadata={"Customer": "WAGNER AG, Essen"})
    decodings.plan(job=make_job(recording), recording=recording)
    (planned,) = recording.decodings.all()
    assert planned.options["hotwords"].startswith("Bosch, Wagner AG, Term number 0, ")
    assert tokens_in(planned.options["hotwords"]) <= MOST_TOKENS


def test_checks_know_variants_and_the_rule_for_the_case(cast: Cast) -> None:
    who: dict[str, Any] = {"user": cast.manager, "project": cast.project}
    terms.add(**who, text="Bosch", variants=["porsche drill", "posh"])
    terms.add(**who, text="backup", case_rule="initial")
    terms.add(**who, text="email", case_rule="any")
    terms.add(**who, text="緑茶", variants=["绿茶"])
    row = make_segment(cast.project, text="x", revision=1, source="draft", state=SegmentState.DRAFT)
    known = segments.circumstances(Segment.objects.select_related("project", "recording").get(pk=row.pk))

    def said(text: str) -> list[str]:
        return [one.message for one in check(text, known) if one.code == "glossary"]

    assert "Bosch" in said("a Porsche Drill here")[0]
    assert said("a poshness") == []
    assert said("the Bosch") == []
    assert len(said("the bosch")) == 1
    assert said("Backup and backup") == said("Backup") == []
    assert len(said("BACKUP")) == 1
    assert said("EMAIL Email") == []
    assert len(said("我喜欢绿茶")) == 1


def test_a_variant_inside_its_own_term_is_not_named() -> None:
    found = variants_of((("bosch", "Bosch"), ("posch", "Bosch"))).near("Bosch bosch posch poschung")
    assert [(near.start, near.end) for near in found] == [(6, 11), (12, 17)]


def test_corrections_that_come_back_are_offered(cast: Cast) -> None:
    recording = make_recording(cast.project, duration_ms=60_000)
    for n in range(3):
        row = make_segment(
            cast.project, recording=recording, start_ms=n * 2000, text=f"the posch drill number {n}",
            revision=1, source="draft", state=SegmentState.DRAFT,
        )  # fmt: skip
        heard(row, row.text)
        segments.save_text(
            user=cast.annotator, segment=row, text=f"the Bosch drill number {n}", base_revision=1
        )
    scoring.score(cast.project)
    (offer,) = terms.offers(cast.project)
    assert (offer.text, offer.heard, offer.times) == ("Bosch", ("posch",), 3)
    terms.add(user=cast.reviewer, project=cast.project, text=offer.text, variants=list(offer.heard))
    assert terms.offers(Project.objects.get(pk=cast.project.pk)) == []
    assert terms_of(Project.objects.get(pk=cast.project.pk)).variants == (("posch", "Bosch"),)
    assert Term.objects.get(text="Bosch").created_by == cast.reviewer
