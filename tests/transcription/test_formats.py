"""Transcripts of other tools: what their files look like in the wild, and what is refused, by line."""

from __future__ import annotations

import io
import itertools
import json
import time
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import pytest

from transcription.formats import Format, FormatError, Row, json_rows, read, recognise
from transcription.formats.archive import Archive, checked
from transcription.formats.kaldi import KaldiDirectory, identity
from transcription.formats.sorting import SortedLines
from transcription.formats.timing import timed_words
from transcription.types import Word


def rows(name: str, data: str | bytes, **options: Any) -> list[Row]:
    return list(read(name, io.BytesIO(data if isinstance(data, bytes) else data.encode()), **options))


def refusal(name: str, data: str | bytes, **options: Any) -> FormatError:
    with pytest.raises(FormatError) as caught:
        rows(name, data, **options)
    return caught.value


# -- Files as they are met ---------------------------------------------------------------------------------


def test_srt_of_a_careless_program() -> None:
    found = rows(
        "a.srt",
        "\ufeff1\r\n00:00:01.5 --> 00:00:02,000 X1:40\r\nHello\r\n\r\nworld\r\n\r\n"
        "2\r\n0:02,000 --> 0:03,250\r\n\r\n3\r\n00:00:04,000 --> 00:00:05,000\r\n12\r\n",
    )
    assert [(row.start_ms, row.end_ms, row.text) for row in found] == [
        (1500, 2000, "Hello\nworld"),
        (2000, 3250, ""),
        (4000, 5000, "12"),
    ]
    assert [row.line for row in found] == [2, 8, 11]


def test_vtt_with_all_that_the_standard_has() -> None:
    found = rows(
        "a.vtt",
        "WEBVTT - made by hand\nKind: captions\n\nSTYLE\n::cue { color: red }\n\nNOTE a --> b\n\n"
        "intro\n00:01.000 --> 00:02.000 align:start\n<v.loud Mary Ann><i>Hi</i> &amp; <00:01.500>bye</v>\n\n"
        "00:03.000 --> 00:04.000\n<v A>one\n<v B>two\n",
    )
    assert [(row.text, row.speaker) for row in found] == [("Hi & bye", "Mary Ann"), ("one\ntwo", "A")]
    assert found[1].metadata == {"voices": ["A", "B"]}


SHORT_GRID = (
    'File type = "ooTextFile"\nObject class = "TextGrid"\n\n0\n2.5\n<exists>\n2\n'
    '"IntervalTier"\n"Ann"\n0\n2.5\n3\n'
    '0\n1\n"say ""hi"""\n1\n1.5\n""\n1.5\n2.5\n"ende"\n"TextTier"\n"clicks"\n0\n2.5\n1\n0.5\n"x"\n'
)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-8-sig"])
def test_textgrid_short_form_in_praats_encodings(encoding: str) -> None:
    found = rows("a.TextGrid", SHORT_GRID.encode(encoding))
    assert [(row.start_ms, row.end_ms, row.text, row.speaker) for row in found] == [
        (0, 1000, 'say "hi"', "Ann"),
        (1500, 2500, "ende", "Ann"),
    ]


def test_textgrid_of_an_aligner_has_words_alone() -> None:
    grid = (
        'File type = "ooTextFile"\nObject class = "TextGrid"\n0 3 <exists> 2\n'
        '"IntervalTier" "kim - words" 0 3 4  0 0.5 "so"  0.5 1 "what"  1 2 ""  2 3 "then"\n'
        '"IntervalTier" "kim - phones" 0 3 1  0 0.5 "s"\n'
    )
    assert [(row.text, row.speaker, len(row.words)) for row in rows("a.textgrid", grid)] == [
        ("so what", "kim", 2),
        ("then", "kim", 1),
    ]


