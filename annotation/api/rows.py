"""The slim rows of a recording, for lists of thousands."""

from __future__ import annotations

import hashlib
import json

from django.http import HttpResponse, HttpResponseBase
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from annotation import rows
from annotation.api.base import ApiView
from annotation.api.docs import header, operation, text, whole
from annotation.api.queue_serializers import RowsOut
from annotation.models import Recording
from annotation.permissions import get_visible
from annotation.states import SegmentState


class RecordingRows(ApiView):
    """The rows of a recording."""

    @operation(
        "recording_rows",
        gives=RowsOut,
        also={304: None},
        query=(
            text("cursor", "From `next`."),
            whole("limit", "1 to 1000, 1000 unless told."),
            text("order", "time, or the worst first", enum=list(rows.ORDERS)),
            text("state", f"One or several of {', '.join(SegmentState.values)}, with commas."),
            text("risk_above", "At least this risk, 0 to 1."),
            text("speaker"),
            text("mine", "1 = last written by you.", enum=["0", "1"]),
            text("returned", "1 = returned to you.", enum=["0", "1"]),
            text("locked", enum=["0", "1"]),
            text("search", "Part of the text."),
            text("ids", "Only these, with commas; at most 200."),
            header("If-None-Match", "The ETag you have; 304 when nothing is different."),
        ),
    )
    def get(self, request: Request, recording_id: int) -> HttpResponseBase:
        """List up to a thousand rows of a recording in one line each, by time or worst first."""
        self.only_query(
            "cursor", "limit", "order", "state", "risk_above", "speaker", "mine", "returned", "locked",
            "search", "ids",
        )  # fmt: skip
        recording = get_visible(Recording.objects.all(), self.person, pk=recording_id)
        wanted = self._wanted()
        version = rows.version_of(recording)
        page = rows.rows_of(recording, self.person, wanted)
        first = not wanted.cursor and not wanted.ids
        body = {
            "recording": str(recording.pk),
            "version": version,
            "matching": page.matching,
            "next": page.next,
            "facets": rows.facets_of(recording) if first else None,
            "rows": page.rows,
        }
        # Not the framework's renderer: a thousand rows a page are plain values already.
        whole_body = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        tag = f'"{hashlib.sha256(whole_body).hexdigest()[:32]}"'
        known = [
            one.strip().removeprefix("W/") for one in request.headers.get("If-None-Match", "").split(",")
        ]
        unchanged = tag in known
        response = HttpResponse(
            b"" if unchanged else whole_body,
            status=304 if unchanged else 200,
            content_type="application/json",
        )
        response.headers["ETag"] = tag
        response.headers["Cache-Control"] = "private, no-cache"
        return response

    def _wanted(self) -> rows.Wanted:
        locked = self.number("locked", None, 0, 1)
        order = self.word("order", 20) or "time"
        return rows.Wanted(
            order=order,
            limit=self.number("limit", rows.PAGE_MAX, 1, rows.PAGE_MAX) or rows.PAGE_MAX,
            cursor=self.word("cursor"),
            states=tuple(filter(None, self.word("state").split(","))),
            risk_above=self._share("risk_above"),
            speaker=self.word("speaker", 100),
            mine=self.number("mine", 0, 0, 1) == 1,
            returned=self.number("returned", 0, 0, 1) == 1,
            locked=None if locked is None else locked == 1,
            search=self.word("search"),
            ids=self._ids(),
        )

    def _share(self, name: str) -> float | None:
        raw = self.word(name, 20)
        if not raw:
            return None
        try:
            value = float(raw)
        except ValueError:
            value = -1.0
        if not 0 <= value <= 1:
            raise ValidationError({name: "Expected a number from 0 to 1."})
        return value

    def _ids(self) -> tuple[int, ...]:
        found = [part for part in self.word("ids", rows.IDS_MAX * 20).split(",") if part]
        if len(found) > rows.IDS_MAX or not all(p.isascii() and p.isdecimal() and len(p) < 19 for p in found):
            raise ValidationError({"ids": f"Expected up to {rows.IDS_MAX} ids with commas between them."})
        return tuple(int(part) for part in found)
