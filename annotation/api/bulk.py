"""Many recordings at once, and the trash."""

from __future__ import annotations

from typing import Any

from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from annotation.api.base import ApiView
from annotation.api.docs import PAGING, operation, page_of, text
from annotation.api.pagination import NEWEST, paginated
from annotation.api.search_serializers import BulkIn, BulkOut, TrashedOut
from annotation.models import Project
from annotation.permissions import get_visible, require
from annotation.search.grams import with_name
from annotation.selectors import trashed_in
from annotation.services import bulk, trash
from annotation.services.bulk import Done
from annotation.states import Priority

PRIORITY = {"bulk": Priority.BULK, "fresh": Priority.FRESH, "person": Priority.PERSON}


class ProjectBulk(ApiView):
    """One thing done to many recordings."""

    @operation("bulk", takes=BulkIn, gives=BulkOut)
    def post(self, request: Request, project_id: int) -> Response:
        """Assign, prioritise, transcribe again, put into the trash or restore, all or nothing.

        `retranscribe` takes recordings, or the segments that `query` finds; text that a person has touched
        stays, and what the model hears lies beside it.
        """
        project = get_visible(Project.objects.all(), self.person, pk=project_id)
        done = self._done(project, self.valid(BulkIn(data=request.data)))
        return Response(
            BulkOut(
                {
                    "recordings": [str(pk) for pk in done.recordings],
                    "left": [{"recording": pk, "reason": reason} for pk, reason in done.left],
                    "jobs": [str(pk) for pk in done.jobs],
                    "segments": done.segments,
                }
            ).data
        )

    def _done(self, project: Project, values: dict[str, Any]) -> Done:
        action, ids = values["action"], values.get("recordings", ())
        who: dict[str, Any] = {"user": self.person, "project": project}
        if action == "assign":
            return bulk.assign(**who, recordings=ids, usernames=_needed(values, "usernames"))
        if action == "prioritise":
            return bulk.prioritise(**who, recordings=ids, priority=PRIORITY[_needed(values, "priority")])
        if action == "retranscribe":
            model = _needed(values, "model")
            if values.get("query"):
                return bulk.retranscribe_found(**who, query=values["query"], model=model)
            return bulk.retranscribe(
                **who, recordings=ids, model=model, untouched=values.get("untouched", False)
            )
        do = trash.discard if action == "trash" else trash.restore
        return Done(tuple(do(**who, recordings=ids)))


def _needed(values: dict[str, Any], name: str) -> Any:
    if name not in values:
        raise ValidationError({name: f"{values['action']} needs it."})
    return values[name]


class ProjectTrash(ApiView):
    """What was put into the trash."""

    @operation("list_trash", gives=page_of(TrashedOut), query=(text("search", "Part of the name."), *PAGING))
    def get(self, request: Request, project_id: int) -> Response:
        """List the recordings in a project's trash, newest first; `bulk` restores them."""
        self.only_query("search", "cursor", "page_size")
        project = get_visible(Project.objects.all(), self.person, pk=project_id)
        require(self.person, "trash", project)
        rows = with_name(trashed_in(project), self.word("search"))
        return paginated(request, rows, NEWEST, lambda found: list(TrashedOut(found, many=True).data))