def test_textgrid_words_without_a_length_stay_in_the_text() -> None:
    grid = (
        '"ooTextFile" "TextGrid" 0 3 <exists> 3 "IntervalTier" "words" 0 3 3 0 1 "so" 1 1 "what" 1 2 "yes"\n'
        '"IntervalTier" "kim" 0 3 1  0 2 "well then"\n'
        '"IntervalTier" "kim - words" 0 3 3  0 1 "well"  1 1 "erm"  1 2 "then"\n'
    )
    assert [(row.text, [word.text for word in row.words]) for row in rows("a.textgrid", grid)] == [
        ("so what yes", ["so", "yes"]),
        ("well then", ["well", "then"]),
    ]


def test_whisperx_words_without_times_get_the_gap() -> None:
    segment = {
        "start": 1.0, "end": 3.0, "text": " In 1999 we", "speaker": "SPEAKER_00",
        "words": [
            {"word": "In", "start": 1.0, "end": 1.4, "score": 0.9},
            {"word": "1999"},
            {"word": "we", "start": 2.0, "end": 2.2, "score": 0.8},
        ],
    }  # fmt: skip
    (row,) = rows("a.json", json.dumps({"segments": [segment], "word_segments": [], "language": "en"}))
    assert (row.text, row.speaker, row.language) == ("In 1999 we", "SPEAKER_00", "en")
    assert row.words[1] == Word(1400, 2000, "1999", 0.0)


def test_nemo_tells_reference_and_prediction_apart() -> None:
    line = {
        "audio_filepath": "a/b.wav",
        "offset": 1.5,
        "duration": 2,
        "text": "ref",
        "pred_text": "hyp",
        "pnc": "no",
    }
    (row,) = rows("train_manifest.json", json.dumps(line))
    assert (row.audio, row.start_ms, row.end_ms) == ("a/b.wav", 1500, 3500)
    assert (row.text, row.correction, row.metadata) == ("hyp", "ref", {"pnc": "no"})


def test_label_studio_keeps_machine_and_person_apart() -> None:
    def region(name: str, text: str) -> list[dict[str, Any]]:
        place = {"start": 0.5, "end": 2}
        return [
            {"id": name, "type": "labels", "value": {**place, "labels": ["Agent"]}},
            {"id": name, "type": "textarea", "value": {**place, "text": [text]}},
        ]

    task = {
        "id": 7,
        "data": {"audio": "/data/upload/a.wav", "campaign": "May"},
        "annotations": [
            {"was_cancelled": True, "result": region("r1", "given up")},
            {"result": region("r1", "by hand")},
        ],
        "predictions": [{"model_version": "m", "result": region("r1", "heard")}],
    }
    short = {"audio": "b.wav", "transcription": {"text": ["one", "two"]}}
    first, second = rows("export.json", json.dumps([task, short]))
    assert (first.text, first.correction, first.speaker) == ("heard", "by hand", "Agent")
    assert (first.start_ms, first.end_ms, first.metadata) == (500, 2000, {"campaign": "May"})
    assert (second.audio, second.start_ms, second.correction) == ("b.wav", None, "one\ntwo")


def test_eaf_of_elan_with_open_slots_and_translations() -> None:
    eaf = """<?xml version="1.0" encoding="UTF-8"?>
<ANNOTATION_DOCUMENT><HEADER>
<MEDIA_DESCRIPTOR MEDIA_URL="file:///C:/x/a%20b.wav" MIME_TYPE="audio/x-wav"/></HEADER>
<TIME_ORDER><TIME_SLOT TIME_SLOT_ID="t1" TIME_VALUE="0"/><TIME_SLOT TIME_SLOT_ID="t2"/>
<TIME_SLOT TIME_SLOT_ID="t3" TIME_VALUE="2000"/></TIME_ORDER>
<TIER TIER_ID="Kim-txt" PARTICIPANT="Kim">
<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a1" TIME_SLOT_REF1="t1" TIME_SLOT_REF2="t2">
<ANNOTATION_VALUE>ça &lt;va&gt;</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a2" TIME_SLOT_REF1="t2" TIME_SLOT_REF2="t3">
<ANNOTATION_VALUE/></ALIGNABLE_ANNOTATION></ANNOTATION></TIER>
<TIER TIER_ID="en" PARENT_REF="Kim-txt"><ANNOTATION><REF_ANNOTATION ANNOTATION_ID="a3" ANNOTATION_REF="a1">
<ANNOTATION_VALUE>how are you</ANNOTATION_VALUE></REF_ANNOTATION></ANNOTATION></TIER></ANNOTATION_DOCUMENT>"""
    found = rows("a.eaf", eaf)
    assert [(row.audio, row.start_ms, row.end_ms, row.text, row.speaker) for row in found] == [
        ("a b.wav", 0, 1000, "ça <va>", "Kim"),
        ("a b.wav", 1000, 2000, "", "Kim"),
    ]


