"""The glossary: terms, what is known about them, and words that may become terms."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotation.api.base import ApiView
from annotation.api.docs import operation
from annotation.api.fields import Id, Strict, Text
from annotation.models import Project, Term
from annotation.permissions import get_visible, require
from annotation.services import bulk, terms
from annotation.states import TermCase
from annotation.terms import hotwords

Out = serializers.Serializer[Any]


class TermOut(Out):
    """A term and what is known about it."""

    id = Id()
    text = serializers.CharField()
    language = serializers.CharField(help_text="In which it is said; empty = all.")
    variants = serializers.ListField(child=serializers.CharField(), help_text="What is heard instead of it.")
    note = serializers.CharField()
    case_rule = serializers.ChoiceField(choices=TermCase.choices)
    created_by = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField()

    def get_created_by(self, term: Term) -> str | None:
        """Return who added it."""
        return term.created_by.get_username() if term.created_by else None


class TermIn(Strict):
    """A term."""

    text = Text(max_length=terms.LONGEST)
    language = Text(max_length=12, allow_blank=True, required=False)
    variants = serializers.ListField(
        child=Text(max_length=terms.LONGEST), max_length=terms.MOST_VARIANTS, required=False
    )
    note = Text(max_length=terms.LONGEST_NOTE, allow_blank=True, required=False)
    case_rule = serializers.ChoiceField(choices=TermCase.choices, required=False)


class GlossaryOut(Out):
    """A project's glossary."""

    terms = TermOut(many=True, help_text="In the order in which models read them.")
    hotwords = serializers.CharField(allow_null=True, help_text="What models are told: as many as they read.")
    untouched = serializers.IntegerField(
        help_text="Segments no person has touched: they could be transcribed again with these terms."
    )


class OfferOut(Out):
    """A word that may become a term."""

    text = serializers.CharField()
    heard = serializers.ListField(child=serializers.CharField())
    times = serializers.IntegerField()
    segments = serializers.IntegerField()


class OffersOut(Out):
    """Words that people wrote in place of a machine's, most often first."""

    results = OfferOut(many=True)


class Glossary(ApiView):
    """The terms of a project."""

    @operation("get_glossary", gives=GlossaryOut)
    def get(self, request: Request, project_id: int) -> Response:
        """List the terms, and what models are told of them."""
        project = get_visible(Project.objects.all(), self.person, pk=project_id)
        shown = {
            "terms": terms.listed(project),
            "hotwords": hotwords(project, project.language),
            "untouched": bulk.untouched_count(project),
        }
        return Response(GlossaryOut(shown).data)

    @operation("add_term", takes=TermIn, gives=TermOut, status=201, refuses=(409,))
    def post(self, request: Request, project_id: int) -> Response:
        """Add a term; work that is planned already keeps the terms it was planned with."""
        project = get_visible(Project.objects.all(), self.person, pk=project_id)
        term = terms.add(user=self.person, project=project, **self.valid(TermIn(data=request.data)))
        return Response(TermOut(term).data, status=201)


class GlossaryOffers(ApiView):
    """What may become a term."""

    @operation("glossary_offers", gives=OffersOut)
    def get(self, request: Request, project_id: int) -> Response:
        """List the words that people most often wrote in place of what a machine had heard."""
        project = get_visible(Project.objects.all(), self.person, pk=project_id)
        require(self.person, "glossary", project)
        return Response(OffersOut({"results": terms.offers(project)}).data)


class GlossaryTerm(ApiView):
    """One term."""

    @operation("change_term", takes=TermIn(partial=True), gives=TermOut, refuses=(409,))
    def patch(self, request: Request, term_id: int) -> Response:
        """Change how a term is written, or what is known about it."""
        term = get_visible(Term.objects.select_related("project"), self.person, pk=term_id)
        values = self.valid(TermIn(data=request.data, partial=True))
        return Response(TermOut(terms.change(user=self.person, term=term, **values)).data)

    @operation("remove_term", gives=None, status=204)
    def delete(self, request: Request, term_id: int) -> Response:
        """Take a term out of the glossary."""
        term = get_visible(Term.objects.select_related("project"), self.person, pk=term_id)
        terms.remove(user=self.person, term=term)
        return Response(status=204)
