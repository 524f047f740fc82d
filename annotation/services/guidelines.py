"""The guideline of a project: how it writes things down, in Markdown, every version kept.

Rendered by markdown-it without raw HTML, and what comes of it is cleaned by nh3 besides: the text is a
manager's, but everybody in the project reads it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

import nh3
from django.db import IntegrityError, transaction
from markdown_it import MarkdownIt

from annotation.errors import StaleRevision
from annotation.models import Guideline, Project, User
from annotation.permissions import require
from annotation.services.segments import clean_text

LONGEST: Final = 100_000
TAGS: Final = {
    "a", "blockquote", "br", "code", "del", "em", "h1", "h2", "h3", "h4", "hr", "li", "ol", "p", "pre", "s",
    "strong", "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip


def newest(project: Project) -> Guideline | None:
    """Return the version in force; None where nothing was written yet."""
    return Guideline.objects.select_related("author").filter(project=project).order_by("-version").first()


def write(*, user: User, project: Project, text: object, base_version: int) -> Guideline:
    """Write a new version on top of the one the user saw; return it.

    Raises StaleRevision with both texts where somebody was faster. The text as it stands is no new version.
    """
    require(user, "settings", project)
    cleaned = clean_text(text, longest=LONGEST)
    now = newest(project)
    standing = now.version if now else 0
    if now is not None and base_version == standing and now.text == cleaned:
        return now
    if base_version == standing:
        try:
            with transaction.atomic():
                made = Guideline.objects.create(
                    project=project, version=base_version + 1, text=cleaned, author=user
                )
                made.refresh_from_db()
                return made
        except IntegrityError:
            now = newest(project)
    raise StaleRevision(
        "The guideline was changed after you opened it. Compare both texts and save again.",
        mine=cleaned,
        theirs=now.text if now else "",
        base_revision=base_version,
        revision=now.version if now else 0,
        by=now.author.get_username() if now and now.author else "",
    )


def rendered(text: str) -> str:
    """Return Markdown as HTML that cannot do anything: no scripts, styles, images, forms or raw tags."""
    return nh3.clean(
        _markdown().render(text),
        tags=set(TAGS),
        attributes={"a": {"href", "title"}},
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer nofollow",
    )


@lru_cache(maxsize=1)
def _markdown() -> Any:
    return MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
