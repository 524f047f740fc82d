"""Cutting a recording anew."""

from __future__ import annotations

from typing import ClassVar

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotation.api.base import ApiView
from annotation.api.docs import operation
from annotation.api.fields import Strict, Whole
from annotation.models import Recording
from annotation.permissions import get_visible
from annotation.services import segmentation
from annotation.services.segmentation import MAX_MS, TARGET_MS
from annotation.states import Segmentation


class ResegmentIn(Strict):
    """How to cut; what is left out is as the recording and its project say."""

    segmentation = serializers.ChoiceField(choices=Segmentation.choices, required=False)
    target_ms = Whole(
        min_value=TARGET_MS[0], max_value=TARGET_MS[1], required=False, help_text="Length to aim at."
    )
    max_ms = Whole(min_value=MAX_MS[0], max_value=MAX_MS[1], required=False, help_text="No longer than.")


class ResegmentOut(serializers.Serializer[segmentation.Recut]):
    """What came of it."""

    retired = serializers.IntegerField(help_text="Segments that were taken away; their history stays.")
    made = serializers.IntegerField(help_text="Segments that took their place, most with text at once.")
    kept = serializers.IntegerField(help_text="Segments that stayed because a person has touched them.")
    queued = serializers.IntegerField(help_text="Windows that a model has yet to hear.")


class RecordingResegment(ApiView):
    """The segments of a recording as a whole."""

    throttle_scopes: ClassVar = {"POST": "save"}

    @operation("resegment_recording", takes=ResegmentIn, gives=ResegmentOut, refuses=(409,))
    def post(self, request: Request, recording_id: int) -> Response:
        """Cut a recording anew. Segments that a person has touched, locked or holds stay as they are."""
        rows = Recording.objects.select_related("project")
        recording = get_visible(rows, self.person, pk=recording_id)
        values = self.valid(ResegmentIn(data=request.data))
        made = segmentation.resegment(user=self.person, recording=recording, **values)
        return Response(ResegmentOut(made).data)
