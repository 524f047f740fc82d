"""What people do with an import: files of one name, audio of an earlier drop, giving it up."""

from __future__ import annotations

from typing import Any

import pytest

from annotation.errors import Conflict
from annotation.models import ImportFile
from annotation.services.imports import files, landing, receiving
from annotation.services.imports.becoming import Landed
from annotation.services.multipart import Received
from annotation.states import ImportState
from tests.annotation.imports.dropping import (
    bring,
    check,
    faults_of,
    finish,
    packed,
    prepare_all,
    received,
    sound,
    table,
    work,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media_root")]

ROWS = {"t.csv": table("file,text", "a.wav,one", "b.wav,two")}
AUDIO = {"a.wav": sound(2), "b.wav": sound(2, pitch=1)}


def together(*drops: dict[str, bytes]) -> Received:
    """Send files in one request, as a browser does that drops the names of their folders."""
    found = received({})
    for drop in drops:
        found.files += received(drop).files
    return found


def test_audio_of_one_name_from_two_folders_is_not_guessed(cast: Any) -> None:
    drop = together(ROWS, AUDIO, {"a.wav": sound(3)})
    parent = receiving.begin(user=cast.manager, project=cast.project, received=drop)
    work()
    parent.refresh_from_db()
    assert faults_of(parent) == {2: ["ambiguous_audio"]}
    # The same name in a later request is the mended file.
    receiving.add_files(user=cast.manager, parent=parent, received=received({"a.wav": sound(4)}))
    work()
    assert faults_of(parent) == {}
    assert ImportFile.objects.filter(parent=parent, name="a.wav").count() == 1


def test_a_second_table_of_one_name_is_left_out_aloud(cast: Any) -> None:
    other = {"t.csv": table("file,text", "a.wav,another")}
    drop = together(ROWS, AUDIO, other, {"z.zip": packed(AUDIO)}, {"z.zip": packed({"c.wav": sound(1)})})
    parent = receiving.begin(user=cast.manager, project=cast.project, received=drop)
    work()
    parent.refresh_from_db()
    assert (parent.state, parent.counts["ready"]) == (ImportState.CHECKED, 2)
    left = ImportFile.objects.filter(parent=parent, cause_code="same_name").order_by("name")
    assert [(file.name, "Rename one" in file.cause) for file in left] == [("t.csv", True), ("z.zip", True)]


def test_an_import_that_is_not_over_keeps_its_audio(cast: Any) -> None:
    first = check(cast.manager, cast.project, {**ROWS, **AUDIO, "spare.wav": sound(2, pitch=2)})
    more = table("file,text", "spare.wav,three")
    with pytest.raises(Conflict, match="not over"):
        check(cast.manager, cast.project, {"more.csv": more}, after=first)
    done = finish(cast.manager, first)
    assert done.counts["added"] == 2
    assert bring(cast.manager, cast.project, {"more.csv": more}, after=done).counts["added"] == 1


def test_giving_up_what_is_done_is_refused_and_leaves_its_files(cast: Any) -> None:
    faulty = {"t.csv": table("file,text", "a.wav,one", "nowhere.wav,two")}
    done = bring(cast.manager, cast.project, {**faulty, **AUDIO})
    assert files.folder_of(done.pk).exists()
    with pytest.raises(Conflict, match="done"):
        receiving.cancel(user=cast.manager, parent=done)
    assert list(files.folder_of(done.pk).iterdir())


def test_rows_are_counted_once_however_many_recordings_land(
    cast: Any, django_assert_num_queries: Any
) -> None:
    drop = {f"{n}.wav": sound(1, pitch=n) for n in range(4)}
    rows = table("file,start_ms,end_ms,text", *(f"{n}.wav,0,{900 + 400 * (n == 3)},text" for n in range(4)))
    parent = check(cast.manager, cast.project, {"t.csv": rows, **drop})
    receiving.start(user=cast.manager, parent=parent)
    work()
    parent.refresh_from_db()
    assert (parent.state, parent.counts["waiting"]) == (ImportState.LANDING, 3)
    with django_assert_num_queries(2):
        landing.settle(parent, Landed())
    prepare_all()
    parent.refresh_from_db()
    assert (parent.state, parent.counts["waiting"], parent.counts["added"]) == (ImportState.DONE, 0, 3)
    assert parent.counts["faulty"] == 1
    assert parent.finished_at is not None
