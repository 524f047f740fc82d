"""Which audio a row means: in the drop and in the project, by path, name and stem."""

from __future__ import annotations

import tracemalloc
from typing import Any
from uuid import UUID

import pytest

from annotation.models import ImportRow, Recording
from annotation.services.imports.matching import Sound, Sounds
from annotation.services.imports.values import BadValue
from tests.annotation.imports.dropping import bring, check, faults_of, sound, table

TIMED = "file,start_ms,end_ms,text"


@pytest.mark.django_db
@pytest.mark.usefixtures("media_root")
def test_an_exact_name_in_the_project_goes_before_a_stem_in_the_drop(cast: Any) -> None:
    bring(cast.manager, cast.project, {"1.wav": sound(5)})
    Recording.objects.filter(project=cast.project).update(name="1.mp3")
    drop = {"t.csv": table(TIMED, "1.mp3,0,1000,one", "1,1000,2000,two"), "1.wav": sound(5, pitch=1)}
    checked = check(cast.manager, cast.project, drop)
    assert faults_of(checked) == {}
    first, second = ImportRow.objects.filter(parent=checked).order_by("line")
    assert first.recording == Recording.objects.get(project=cast.project)
    assert (second.file and second.file.name, second.recording) == ("1.wav", None)


@pytest.mark.django_db
@pytest.mark.usefixtures("media_root")
def test_recordings_of_one_name_are_told_apart_as_exports_name_them(cast: Any) -> None:
    bring(cast.manager, cast.project, {"a/call.wav": sound(5), "b/call.wav": sound(5, pitch=1)})
    Recording.objects.filter(project=cast.project).update(name="call.wav")
    first, second = Recording.objects.filter(project=cast.project).order_by("pk")
    rows = [f"call-{pk}.wav,0,1000,one" for pk in (second.pk, first.pk, 10**9)]
    checked = check(cast.manager, cast.project, {"t.csv": table(TIMED, *rows, "call.wav,0,9,x")})
    assert faults_of(checked) == {4: ["missing_audio"], 5: ["ambiguous_audio"]}
    found = ImportRow.objects.filter(parent=checked, state="ready").order_by("line")
    assert [row.recording for row in found] == [second, first]
    Recording.objects.filter(pk=first.pk).update(trashed_at=first.created_at)
    checked = check(cast.manager, cast.project, {"t.csv": table(TIMED, rows[0])})
    assert faults_of(checked) == {}, "it is still found when it is the only one of its name"


def test_many_sounds_need_little_memory() -> None:
    number = 20_000

    def sounds(kind: str) -> Any:
        for n in range(number):
            file = UUID(int=n) if kind == "drop" else None
            yield Sound(f"{kind}_{n:06}.wav", file=file, recording=None if file else n, same=f"{n:064}")

    tracemalloc.start()
    try:
        held = Sounds(sounds("drop"), sounds("here"))
        needed, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert needed / (2 * number) < 600, "bytes a file: 100,000 of the drop and 100,000 of the project fit"
    assert held.find("HERE_000007", by_last_part=False).recording == 7


def test_many_sounds_of_one_name_are_found_by_their_folders() -> None:
    held = Sounds((Sound(f"calls/{n}/audio.wav", file=UUID(int=n)) for n in range(5_000)), ())
    for n in range(5_000):
        assert held.find(f"Calls/{n}/Audio.wav", by_last_part=False).file == UUID(int=n)
        with pytest.raises(BadValue, match="whole path"):
            held.find("audio.wav", by_last_part=False)
