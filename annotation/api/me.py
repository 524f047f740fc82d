"""What is a person's own: settings, drafts, last decisions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from rest_framework.request import Request
from rest_framework.response import Response

from annotation.api.base import ApiView
from annotation.api.docs import operation, text
from annotation.api.people_serializers import SettingsIn, SettingsOut
from annotation.api.work_serializers import MyDrafts, RecentDecisions
from annotation.models import Decision, Draft, Project, Segment, User
from annotation.permissions import visible
from annotation.services import leases, preferences, undo

MOST_DRAFTS: Final = 500


class MySettings(ApiView):
    """Your settings of the workbench."""

    @operation("get_settings", gives=SettingsOut)
    def get(self, request: Request) -> Response:
        """Show your settings, with the defaults where you have chosen nothing."""
        return Response(preferences.preferences_of(self.person))

    @operation("set_settings", takes=SettingsIn, gives=SettingsOut)
    def put(self, request: Request) -> Response:
        """Set the parts you send, each whole; unknown names and keys bound twice are refused."""
        values = self.valid(SettingsIn(data=request.data))
        return Response(preferences.change(user=self.person, values=values))


class MyDraftList(ApiView):
    """What you have typed and not saved."""

    throttle_scopes: ClassVar = {}

    @operation("list_drafts", gives=MyDrafts, query=(text("project"), text("recording")))
    def get(self, request: Request) -> Response:
        """List your drafts, newest first, also those of segments that were reshaped meanwhile."""
        self.only_query("project", "recording")
        mine = Draft.objects.filter(author=self.person).select_related("segment")
        mine = mine.filter(segment__project__in=visible(Project.objects.all(), self.person).values("pk"))
        for name in ("project", "recording"):
            number = self.number(name)
            if number is not None:
                mine = mine.filter(**{f"segment__{name}": number})
        found = list(mine.order_by("-at", "-id")[:MOST_DRAFTS])
        gone = [draft.segment_id for draft in found if draft.segment.retired_at is not None]
        into = leases.successors(gone) if gone else {}
        return Response(MyDrafts({"results": [_draft(draft, into) for draft in found]}).data)


def _draft(draft: Draft, into: Mapping[int, Sequence[int]]) -> dict[str, Any]:
    segment = draft.segment
    reshaped = segment.pk in into
    return {
        "segment": segment.pk,
        "recording": segment.recording_id,
        "text": draft.text,
        "base_revision": draft.base_revision,
        "at": draft.at,
        "revision": segment.revision,
        "stale": reshaped or draft.base_revision != segment.revision,
        "into": [str(pk) for pk in into.get(segment.pk, ())],
    }


class MyDecisions(ApiView):
    """What you did last."""

    @operation("list_decisions", gives=RecentDecisions, query=(text("project"), text("recording")))
    def get(self, request: Request) -> Response:
        """List your last twenty decisions that are not undone, newest first: those you may take back."""
        self.only_query("project", "recording")
        allowed = visible(Project.objects.all(), self.person).values("pk")
        where: dict[str, Any] = {"project__in": allowed}
        project, recording = self.number("project"), self.number("recording")
        if project is not None:
            where["project"] = project
        if recording is not None:
            where["segment__recording"] = recording
        found = undo.recent(self.person, **where)
        context = {"undoable": _undoable(self.person, found)}
        return Response(RecentDecisions({"results": found}, context=context).data)


def _undoable(person: User, decisions: list[Decision]) -> dict[int, bool]:
    ids = {int(pk) for decision in decisions for pk in decision.after}
    live = Segment.objects.filter(pk__in=ids, locked=False).values_list("pk", "project", "revision")
    by_project: dict[int, dict[str, int]] = {}
    for pk, project, revision in live:
        by_project.setdefault(project, {})[str(pk)] = revision
    standing: dict[str, set[int]] = {}
    for project, revisions in by_project.items():
        standing |= undo.stands(person, project, revisions)
    return {
        d.pk: all(number in standing.get(name, ()) for name, number in d.after.items()) for d in decisions
    }
