"""Review: verdicts, what waits for one, the rules, gold, and disputes between two readers."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from annotation.api.base import ApiView
from annotation.api.detail import acted_on, for_acting, shown
from annotation.api.docs import PAGING, operation, page_of, text
from annotation.api.pagination import NEWEST, paginated
from annotation.api.queue_serializers import NextIn, QueueCounts
from annotation.api.review_serializers import (
    CandidateIn,
    CandidateOut,
    DisputeIn,
    DisputeOut,
    GoldIn,
    GoldOut,
    OverviewOut,
    PairOut,
    ReviewedOut,
    ReviewIn,
    ReviewNextOut,
    ReviewOut,
    ReviewsOut,
    RulesIn,
    SettleIn,
)
from annotation.models import Gold, Pair, Project, Review, Segment
from annotation.pace import counts_for_queue
from annotation.permissions import get_visible, require
from annotation.selectors import machine_text_of, with_details
from annotation.services import disputes, gold, leases, pairs, review_queue, reviews, sampling
from annotation.services.decisions import Evidence
from annotation.states import Choice, PairState, Verdict


class _OfProject(ApiView):
    def project(self, project_id: int) -> Project:
        """Return the project to a reviewer of it, or raise."""
        project = get_visible(Project.objects.all(), self.person, pk=project_id)
        require(self.person, "review", project)
        return project


class SegmentReview(ApiView):
    """A second person's verdict."""

    throttle_scopes: ClassVar = {"POST": "save"}

    @operation("review_segment", takes=ReviewIn, gives=ReviewedOut, refuses=(409, 410, 423))
    def post(self, request: Request, segment_id: int) -> Response:
        """Accept, return with a reason, or fix and accept, on top of the revision you saw.

        409 `stale_revision` carries both texts when somebody was faster, 409 `not_reviewable` says in which
        state it is; 403 `own_work` where nobody judges their own work.
        """
        segment = acted_on(self.person, segment_id)
        values = self.valid(ReviewIn(data=request.data))
        _, review = reviews.judge(
            user=self.person,
            segment=segment,
            verdict=Verdict(values["verdict"]),
            base_revision=values["base_revision"],
            reason=values["reason"],
            comment=values["comment"],
            text=values.get("text"),
            evidence=Evidence(values.get("heard_share"), values.get("active_ms")),
            operation_id=values.get("operation_id"),
        )
        row = acted_on(self.person, segment_id, details=True)
        context = {"user": self.person}
        return Response(ReviewedOut({"segment": row, "review": review}, context=context).data)


class SegmentReviews(ApiView):
    """What reviewers said."""

    @operation("list_reviews", gives=ReviewsOut)
    def get(self, request: Request, segment_id: int) -> Response:
        """List the verdicts on a segment, newest first; to annotators those on their own work."""
        self.only_query()
        segment = get_visible(for_acting(), self.person, pk=segment_id)
        everybodys = reviews.may_judge(self.person, segment.project)
        found = verdicts_on(segment) if everybodys else verdicts_on(segment, annotator=self.person)
        return Response(ReviewsOut({"results": found}).data)


def verdicts_on(segment: Segment, **where: Any) -> list[Review]:
    """List the verdicts on a segment, newest first."""
    found = Review.objects.filter(segment=segment, **where).select_related("reviewer", "annotator")
    return list(found.order_by("-pk")[:50])


def next_to_review(view: ApiView, project: Project, values: dict[str, Any]) -> dict[str, Any]:
    """Answer `next` for a reviewer."""
    given = review_queue.next_review(
        user=view.person, project=project, client=values["client"], exclude=values.get("exclude", ())
    )
    counts = QueueCounts(counts_for_queue(view.person, project)).data
    if given is None:
        empty: dict[str, Any] = dict.fromkeys(("segment", "lease", "why", "author_text"))
        return {**empty, "reviews": [], "counts": counts}
    segment = shown(view.person, given.segment)
    earlier = verdicts_on(Segment.objects.get(pk=given.segment))
    returned = next((one for one in earlier if one.verdict == Verdict.RETURN), None)
    before = (
        Segment.objects.get(pk=given.segment).revisions.filter(number=returned.revision).first()
        if returned
        else None
    )
    return {
        "segment": segment,
        "lease": {
            "token": str(given.held.token),
            "holder": view.person.get_username(),
            "name": leases.display_name(view.person),
            "expires_at": given.held.expires_at,
        },
        "why": given.why,
        "reviews": ReviewOut(earlier, many=True).data,
        "author_text": before.text if before else None,
        "counts": counts,
    }


