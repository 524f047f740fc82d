"""The shared corpus: what its manifests expect of tables, archives and bundles."""

from __future__ import annotations

import csv
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from annotation.models import Membership, Recording, Segment
from annotation.states import ImportState, Role
from tests.annotation.imports.dropping import bring, check, faults_of, finish, sound
from tests.factories import make_project

pytestmark = [pytest.mark.django_db, pytest.mark.corpus, pytest.mark.usefixtures("media_root")]

AUDIO = {
    f"{name}.wav": sound(20, rate=4000, pitch=n) for n, name in enumerate(("a", "b", "c", "d", "e", "f", "g"))
}
NUMBERED = {f"a00{n}.wav": sound(20, rate=4000, pitch=20 + n) for n in (1, 2, 3)}

REFUSED = {
    "billion-laughs.xlsx": "not_safe",
    "binary-renamed.csv": "not_a_table",
    "empty.csv": "empty_file",
    "filetype-office365.xlsx": "no_rows",
    "filetype-password.xls": "password",
    "filetype-real.xlsx": "empty_file",
    "filetype-xml-utf16-renamed.csv": "not_a_table",
    "html-renamed.xlsx": "not_a_table",
    "zip-bomb-150mb.xlsx": "archive_bomb",
}
ASKED = {"filetype-sheet.ods": "columns", "latin1.csv": "encoding", "paths-in-audio.csv": "absolute_paths"}
FAULTY: dict[str, dict[int, list[str]]] = {
    "case-mismatch.csv": {},
    "cell-limits.xlsx": {2: ["text_too_long"], 5: ["error_cell"], 6: ["error_cell"]},
    "cr-only.csv": {},
    "duplicate-ids.csv": {
        2: ["duplicate_id", "duplicate_audio"],
        3: ["duplicate_id"],
        4: ["duplicate_audio"],
    },
    "formulas.csv": {},
    "huge-cell.csv": {2: ["text_too_long"]},
    "leading-zeros.csv": {},
    "missing-audio.csv": {3: ["missing_audio"], 4: ["audio_blank"]},
    "nfd-names.csv": {},
    "nul-bytes.csv": {2: ["bad_characters"]},
    "quoted-newlines.csv": {},
    "tabs-in.csv": {},
    "traversal-parts.xlsx": {},
    "utf16be-nobom.csv": {},
    "utf8-bom.csv": {},
}


def audio_for(name: str) -> dict[str, bytes]:
    if name == "nfd-names.csv":
        return {"caf\u00e9.wav": sound(5)}
    return {**AUDIO, **NUMBERED}


def cpu_s() -> float:
    """Return how long this process and those it waited for worked; others on the machine do not count."""
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_hostile_tables_are_refused_in_words_within_two_seconds(corpus: Path, cast: Any, name: str) -> None:
    before = cpu_s()
    parent = check(cast.manager, cast.project, {name: (corpus / "hostile/tables" / name).read_bytes()})
    assert (parent.state, parent.refusal["code"]) == (ImportState.REFUSED, REFUSED[name])
    assert len(parent.refusal["message"]) > 20
    assert cpu_s() - before < 2


@pytest.mark.parametrize("name", sorted(ASKED))
def test_what_is_open_is_asked(corpus: Path, cast: Any, name: str) -> None:
    drop = {name: (corpus / "hostile/tables" / name).read_bytes(), **audio_for(name)}
    parent = check(cast.manager, cast.project, drop)
    assert parent.state == ImportState.ASKING
    assert [question["code"] for question in parent.questions] == [ASKED[name]]


def test_paths_lead_nowhere_but_into_the_drop(corpus: Path, cast: Any) -> None:
    drop = {
        "t.csv": (corpus / "hostile/tables/paths-in-audio.csv").read_bytes(),
        **NUMBERED,
        "x.wav": sound(1),
    }
    parent = check(cast.manager, cast.project, drop, answers={"absolute_paths": "refuse"})
    assert faults_of(parent) == {line: ["unsafe_audio_path"] for line in (2, 3, 4, 5, 6, 7, 9)}
    assert parent.preview[6]["audio"] == "a001.wav"


def test_an_encoding_is_read_right_once_it_is_named(corpus: Path, cast: Any) -> None:
    drop = {"t.csv": (corpus / "hostile/tables/latin1.csv").read_bytes(), **AUDIO}
    bring(cast.manager, cast.project, drop, answers={"encoding": "cp1252"})
    assert Segment.objects.get(project=cast.project).text == "café Übung señor"


@pytest.mark.parametrize("name", sorted(FAULTY))
def test_odd_tables_name_their_faulty_rows_and_import_the_rest(corpus: Path, cast: Any, name: str) -> None:
    drop = {name: (corpus / "hostile/tables" / name).read_bytes(), **audio_for(name)}
    parent = check(cast.manager, cast.project, drop)
    assert parent.state == ImportState.CHECKED, (parent.refusal, parent.questions)
    assert {line: sorted(codes) for line, codes in faults_of(parent).items()} == {
        line: sorted(codes) for line, codes in FAULTY[name].items()
    }
    if parent.counts["ready"]:
        assert finish(cast.manager, parent).counts["added"] == parent.counts["rows"] - len(FAULTY[name])


