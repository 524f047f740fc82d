"""Prepare recordings: claim one, decode it in one caged FFmpeg pass, cut it, queue its windows."""

from __future__ import annotations

import errno
import logging
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from annotation import presence, storage
from annotation.conf import conf
from annotation.models import Recording
from annotation.services import recordings
from annotation.services.cuts import cutting_for
from annotation.services.recordings import ClaimedRecording
from transcription.audio import prepare
from transcription.errors import DecoderUnavailable, MediaRejected, Stopped
from transcription.tracks import Settled
from transcription.types import ChannelSpan, MediaLimits, Prepared
from transcription.wav import part_path, whole_path
from workers import shutdown
from workers.database import AWAY, first_line, patiently
from workers.keeper import Keeper
from workers.process import doing, me
from workers.queues import AUDIO
from workers.shunned import shunned

log = logging.getLogger(__name__)

REPORT_EVERY_S: Final = 1.0
"""Progress is written at most so often."""
PUT_BACK_S: Final = 240.0
"""How long a recording waits that the machine could not prepare.

Longer than a worker rests after such a fault: one bad place on a disk must not keep it from the recordings
behind it."""
STORE_EVERY_S: Final = 0.5
"""The first segments of a recording are stored at once, those that follow at most so often."""
LEFT: Final = "left"
"""Tag of the sound that a killed preparation left."""
FULL: Final = "The disk of the media is nearly full: free some space, and this goes on by itself."


class DiskFull(Exception):
    """Say that the media disk has less free space than the floor; what PostgreSQL needs may lie there too."""


def prepare_waiting(budget_s: float, ring: Callable[[], object]) -> bool:
    """Prepare recordings until none waits, `budget_s` has passed or a stop is asked.

    Returns whether more may wait. `ring` is called once when there is enough work to wake a colleague.
    After a fault of this machine nothing is claimed here for a while.
    """
    if AUDIO in shunned.names:
        return False
    deadline = time.monotonic() + budget_s
    rung = False
    while not shutdown.asked():
        claimed = patiently(lambda: recordings.claim_next(worker=me.name))
        if claimed is None:
            return False
        if not rung:
            rung = True
            ring()
        with doing(f"prepares recording {claimed.id}"):
            _prepare(claimed)
        if time.monotonic() > deadline or AUDIO in shunned.names:
            break
    return True


def _prepare(claimed: ClaimedRecording) -> None:
    percent = 0

    def on_progress(value: int) -> None:
        nonlocal percent
        percent = value
        keeper.report()

    keeper = Keeper(
        renew=lambda: recordings.renew(claimed, percent),
        give_up=lambda sentence: recordings.fail_preparation(claimed, code="timed_out", message=sentence),
        hand_back=lambda: recordings.hand_back(claimed),
        report_every_s=REPORT_EVERY_S,
    )
    with keeper:
        try:
            # FFmpeg has clocks of its own (MediaLimits); this bound is for what they do not see.
            with keeper.watching(10.0 * conf().claim_s):
                made = _decode(claimed, keeper, on_progress)
                keeper.moved()
        except MediaRejected as error:
            log.info("recording %s rejected: %s (%s)", claimed.id, error.code, error.detail)
            code, message = error.code, error.message
            patiently(lambda: recordings.reject(claimed, code=code, message=message))
        except Stopped:
            patiently(lambda: recordings.hand_back(claimed))
        except AWAY:
            raise
        except DecoderUnavailable as error:
            log.warning("recording %s not prepared: %s %s", claimed.id, error.message, error.how_to)
            _put_back(claimed, error.code, f"{error.message} {error.how_to}".strip())
        except DiskFull:
            # Not shunned: the next recordings are put back as quickly, and each then says what it waits for.
            log.warning("recording %s not prepared: %s", claimed.id, FULL)
            me.trouble = FULL
            _put_back(claimed, "disk_full", FULL, shun=False)
        except MemoryError:
            _fail(claimed, "out_of_memory", "The worker ran out of memory while it prepared this file.")
        except OSError as error:
            log.exception("recording %s not prepared", claimed.id)
            cause = f"The media disk could not be read or written: {error.strerror or error}."
            if _is_lost(claimed):
                _fail(claimed, "storage", cause)
            elif error.errno in (errno.ENOSPC, errno.EDQUOT):
                me.trouble = cause
                _put_back(claimed, "disk_full", FULL, shun=False)
            else:
                _put_back(claimed, "storage", cause)
        except Exception as error:
            log.exception("recording %s not prepared", claimed.id)
            _fail(claimed, "prepare_failed", f"{type(error).__name__}: {first_line(error)}")
        else:
            me.trouble = shunned.trouble
            kept = patiently(lambda: recordings.finish_preparation(claimed, made))
            if not kept:
                log.warning("recording %s was prepared too late; another worker has it", claimed.id)
            presence.count({"prepared": int(kept), "fenced_recordings": int(not kept)})


