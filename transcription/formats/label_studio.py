"""Label Studio's JSON: tasks with an audio, and regions of it in predictions and annotations.

A region is one id with a stretch of time, its text (`textarea`) and its speaker (`labels`). Predictions
are what a machine heard; the last annotation that was not cancelled is what a person made of it. The
short form (JSON-MIN: one object a task, the transcription beside the audio) is read, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, BinaryIO, Final

from transcription.formats.exported import MARK
from transcription.formats.json_files import array, dump, mapping, parse, words_of
from transcription.formats.rows import FormatError, Found, Row, milliseconds, span
from transcription.formats.texts import text_of

AUDIO_KEYS: Final = ("audio", "audio_url", "url", "file", "path", "wav")
TEXT_KEYS: Final = ("transcription", "text", "transcript")


@dataclass(slots=True)
class _Region:
    start_ms: int | None = None
    end_ms: int | None = None
    text: str = ""
    speaker: str = ""


Regions = dict[str, _Region]


def read_label_studio(stream: BinaryIO, encoding: str | None = None) -> Iterator[Found]:
    """Yield the regions of all tasks as rows; a transcription without a region is about the whole file.

    `line` counts tasks from 1. A task that names no audio is a fault of its own.
    """
    tasks = parse(text_of(stream, encoding))
    for number, item in enumerate(array(tasks, 0, "The file"), 1):
        try:
            task = mapping(item, number, "A task")
            yield from _task(task, number) if "data" in task else _short(task, number)
        except FormatError as error:
            yield error


def _task(task: Mapping[str, Any], number: int) -> Iterator[Row]:
    data = mapping(task["data"], number, "“data”")
    audio = _audio(data, number)
    language = words_of(data.get("language"))
    heard = _regions(_last(task.get("predictions"), number), number)
    annotations = [
        one
        for one in _objects(task.get("annotations") or task.get("completions"), number)
        if not one.get("was_cancelled")
    ]
    written = _regions(annotations[-1] if annotations else None, number)
    if not heard and not written:
        yield Row(audio=audio, language=language, metadata=_rest(data), line=number)
    for name, region in _in_time(heard | written):
        machine, person = heard.get(name), written.get(name)
        yield Row(
            audio=audio,
            start_ms=region.start_ms,
            end_ms=region.end_ms,
            text=machine.text if machine else "",
            correction=person.text if person else None,
            speaker=region.speaker,
            language=language,
            id="" if name.startswith(MARK) else name,
            metadata=_rest(data),
            line=number,
        )


def _short(task: Mapping[str, Any], number: int) -> Iterator[Row]:
    value = next((task[key] for key in TEXT_KEYS if key in task), "")
    yield Row(audio=_audio(task, number), text="", correction=_text(value), line=number)


def _audio(data: Mapping[str, Any], number: int) -> str:
    for key in AUDIO_KEYS:
        if isinstance(data.get(key), str) and data[key]:
            return str(data[key])
    raise FormatError("malformed", "The task names no audio: “data.audio” is missing.", number)


def _rest(data: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in data.items() if key not in (*AUDIO_KEYS, "language")}


def _objects(value: object, number: int) -> list[Mapping[str, Any]]:
    items = array(value or [], number, "A list of annotations")
    # A prediction may be given as its number alone.
    return [item for item in items if isinstance(item, dict)]


def _last(value: object, number: int) -> Mapping[str, Any] | None:
    found = _objects(value, number)
    return found[-1] if found else None


def _regions(annotation: Mapping[str, Any] | None, number: int) -> Regions:
    regions: Regions = {}
    for index, item in enumerate(array((annotation or {}).get("result") or [], number, "“result”")):
        part = mapping(item, number, "A region")
        value = part.get("value")
        if not isinstance(value, dict):
            continue  # a relation between regions
        region = regions.setdefault(words_of(part.get("id")) or f"{MARK}{index + 1}", _Region())
        if value.get("start") is not None and value.get("end") is not None:
            region.start_ms, region.end_ms = span(
                milliseconds(value["start"], number, "start"),
                milliseconds(value["end"], number, "end"),
                number,
            )
        if "text" in value:
            region.text = _text(value["text"])
        labels = value.get("labels")
        if isinstance(labels, list) and labels:
            region.speaker = words_of(labels[0])
    return regions


def _text(value: object) -> str:
    if isinstance(value, dict):
        return _text(value.get("text"))
    if isinstance(value, list):
        return "\n".join(words_of(part) for part in value)
    return words_of(value)


def _in_time(regions: Regions) -> list[tuple[str, _Region]]:
    return sorted(regions.items(), key=lambda item: (item[1].start_ms or 0, item[1].end_ms or 0))


def hold_label_studio(row: Row) -> Row:
    """Give the row as a region holds it: all but its words."""
    return Row(
        audio=row.audio,
        start_ms=row.start_ms,
        end_ms=row.end_ms,
        text=row.text,
        correction=row.correction,
        speaker=row.speaker,
        language=row.language,
        id=row.id,
        metadata={key: value for key, value in row.metadata.items() if key not in (*AUDIO_KEYS, "language")},
    )


def label_studio_task(rows: Sequence[Row], model: str = "") -> str:
    """Write one task of the rows of one recording; `model` is who made the predictions.

    Rows need the same recording, language and metadata; one without an id gets one that reading leaves out
    again. A file of tasks is `[`, the tasks with a comma between two, and `]`.
    """
    rows = [row if row.id else replace(row, id=f"{MARK}{number}") for number, row in enumerate(rows, 1)]
    first = rows[0]
    data = {
        "audio": first.audio,
        **({"language": first.language} if first.language else {}),
        **first.metadata,
    }
    heard = [part for row in rows if row.text or row.correction is None for part in _result(row, row.text)]
    written = [part for row in rows if row.correction is not None for part in _result(row, row.correction)]
    task: dict[str, Any] = {"data": data}
    if written:
        task["annotations"] = [{"result": written}]
    if heard:
        task["predictions"] = [{"model_version": model, "result": heard}]
    return dump(task)


def _result(row: Row, text: str) -> Iterator[dict[str, Any]]:
    place: dict[str, Any] = {}
    if row.start_ms is not None and row.end_ms is not None:
        place = {"start": row.start_ms / 1000, "end": row.end_ms / 1000, "channel": 0}
    common = {"id": row.id, "to_name": "audio"}
    labels = {"labels": [row.speaker] if row.speaker else []}
    yield {**common, "from_name": "labels", "type": "labels", "value": {**place, **labels}}
    yield {**common, "from_name": "transcription", "type": "textarea", "value": {**place, "text": [text]}}


def write_label_studio(tasks: Iterable[Sequence[Row]], model: str = "") -> Iterator[str]:
    """Yield a file of tasks in pieces, one for the rows of each recording."""
    mark = "[\n"
    for rows in tasks:
        if rows:
            yield mark + label_studio_task(rows, model)
            mark = ",\n"
    yield "[]\n" if mark == "[\n" else "\n]\n"
