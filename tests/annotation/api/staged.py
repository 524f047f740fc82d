"""What requests of the matrix are about: one of each thing, with ids that can be told apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.contrib.auth.models import Permission

from annotation.models import (
    Batch,
    Comment,
    Export,
    Gold,
    Import,
    ImportRow,
    Job,
    Membership,
    Pair,
    Project,
    Reading,
    Recording,
    Replacement,
    Segment,
    Term,
    Upload,
)
from annotation.services import segments
from annotation.services.exports.choosing import Choice, Options
from tests.factories import make_segment, make_user
from tests.personas import Cast

APART: Final = 1_000_000


@dataclass
class Stage:
    """Everything a request can be about."""

    cast: Cast
    recording: Recording
    segment: Segment
    job: Job
    upload: Upload

    @property
    def apart(self) -> int:
        """Return an id for what only some requests are about: it can be told from all others."""
        return self.segment.pk + APART

    def fill(self, route: str) -> str:
        """Return the address of a route, with the ids of this stage."""
        values = {
            "<int:project_id>": self.cast.project.pk,
            "<int:user_id>": self.cast.annotator.pk,
            "<int:recording_id>": self.recording.pk,
            "<int:segment_id>": self.segment.pk,
            "<int:job_id>": self.job.pk,
            **dict.fromkeys(
                ("<int:gold_id>", "<int:pair_id>", "<int:batch_id>", "<int:comment_id>"), self.apart
            ),
            "<int:export_id>": self.apart,
            "<int:import_id>": self.apart,
            "<int:replacement_id>": self.apart,
            "<int:term_id>": self.apart,
            "<uuid:upload_id>": self.upload.pk,
        }
        for name, value in values.items():
            route = route.replace(name, str(value))
        return f"/{route}"


def locked(stage: Stage) -> None:
    Segment.objects.filter(pk=stage.segment.pk).update(
        locked=True, locked_at="2026-01-01T00:00:00Z", locked_by=stage.cast.manager
    )


def followed(stage: Stage) -> None:
    """Put a segment after the stage's, with an id that can be told from it."""
    make_segment(
        stage.cast.project,
        recording=stage.recording,
        pk=stage.segment.pk + APART,
        start_ms=3000,
        text="more",
        revision=1,
        source="draft",
        state="draft",
    )


def decided(stage: Stage) -> None:
    segments.save_text(user=stage.cast.annotator, segment=stage.segment, text="by hand", base_revision=1)


def judged_by_two(stage: Stage) -> None:
    """Let two annotators have read the stage's segment blind, with other texts."""
    second = make_user("second")
    Membership.objects.create(project=stage.cast.project, user=second, role="annotator")
    pair = Pair.objects.create(pk=stage.apart, project=stage.cast.project, segment=stage.segment)
    for place, (author, text) in enumerate(((stage.cast.annotator, "one"), (second, "two")), 1):
        Reading.objects.create(
            pair=pair, segment=stage.segment, place=place, author=author, kind="save", text=text,
            base_revision=1,
        )  # fmt: skip
    Pair.objects.filter(pk=pair.pk).update(state="disputed")


def golden(stage: Stage) -> None:
    Gold.objects.create(pk=stage.apart, project=stage.cast.project, segment=stage.segment, text="true")


def given(stage: Stage) -> None:
    cast = stage.cast
    Batch.objects.create(pk=stage.apart, project=cast.project, name="a", assignee=cast.annotator)


def commented(stage: Stage) -> None:
    Comment.objects.create(
        pk=stage.apart,
        project=stage.cast.project,
        segment=stage.segment,
        author=stage.cast.manager,
        text="look",
    )


def exported(stage: Stage) -> None:
    Export.objects.create(
        pk=stage.apart, project=stage.cast.project, number=1, job=stage.job, format="csv",
        filter=Choice().stored(), options=Options().stored(),
    )  # fmt: skip


def dropped(stage: Stage) -> None:
    parent = Import.objects.create(
        pk=stage.apart, project=stage.cast.project, state="checked", counts={"ready": 1}, table="t.csv",
        columns=[{"header": "file", "field": "audio", "found": "name"}], created_by=stage.cast.manager,
    )  # fmt: skip
    ImportRow.objects.create(parent=parent, line=2, state="faulty", faults=[["bad_time", "x"]], cells=["a"])


def replaced(stage: Stage) -> None:
    Replacement.objects.create(
        pk=stage.apart, project=stage.cast.project, find="a", put="b", finished_at="2026-01-01T00:00:00Z"
    )


def termed(stage: Stage) -> None:
    Project.objects.filter(pk=stage.cast.project.pk).update(glossary=["Bosch"])
    Term.objects.filter(project=stage.cast.project).update(id=stage.apart)


def failed(stage: Stage) -> None:
    Job.objects.filter(pk=stage.job.pk).update(state="failed")


def may_add(stage: Stage) -> None:
    stage.cast.manager.user_permissions.add(Permission.objects.get(codename="add_project"))