class ProjectReviewNext(_OfProject):
    """What is to be reviewed next."""

    throttle_scopes: ClassVar = {"POST": "save"}

    @operation("next_review", takes=NextIn, gives=ReviewNextOut)
    def post(self, request: Request, project_id: int) -> Response:
        """Lease the next row to be reviewed to you: what comes back corrected, then what was drawn.

        Two reviewers never get the same, and nobody their own work where that is the rule. What your tab
        holds and does not name in `exclude` comes first and its lease is renewed.
        """
        project = self.project(project_id)
        return Response(next_to_review(self, project, self.valid(NextIn(data=request.data))))


class ProjectReview(_OfProject):
    """Review in a project."""

    @operation("get_review", gives=OverviewOut)
    def get(self, request: Request, project_id: int) -> Response:
        """Show the rules, what waits for you, pass rates on gold, and how far blind readers agree."""
        self.only_query()
        return Response(OverviewOut(reviews_of(self, self.project(project_id))).data)

    @operation("set_review_rules", takes=RulesIn, gives=OverviewOut)
    def patch(self, request: Request, project_id: int) -> Response:
        """Set rules of review; for managers. What was drawn before stays drawn."""
        project = get_visible(Project.objects.all(), self.person, pk=project_id)
        require(self.person, "settings", project)
        values = self.valid(RulesIn(data=request.data))
        if not values:
            raise ValidationError({"rules": "Name at least one."})
        changed = reviews.change_rules(user=self.person, project=project, **values)
        return Response(OverviewOut(reviews_of(self, changed)).data)


def reviews_of(view: ApiView, project: Project) -> dict[str, Any]:
    """Gather what is shown of review in a project."""
    return {
        "rules": project,
        "waiting": review_queue.waiting(view.person, project)
        | {"disputes": disputes.waiting(view.person, project)},
        "drawn": sampling.drawn(project),
        "gold": sampling.gold_rates(project),
        "agreement": pairs.agreement(project),
    }


# -- Gold ------------------------------------------------------------------------------------------------


class ProjectGold(_OfProject):
    """Rows whose text is known."""

    throttle_scopes: ClassVar = {"POST": "save"}

    @operation("list_gold", gives=page_of(GoldOut), query=PAGING)
    def get(self, request: Request, project_id: int) -> Response:
        """List the gold of a project, newest first; for reviewers and managers alone."""
        self.only_query("cursor", "page_size")
        rows = Gold.objects.filter(project=self.project(project_id)).select_related("segment", "author")
        return paginated(request, rows, NEWEST, lambda found: list(GoldOut(found, many=True).data))

    @operation("make_gold", takes=GoldIn, gives=GoldOut, status=201, refuses=(409,))
    def post(self, request: Request, project_id: int) -> Response:
        """Write down what is truly said in a segment that nobody has decided about.

        It lies in the annotators' queue as before; the first decision of each who meets it is scored.
        """
        project = self.project(project_id)
        values = self.valid(GoldIn(data=request.data))
        rows = Segment.objects.select_related("project").filter(project=project)
        segment = get_visible(rows, self.person, pk=values["segment"])
        made = gold.make_gold(user=self.person, segment=segment, text=values["text"])
        return Response(GoldOut(made).data, status=201)