def test_stm_with_comments_and_labels() -> None:
    first = ";; CATEGORY x\na 1 kim 0.5 1.25 <o,f0,female> hello  there\n"
    found = rows("ref.stm", first + "b A unknown 0 1 ignore_time_segment_in_scoring\n")
    assert [(row.audio, row.start_ms, row.text, row.speaker) for row in found] == [
        ("a", 500, "hello there", "kim"),
        ("b", 0, "", ""),
    ]


def test_a_named_encoding_is_believed() -> None:
    data = "1\n00:00:01,000 --> 00:00:02,000\nÜbung\n".encode("cp1252")
    assert rows("a.srt", data, encoding="cp1252")[0].text == "Übung"
    wrong = refusal("a.srt", data)
    assert (wrong.code, wrong.line) == ("encoding", 3)


@pytest.mark.parametrize(
    ("name", "head", "form"),
    [
        ("x.SRT", b"", Format.SRT),
        ("dir\\x.TextGrid", b"", Format.TEXTGRID),
        ("x.json", b'  {"text": "", "segments": []}', Format.WHISPER),
        ("x.json", b'[{"data": {}}]', Format.LABEL_STUDIO),
        ("x.json", b'{"audio_filepath": "a", "duration": 1}\n{"a', Format.NEMO),
        ("x.jsonl", b'{"file_name": "a"}', Format.JSON_ROWS),
        ("x.tsv", b"start\tend\ttext\r\n0\t1\tx", Format.WHISPER_TSV),
        ("x.tsv", b"file_name\ttext\n", None),
        ("x.csv", b"start,end,text", None),
        ("x.docx", b"PK", None),
    ],
)
def test_the_format_is_told_by_name_and_first_bytes(name: str, head: bytes, form: Format | None) -> None:
    assert recognise(name, head) == form


# -- What is refused ---------------------------------------------------------------------------------------

LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>'
    "<ANNOTATION_DOCUMENT>&b;</ANNOTATION_DOCUMENT>"
)
OUTSIDE = '<!DOCTYPE x SYSTEM "file:///etc/passwd"><ANNOTATION_DOCUMENT/>'