def test_text_is_kept_as_it_stands(corpus: Path, cast: Any) -> None:
    for name in ("formulas.csv", "markup.csv", "leading-zeros.csv"):
        path = corpus / "hostile/tables" / name
        with path.open(encoding="utf-8", newline="") as file:
            wanted = {row["id"]: row["transcript"].strip() for row in csv.DictReader(file)}
        project = make_project(name, language="")
        Membership.objects.create(project=project, user=cast.manager, role=Role.MANAGER)
        names = {f"{letter}.wav": sound(30, rate=4000, pitch=n) for n, letter in enumerate("abcdefghij")}
        done = bring(cast.manager, project, {name: path.read_bytes(), **names})
        assert faults_of(done) == {}
        found = dict(Segment.objects.filter(project=project).values_list("external_id", "text"))
        assert found.items() <= wanted.items()
        assert len(found) == len(wanted), name


@pytest.mark.parametrize(
    ("name", "outcome"),
    [
        ("case-collision.zip", ["A.wav", "a.wav", "a.wav"]),
        ("empty.zip", "archive_empty"),
        ("mac-junk.zip", ["a001.wav"]),
        ("sjis-names.zip", ["音声.wav"]),
        ("symlink.zip", "archive_link"),
        ("traversal.zip", ["ok.wav"]),
        ("truncated.zip", "archive_broken"),
        ("zip64-lie.zip", "archive_bomb"),
    ],
)
def test_hostile_archives(corpus: Path, cast: Any, name: str, outcome: Any) -> None:
    before, began = set(Path("/tmp").glob("pwned*")), cpu_s()
    parent = check(cast.manager, cast.project, {name: (corpus / "hostile/archives" / name).read_bytes()})
    if isinstance(outcome, str):
        assert (parent.state, parent.refusal["code"]) == (ImportState.REFUSED, outcome)
    else:
        audio = parent.files.filter(kind="audio").values_list("name", flat=True)
        assert sorted(one.rsplit("/", 1)[-1] for one in audio) == sorted(outcome)
    assert set(Path("/tmp").glob("pwned*")) == before
    assert cpu_s() - began < 2


MEASURE = """
import resource, sys
from pathlib import Path
from transcription.archives import Archive, ArchiveError
from transcription.tables import TableError, open_table
for path in map(Path, sys.argv[1:]):
    try:
        if path.suffix == ".zip":
            with Archive(path, max_bytes=1 << 30) as archive:
                list(archive.entries())
        else:
            for _ in open_table(path).lines():
                pass
    except (ArchiveError, TableError):
        pass
own = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
most = own + resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(most)
"""


def test_what_is_hostile_is_refused_in_little_memory(corpus: Path) -> None:
    hostile = [corpus / "hostile/tables" / name for name in REFUSED] + list(
        (corpus / "hostile/archives").iterdir()
    )
    said = subprocess.run(
        [sys.executable, "-c", MEASURE, *map(str, hostile)], capture_output=True, text=True, check=True
    )
    assert int(said.stdout) < 200 << 10, "KiB"


@pytest.mark.parametrize("name", ["review.csv", "review.tsv", "review.xlsx"])
def test_the_review_sheets_with_their_audio(corpus: Path, cast: Any, name: str) -> None:
    folder = corpus / "review"
    cast.project.language = ""  # the sheet has several, and no column for them
    cast.project.save()
    with (folder / "truth.csv").open(encoding="utf-8", newline="") as file:
        shown = {row["id"]: row["shown_transcript"] for row in csv.DictReader(file)}
    drop = {path.name: path.read_bytes() for path in (folder / "audio").iterdir()}
    parent = check(cast.manager, cast.project, {**drop, name: (folder / name).read_bytes()})
    assert faults_of(parent) == {}
    assert (parent.counts["rows"], parent.counts["faulty"], parent.counts["orphans"]) == (40, 0, 0)
    if name == "review.csv":
        finish(cast.manager, parent)
        found = Segment.objects.filter(project=cast.project).values_list("external_id", "text")
        assert dict(found) == shown


def test_the_bundles_without_headers(corpus: Path, cast: Any) -> None:
    with (corpus / "bundles/manifest.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    cast.project.language = ""
    cast.project.save()
    for row in rows:
        drop = {row["file"]: (corpus / "bundles" / row["file"]).read_bytes()}
        checked = check(cast.manager, cast.project, drop)
        assert checked.state == ImportState.CHECKED, (checked.refusal, checked.questions)
        done = finish(cast.manager, checked)
        assert done.counts["added"] == 1, (row["file"], done.counts, faults_of(done))
    assert sorted(Segment.objects.filter(project=cast.project).values_list("text", flat=True)) == sorted(
        row["transcript"] for row in rows
    )
    assert Recording.objects.filter(project=cast.project).count() == len(rows)
