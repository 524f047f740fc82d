"""Comments on segments, mentions, and the guideline of a project."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotation.api.base import ApiView
from annotation.api.detail import for_acting
from annotation.api.docs import PAGING, operation, page_of, text, whole
from annotation.api.fields import Id, Strict, Text, Whole
from annotation.api.pagination import BY_ID, NEWEST, Key, paginated
from annotation.errors import NotFound
from annotation.models import Comment, Guideline, Mention, Project
from annotation.permissions import get_visible
from annotation.services import comments, guidelines

Out = serializers.Serializer[Any]


class CommentIn(Strict):
    """What you have to say."""

    text = Text(max_length=8_000, help_text="Members are named with @.")


class ResolveIn(Strict):
    """Whether it is dealt with."""

    resolved = serializers.BooleanField()


class CommentOut(Out):
    """What somebody said about a segment."""

    id = Id()
    segment = Id(source="segment_id")
    text = serializers.CharField()
    author = serializers.SerializerMethodField()
    at = serializers.DateTimeField(source="created_at")
    resolved_at = serializers.DateTimeField(allow_null=True)
    resolved_by = serializers.SerializerMethodField()

    def get_author(self, comment: Comment) -> str | None:
        """Return who said it."""
        return comment.author.get_username() if comment.author else None

    def get_resolved_by(self, comment: Comment) -> str | None:
        """Return who dealt with it."""
        return comment.resolved_by.get_username() if comment.resolved_by else None


class MentionOut(Out):
    """Where you were named."""

    id = Id()
    comment = CommentOut()
    project = Id(source="comment.project_id")
    project_name = serializers.CharField(source="comment.project.name")
    recording = Id(source="comment.segment.recording_id")
    recording_name = serializers.CharField(source="comment.segment.recording.name")
    read_at = serializers.DateTimeField(allow_null=True)


class ReadIn(Strict):
    """Which comments you have read."""

    comments = serializers.ListField(child=Id(), max_length=500)


class ReadOut(Out):
    """What is left unread."""

    unread = serializers.IntegerField(help_text="Up to 100.")


class GuidelineIn(Strict):
    """How the project writes things down."""

    text = Text(allow_blank=True, trim_whitespace=False, max_length=200_000, help_text="Markdown.")
    base_version = Whole(min_value=0, max_value=2**31 - 1, help_text="The version you saw, 0 for none.")


class GuidelineOut(Out):
    """A version of the guideline."""

    version = serializers.IntegerField(help_text="0 where nothing was written yet.")
    text = serializers.CharField(help_text="Markdown.")
    html = serializers.CharField(help_text="Rendered and cleaned.")
    author = serializers.CharField(allow_null=True)
    created_at = serializers.DateTimeField(allow_null=True)


class SegmentComments(ApiView):
    """What is said about a segment."""

    throttle_scopes: ClassVar = {"POST": "save"}

    @operation("list_comments", gives=page_of(CommentOut), query=PAGING)
    def get(self, request: Request, segment_id: int) -> Response:
        """List what was said about a segment, oldest first."""
        self.only_query("cursor", "page_size")
        rows = comments.of_segment(self.person, get_visible(for_acting(), self.person, pk=segment_id))
        return paginated(request, rows, BY_ID, lambda found: list(CommentOut(found, many=True).data))

    @operation("add_comment", takes=CommentIn, gives=CommentOut, status=201)
    def post(self, request: Request, segment_id: int) -> Response:
        """Say something about a segment; members named with @ find it among their mentions."""
        segment = get_visible(for_acting(), self.person, pk=segment_id)
        values = self.valid(CommentIn(data=request.data))
        made = comments.say(user=self.person, segment=segment, text=values["text"])
        return Response(CommentOut(made).data, status=201)


class CommentResolve(ApiView):
    """Dealing with a comment."""

    throttle_scopes: ClassVar = {"POST": "save"}

    @operation("resolve_comment", takes=ResolveIn, gives=CommentOut, refuses=(409,))
    def post(self, request: Request, comment_id: int) -> Response:
        """Say that a comment is dealt with, or open it again."""
        found = get_visible(
            Comment.objects.select_related("segment__project", "project"), self.person, pk=comment_id
        )
        if not comments.of_segment(self.person, found.segment).filter(pk=found.pk).exists():
            raise NotFound("There is no such comment, or you are not a member of its project.")
        values = self.valid(ResolveIn(data=request.data))
        return Response(
            CommentOut(comments.resolve(user=self.person, comment=found, resolved=values["resolved"])).data
        )


class MyMentions(ApiView):
    """Where you were named."""

    throttle_scopes: ClassVar = {"POST": "save"}

    @operation(
        "list_mentions",
        gives=page_of(MentionOut),
        query=(text("unread", "1 = only those you have not read.", enum=["0", "1"]), *PAGING),
    )
    def get(self, request: Request) -> Response:
        """List comments that name you, newest first."""
        self.only_query("unread", "cursor", "page_size")
        rows = comments.mentions_of(self.person, unread=self.number("unread", 0, 0, 1) == 1)
        return paginated(request, rows, NEWEST, lambda found: list(MentionOut(_whole(found), many=True).data))

    @operation("read_mentions", takes=ReadIn, gives=ReadOut)
    def post(self, request: Request) -> Response:
        """Say which comments you have read, and get how many mentions are left."""
        values = self.valid(ReadIn(data=request.data))
        comments.mark_read(user=self.person, comments=values["comments"])
        return Response({"unread": comments.unread_count(self.person)})


def _whole(found: Any) -> list[Mention]:
    return list(found)


class ProjectGuideline(ApiView):
    """How a project writes things down."""

    @operation("get_guideline", gives=GuidelineOut, query=(whole("version", "An earlier one."),))
    def get(self, request: Request, project_id: int) -> Response:
        """Show the guideline, as Markdown and as safe HTML."""
        self.only_query("version")
        project = get_visible(Project.objects.all(), self.person, pk=project_id)
        version = self.number("version", None, 1, 2**31 - 1)
        if version is None:
            return Response(guideline_out(guidelines.newest(project)))
        found = Guideline.objects.filter(project=project, version=version).select_related("author").first()
        if found is None:
            raise NotFound("There is no such version of the guideline.")
        return Response(guideline_out(found))

    @operation("write_guideline", takes=GuidelineIn, gives=GuidelineOut, refuses=(409,))
    def put(self, request: Request, project_id: int) -> Response:
        """Write a new version on top of the one you saw; for managers. 409 carries both texts."""
        project = get_visible(Project.objects.all(), self.person, pk=project_id)
        values = self.valid(GuidelineIn(data=request.data))
        return Response(guideline_out(guidelines.write(user=self.person, project=project, **values)))


def guideline_out(found: Guideline | None) -> dict[str, Any]:
    """Show a version, or that there is none."""
    if found is None:
        return {"version": 0, "text": "", "html": "", "author": None, "created_at": None}
    return {
        "version": found.version,
        "text": found.text,
        "html": guidelines.rendered(found.text),
        "author": found.author.get_username() if found.author else None,
        "created_at": found.created_at,
    }


class GuidelineVersion(Out):
    """One version, without its text."""

    version = serializers.IntegerField()
    author = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField()

    def get_author(self, version: Guideline) -> str | None:
        """Return who wrote it."""
        return version.author.get_username() if version.author else None


class GuidelineVersions(ApiView):
    """All versions of a guideline."""

    @operation("list_guideline_versions", gives=page_of(GuidelineVersion), query=PAGING)
    def get(self, request: Request, project_id: int) -> Response:
        """List the versions, newest first."""
        self.only_query("cursor", "page_size")
        project = get_visible(Project.objects.all(), self.person, pk=project_id)
        rows = Guideline.objects.filter(project=project).select_related("author")
        keys = (Key("version", descending=True),)
        return paginated(request, rows, keys, lambda found: list(GuidelineVersion(found, many=True).data))
