"""What the bar above a list of recordings offers to do with those that are chosen."""

from __future__ import annotations

from typing import Any, Final

from annotation.models import Membership, Project
from annotation.states import Priority
from annotation.ui.forms import model_names

PRIORITIES: Final = (
    ("person", Priority.PERSON, "First of all"),
    ("fresh", Priority.FRESH, "Soon"),
    ("bulk", Priority.BULK, "When there is time"),
)


def bar(project: Project) -> dict[str, Any]:
    """Return what the bar above the recordings offers."""
    members = Membership.objects.filter(project=project, user__is_active=True).select_related("user")
    return {
        "people": [member.user for member in members.order_by("user__username")],
        "priorities": [(name, label) for name, _, label in PRIORITIES],
        "models": model_names(),
        "model": project.refine_model or project.draft_model,
    }
