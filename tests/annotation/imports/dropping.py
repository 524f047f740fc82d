"""Drop files, run the jobs of an import as a worker does, and prepare its audio: for tests of imports."""

from __future__ import annotations

import hashlib
import io
import wave
import zipfile
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from annotation import storage
from annotation.models import Import, ImportRow, Recording, User
from annotation.services import filejobs, imports, recordings
from annotation.services.cuts import cutting_for
from annotation.services.imports import receiving
from annotation.services.multipart import Arrived, Received
from annotation.services.recordings import StoredFile
from annotation.states import ImportRowState
from transcription.audio import prepare
from transcription.errors import MediaRejected


def sound(seconds: float = 5.0, *, rate: int = 8000, pitch: int = 0, width: int = 2) -> bytes:
    """Make a WAV of `width` bytes a sample; `pitch` makes its bytes differ from another's."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(width)
        file.setframerate(rate)
        high, low = 300 + pitch, -300 - pitch
        wave_ = high.to_bytes(2, "little", signed=True) + low.to_bytes(2, "little", signed=True)
        frame = wave_ if width == 2 else bytes([140 + pitch % 100, 116])
        file.writeframes(frame * int(seconds * rate / 2))
    return out.getvalue()


def packed(files: Mapping[str, bytes]) -> bytes:
    """Make a ZIP."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as package:
        for name, data in files.items():
            package.writestr(name, data)
    return out.getvalue()


def received(files: Mapping[str, bytes]) -> Received:
    """Put files where those of a request lie."""
    found = Received()
    for name, data in files.items():
        path = storage.upload_path(uuid4())
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        found.files.append(Arrived(name, StoredFile(path, hashlib.sha256(data).hexdigest(), len(data))))
    return found


def ticking(claimed: filejobs.ClaimedJob) -> filejobs.Tick:
    """Return how a job says how far it is."""

    def tick(done: int, total: int, phase: str = "") -> None:
        if not filejobs.tick(claimed, done, total, phase=phase):
            raise filejobs.Lost

    return tick


def work() -> int:
    """Do the file jobs that wait as a worker does; return how many."""
    done = 0
    while (claimed := filejobs.claim_next(worker="w")) is not None:
        try:
            imports.run(claimed, ticking(claimed))
        except Exception as error:
            code, message, final = filejobs.describe(error)
            if not final:
                raise
            filejobs.fail(claimed, code=code, message=message, final=True)
        else:
            assert filejobs.finish(claimed)
        done += 1
    return done


def prepare_all() -> None:
    """Prepare the recordings that wait, in this transaction."""
    while (claimed := recordings.claim_next(worker="w")) is not None:
        recording = Recording.objects.select_related("project").get(pk=claimed.id)
        try:
            made = prepare(
                storage.original_path(claimed.id),
                storage.wav_path(claimed.id),
                storage.peaks_path(claimed.id),
                cutting=cutting_for(recording),
            )
        except MediaRejected as error:
            assert recordings.reject(claimed, code=error.code, message=error.message)
        else:
            assert recordings.finish_preparation(claimed, made)


def check(
    user: User,
    project: Any,
    files: Mapping[str, bytes],
    *,
    answers: Any = None,
    after: Any = None,
    **options: Any,
) -> Import:
    """Drop files and check them; answer what is asked."""
    parent = receiving.begin(
        user=user, project=project, received=received(files), options=options, after=after
    )
    work()
    parent.refresh_from_db()
    if answers:
        receiving.change(user=user, parent=parent, answers=answers)
        work()
        parent.refresh_from_db()
    return parent


def finish(user: User, parent: Import) -> Import:
    """Import what was checked, and prepare its audio."""
    receiving.start(user=user, parent=parent)
    work()
    prepare_all()
    parent.refresh_from_db()
    return parent


def bring(user: User, project: Any, files: Mapping[str, bytes], **how: Any) -> Import:
    """Drop, check and import."""
    return finish(user, check(user, project, files, **how))


def faults_of(parent: Import) -> dict[int, list[str]]:
    """Return the codes of each faulty row, by line; fails where a line is named twice."""
    rows = list(ImportRow.objects.filter(parent=parent, state=ImportRowState.FAULTY))
    found = {row.line: [code for code, _ in row.faults] for row in rows}
    assert len(found) == len(rows)
    assert all(message for row in rows for _, message in row.faults)
    return found


def table(*rows: str) -> bytes:
    """Make a CSV of lines."""
    return ("\r\n".join(rows) + "\r\n").encode()