class ProjectGoldCandidate(_OfProject):
    """A row that could be made gold."""

    throttle_scopes: ClassVar = {"POST": "save"}

    @operation("gold_candidate", takes=CandidateIn, gives=CandidateOut)
    def post(self, request: Request, project_id: int) -> Response:
        """Show a row at random that nobody has decided about; it is not leased, and nobody is told."""
        project = self.project(project_id)
        values = self.valid(CandidateIn(data=request.data))
        found = gold.candidate(user=self.person, project=project, seen=values.get("seen", []))
        row = with_details(for_acting()).get(pk=found.pk) if found is not None else None
        return Response(CandidateOut({"segment": row}, context={"user": self.person}).data)


class GoldDetail(ApiView):
    """One gold row."""

    @operation("withdraw_gold", gives=None, status=204)
    def delete(self, request: Request, gold_id: int) -> Response:
        """Score nobody by this row any more; scores stay."""
        found = get_visible(Gold.objects.select_related("project"), self.person, pk=gold_id)
        gold.withdraw_gold(user=self.person, gold=found)
        return Response(status=204)


# -- Pairs -----------------------------------------------------------------------------------------------


class ProjectPairs(_OfProject):
    """Segments that two people read blind."""

    @operation(
        "list_pairs", gives=page_of(PairOut), query=(text("state", enum=list(PairState.values)), *PAGING)
    )
    def get(self, request: Request, project_id: int) -> Response:
        """List pairs, newest first; texts of those that are compared."""
        self.only_query("state", "cursor", "page_size")
        rows = pairs_of(self.project(project_id))
        state = self.word("state")
        if state:
            if state not in PairState.values:
                raise ValidationError({"state": f"Expected one of {', '.join(PairState.values)}."})
            rows = rows.filter(state=state)
        return paginated(request, rows, NEWEST, lambda found: list(PairOut(found, many=True).data))


def pairs_of(project: Project) -> Any:
    """List the pairs of a project with all that is shown of them."""
    rows = Pair.objects.filter(project=project).select_related("segment", "settled_by")
    return rows.prefetch_related("readings__author")


class ProjectDispute(_OfProject):
    """The next dispute."""

    throttle_scopes: ClassVar = {"POST": "save"}

    @operation("next_dispute", takes=DisputeIn, gives=DisputeOut)
    def post(self, request: Request, project_id: int) -> Response:
        """Lease the oldest dispute to you, with both texts; none that you read yourself, as a rule.

        Without disputes a pair whose second reader does not come, with the one text there is.
        """
        project = self.project(project_id)
        values = self.valid(DisputeIn(data=request.data))
        taken = disputes.next_dispute(
            user=self.person, project=project, client=values["client"], exclude=values.get("exclude", ())
        )
        answer: dict[str, Any] = {"pair": None, "segment": None, "machine_text": None, "lease": None}
        if taken is not None:
            pair, held = taken
            row = with_details(for_acting()).get(pk=pair.segment_id)
            answer = {
                "pair": pairs_of(project).get(pk=pair.pk),
                "segment": row,
                "machine_text": machine_text_of(row),
                "lease": {
                    "token": str(held.token),
                    "holder": self.person.get_username(),
                    "name": leases.display_name(self.person),
                    "expires_at": held.expires_at,
                },
            }
        answer["disputes"] = disputes.waiting(self.person, project)
        return Response(DisputeOut(answer, context={"user": self.person, "settling": True}).data)


class PairSettle(ApiView):
    """Settling a dispute."""

    throttle_scopes: ClassVar = {"POST": "save"}

    @operation("settle_pair", takes=SettleIn, gives=PairOut, refuses=(409, 410, 423))
    def post(self, request: Request, pair_id: int) -> Response:
        """Take the first text, the second, or write a third; the segment gets it as a revision.

        What you heard of it and how long you worked is kept with your decision.
        """
        pair = get_visible(Pair.objects.select_related("project"), self.person, pk=pair_id)
        require(self.person, "review", pair.project)
        values = self.valid(SettleIn(data=request.data))
        disputes.settle(
            user=self.person,
            pair=pair,
            choice=Choice(values["choice"]),
            text=values.get("text"),
            evidence=Evidence(values.get("heard_share"), values.get("active_ms")),
        )
        return Response(PairOut(pairs_of(pair.project).get(pk=pair.pk)).data)
