"""Find and replace over a project: look at it first, apply it as one batch, take the batch back as one.

`wishes` says what is replaced by what, `previewing` shows it, `applying` does it, `undoing` takes it back.
"""

from annotation.services.filejobs import ClaimedJob, Tick
from annotation.services.replacing.applying import apply, go_on
from annotation.services.replacing.previewing import Example, Preview, preview
from annotation.services.replacing.undoing import go_back, undo
from annotation.services.replacing.wishes import Wish

__all__ = ["Example", "Preview", "Wish", "apply", "preview", "run", "undo"]


def run(job: ClaimedJob, tick: Tick) -> None:
    """Carry out a job of the kind `replace`: a replacement, or the taking back of one."""
    from annotation.models import Replacement

    replacement = Replacement.objects.select_related("project", "created_by", "undone_by").get(job=job.id)
    if replacement.undo_asked_at is not None:
        go_back(replacement, claimed=job, tick=tick)
    else:
        go_on(replacement, claimed=job, tick=tick)