@pytest.mark.parametrize(
    ("name", "data", "code", "line"),
    [
        ("a.srt", "Dear all,\nplease find attached", "malformed", 1),
        ("a.srt", "1\n00:00:02,000 --> 00:00:01,000\nx", "bad_time", 2),
        ("a.srt", "1\n00:00:01,000 --> 00:00:71,000\nx", "bad_time", 2),
        ("a.srt", b"1\n00:00:01,000 --> 00:00:02,000\n\x00\x00", "malformed", 3),
        ("a.srt", b"1\n00:00:01,000 --> 00:00:02,000\n\xff\xfe", "encoding", 3),
        ("a.vtt", "1\n00:01.000 --> 00:02.000\nx", "malformed", 1),
        ("a.TextGrid", 'File type = "ooTextFile"\nObject class = "Pitch"', "malformed", 1),
        ("a.TextGrid", SHORT_GRID.replace('"ende"', '"ende'), "malformed", 21),
        ("a.TextGrid", SHORT_GRID.replace("\n3\n0\n", "\n9999999\n0\n"), "malformed", 22),
        ("a.eaf", LAUGHS, "not_safe", 1),
        ("a.eaf", OUTSIDE, "not_safe", 1),
        ("a.eaf", "<html/>", "malformed", 1),
        ("a.eaf", "<ANNOTATION_DOCUMENT>\n<x", "malformed", 2),
        ("a.json", '{"segments": [{"start": 1, "end": "NaN", "text": ""}]}', "bad_time", 1),
        ("a.json", '{"segments": [\n{"start": NaN}]}', "malformed", 0),
        ("a.json", '{"segments": 1}', "malformed", 0),
        ("a.json", '{"segments": [\n{"start": }]}', "malformed", 2),
        ("a.json", "[" * 100_000, "malformed", 0),
        ("a.json", '{"segments": [' + "[]," * 700_000 + "]}", "too_large", 0),
        ("a.json", '{"segments": [{"start": 1' + "0" * 5000 + "}]}", "malformed", 0),
        ("m.jsonl", '{"audio_filepath": "a", "duration": 1, "text": ""}\n{"text": "x"}', "malformed", 2),
        ("m.jsonl", '{"audio_filepath": "a", "duration": -1}', "bad_time", 1),
        ("m.jsonl", '{"audio_filepath": "' + "a" * (2 << 20) + '"}', "too_large", 1),
        ("t.json", '[{"data": {"text": "no audio"}}]', "malformed", 1),
        ("r.stm", "a 1 kim\n", "malformed", 1),
        ("r.stm", "a 1 kim 1 0.5 x\n", "bad_time", 1),
        ("w.tsv", "start\tend\ttext\n1.5\t2\tx\n", "malformed", 2),
        ("x.doc", "anything", "unknown_format", 0),
        ("x.srt", b"a" * (25 << 20), "too_large", 0),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_by_line_and_at_once(
    name: str, data: str | bytes, code: str, line: int
) -> None:
    began = time.process_time()
    error = refusal(name, data)
    assert (error.code, error.line) == (code, line)
    assert error.message.endswith((".", "…"))
    assert time.process_time() - began < 2


def test_quotes_that_never_close_cost_one_look() -> None:
    began = time.process_time()
    assert refusal("a.TextGrid", SHORT_GRID[:60] + ' """y' * 400_000).code == "malformed"
    assert time.process_time() - began < 2


def test_lines_are_read_in_constant_memory(tmp_path: Path) -> None:
    path = tmp_path / "big.jsonl"
    with path.open("w") as file:
        for number in range(12_000):
            file.write(f'{{"audio_filepath": "{number}.wav", "duration": 1, "text": "{"x" * 100}"}}\n')
    with path.open("rb") as stream:
        found = read("big.jsonl", stream)
        next(found)
        tracemalloc.start()
        count = sum(1 for _ in found)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert count == 11_999
    assert peak < 1 << 20


# -- What writers are made of ------------------------------------------------------------------------------


def archived(path: Path, members: int) -> bytes:
    with path.open("w+b") as file, Archive(file) as archive:
        for number in range(members):
            archive.add(f"d/{number}.txt", [b"x" * (number % 7)], compress=number % 100 == 0)
        member = archive.add("שיחה.wav", [b"a", b"b" * 100_000], compress=False)
        archive.close()
    assert member.size == 100_001
    return path.read_bytes()


def test_an_archive_is_a_zip_with_the_same_bytes_each_time(tmp_path: Path) -> None:
    assert archived(tmp_path / "a.zip", 300) == archived(tmp_path / "b.zip", 300)
    many = archived(tmp_path / "c.zip", 65_600)  # more than a plain ZIP counts
    with zipfile.ZipFile(io.BytesIO(many)) as found:
        assert len(found.namelist()) == 65_601
        assert found.read("d/65500.txt") == b"x" * (65_500 % 7)
        assert found.read("שיחה.wav") == b"a" + b"b" * 100_000


@pytest.mark.parametrize("name", ["", "/etc/x", "../x", "a/../../x", "a\\b", "C:/x", "a//b", "a\0", "./a"])
def test_no_member_leaves_its_folder(name: str) -> None:
    with pytest.raises(ValueError, match="archive"):
        checked(name)


def test_more_lines_than_memory_holds_are_sorted_by_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("transcription.formats.sorting.CHUNK", 7)
    words = [f"{word}\n" for word in ("b", "a-", "a", "é", "Z", "a_b", "שלום", "10", "9")] * 5
    with SortedLines() as lines:
        for word in words:
            lines.add(word)
        assert list(lines) == sorted(word.encode() for word in words)
        assert list(lines) == sorted(word.encode() for word in words)


def test_speakers_of_kaldi_sort_as_their_utterances() -> None:
    speakers = ("a", "a b", "a-b", "ab", "A", "", "é", "שרה", "a_b", "b.c")
    with KaldiDirectory() as directory:
        for number, speaker in enumerate(speakers):
            row = Row("talk.wav", number * 1000, number * 1000 + 500, "hi", speaker=speaker, id=str(number))
            assert directory.add(row, "wav/talk.wav", 60_000)
        files = {name: b"".join(lines).decode().splitlines() for name, lines in directory.files()}
    for lines in files.values():
        assert [line.encode() for line in lines] == sorted(line.encode() for line in lines)
    pairs = [line.split() for line in files["utt2spk"]]
    assert len({speaker for _, speaker in pairs}) == len(speakers)
    assert [speaker.encode() for _, speaker in pairs] == sorted(speaker.encode() for _, speaker in pairs)
    assert all(utterance.startswith(f"{speaker}-") for utterance, speaker in pairs)
    assert identity("a b") != identity("a_b") != identity("a-b")


def test_corrected_words_take_the_times_of_those_they_stand_for() -> None:
    heard = (Word(0, 400, " the", 0.9), Word(400, 900, " bird", 0.5), Word(1500, 2000, " sings.", 0.8))
    assert timed_words("the bird sings.", heard, 0, 2000) == heard
    made = timed_words("The birds that sing sings.", heard, 0, 2000)
    assert [word.text for word in made] == [" The", " birds", " that", " sing", " sings."]
    assert (made[0].start_ms, made[0].end_ms, made[0].probability) == (0, 400, 0.9)
    assert (made[-1].start_ms, made[-1].end_ms) == (1500, 2000)
    assert all(a.end_ms <= b.start_ms for a, b in itertools.pairwise(made))
    assert made[2].probability == 0.0
    assert timed_words("", heard, 0, 2000) == ()


def test_columns_of_people_are_told_apart_from_ours_by_a_mark() -> None:
    theirs = {"comment": "loud", "earmark_model": "their own", "speaker": "the loud one", "split": "left"}
    ours: dict[str, Any] = {"file_name": "a.wav", "id": "", "segment_id": "7"}
    ours |= {"speaker": "Ann", "asr_text": "hi"}
    ours |= {"status": "draft", "version": 1, "model": "small", "comment": None, "split": None}
    line = json_rows.table_line(ours, theirs)
    (row,) = read("m.jsonl", io.BytesIO(line.encode()))
    assert isinstance(row, Row)
    assert row.metadata == theirs
    assert (row.speaker, row.text, row.id, row.version) == ("Ann", "hi", "", 1)
    # In lines that are none of ours the same names are anybody's.
    (row,) = read("m.jsonl", io.BytesIO(b'{"file_name": "a.wav", "segment_id": "u1", "status": "new"}'))
    assert isinstance(row, Row)
    assert (row.id, row.metadata) == ("u1", {"status": "new"})