class _Storing:
    """Stores segments while their recording is still being decoded, a few transactions in all."""

    def __init__(self, claimed: ClaimedRecording, keeper: Keeper) -> None:
        self._claimed, self._keeper = claimed, keeper
        self._waiting: list[ChannelSpan] = []
        self._not_before = 0.0

    def __call__(self, settled: Settled) -> None:
        """Take what became certain; raises Stopped where the claim is gone."""
        self._waiting += settled.segments
        now = time.monotonic()
        if now < self._not_before:
            return
        spans, self._waiting = self._waiting, []
        ours = patiently(
            lambda: recordings.add_segments(self._claimed, spans, settled.settled_ms, layout=settled.layout)
        )
        if not ours:
            raise Stopped
        self._keeper.moved()
        self._not_before = time.monotonic() + STORE_EVERY_S


def _decode(claimed: ClaimedRecording, keeper: Keeper, on_progress: Callable[[int], None]) -> Prepared:
    folder = storage.recording_dir(claimed.id)
    _put_aside(folder)
    full = False

    def should_stop() -> bool:
        nonlocal full
        full = _disk_is_full()
        return full or keeper.lost or shutdown.asked()

    if _disk_is_full():
        raise DiskFull
    try:
        made = _caged(claimed, should_stop, on_progress, _Storing(claimed, keeper))
    except Stopped:
        if full:
            raise DiskFull from None
        raise
    except MediaRejected:
        _remove(folder.glob(part_path(folder / "*", LEFT).name))
        raise
    _remove(folder.glob(part_path(folder / "*", LEFT).name))
    return made


def _caged(
    claimed: ClaimedRecording,
    should_stop: Callable[[], bool],
    on_progress: Callable[[int], None],
    on_settled: Callable[[Settled], None],
) -> Prepared:
    settings = conf()
    recording = Recording.objects.select_related("project").get(pk=claimed.id)
    left, right = storage.wav_path(claimed.id, 1), storage.wav_path(claimed.id, 2)
    return prepare(
        storage.original_path(claimed.id),
        storage.wav_path(claimed.id),
        storage.peaks_path(claimed.id),
        channel_paths=(left, right) if recording.project.channels_apart else None,
        cutting=cutting_for(recording),
        limits=MediaLimits(
            max_duration_ms=settings.max_duration_s * 1000,
            memory_bytes=settings.media_memory_bytes,
            cpu_seconds=settings.media_cpu_s,
        ),
        on_progress=on_progress,
        on_settled=on_settled,
        should_stop=should_stop,
        ffmpeg=Path(settings.ffmpeg) if settings.ffmpeg else None,
        tag=f"claim-{claimed.claim}",
    )


def _disk_is_full() -> bool:
    return storage.free_bytes() < conf().free_space_floor_bytes


def _is_lost(claimed: ClaimedRecording) -> bool:
    """Tell whether the uploaded file alone is gone, and not the disk with it."""
    recordings_dir = storage.recording_dir(claimed.id).parent
    return recordings_dir.is_dir() and not storage.original_path(claimed.id).exists()


def _put_aside(folder: Path) -> None:
    """Put aside what a killed worker left; a paused one that wakes up finds its part gone and gives up.

    The longest of the sound stays readable under another name until this preparation has ended: segments of
    it are in the database, and their windows may be decoded meanwhile.
    """
    parts = sorted(folder.glob(".*.part"), key=lambda path: path.stat().st_size, reverse=True)
    for part in parts:
        whole = whole_path(part)
        aside = part_path(whole, LEFT) if whole is not None and whole.suffix == ".wav" else None
        if part == aside:
            continue
        if aside is not None and not (aside.exists() and aside.stat().st_size >= part.stat().st_size):
            part.replace(aside)
        else:
            part.unlink(missing_ok=True)


def _remove(paths: Iterable[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)


def _put_back(claimed: ClaimedRecording, code: str, message: str, *, shun: bool = True) -> None:
    """Let a recording wait with its attempts as they were: the machine is at fault, not the file."""
    ours = patiently(lambda: recordings.put_back(claimed, code=code, message=message, delay_s=PUT_BACK_S))
    presence.count({"put_back_preparations": int(ours)})
    if shun and ours:  # who slept past the claim finds its files gone, and that is no fault of the disk
        shunned.add(AUDIO, message)
        me.trouble = shunned.trouble


def _fail(claimed: ClaimedRecording, code: str, message: str) -> None:
    presence.count({"failed_preparations": 1})
    patiently(lambda: recordings.fail_preparation(claimed, code=code, message=message))
