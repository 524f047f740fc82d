"""Prepare recordings: claim one, decode it in one caged FFmpeg pass, cut it, queue its windows."""

from __future__ import annotations

import errno
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from annotation import presence, storage
from annotation.conf import conf
from annotation.services import recordings
from annotation.services.recordings import ClaimedRecording
from transcription.audio import prepare
from transcription.errors import DecoderUnavailable, MediaRejected, Stopped
from transcription.types import MediaLimits, Prepared
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


def _decode(claimed: ClaimedRecording, keeper: Keeper, on_progress: Callable[[int], None]) -> Prepared:
    _remove_leftovers(storage.recording_dir(claimed.id))
    full = False

    def should_stop() -> bool:
        nonlocal full
        full = _disk_is_full()
        return full or keeper.lost or shutdown.asked()

    if _disk_is_full():
        raise DiskFull
    try:
        return _caged(claimed, should_stop, on_progress)
    except Stopped:
        if full:
            raise DiskFull from None
        raise


def _caged(
    claimed: ClaimedRecording, should_stop: Callable[[], bool], on_progress: Callable[[int], None]
) -> Prepared:
    settings = conf()
    return prepare(
        storage.original_path(claimed.id),
        storage.wav_path(claimed.id),
        storage.peaks_path(claimed.id),
        limits=MediaLimits(
            max_duration_ms=settings.max_duration_s * 1000,
            memory_bytes=settings.media_memory_bytes,
            cpu_seconds=settings.media_cpu_s,
        ),
        on_progress=on_progress,
        should_stop=should_stop,
        ffmpeg=Path(settings.ffmpeg) if settings.ffmpeg else None,
    )


def _disk_is_full() -> bool:
    return storage.free_bytes() < conf().free_space_floor_bytes


def _is_lost(claimed: ClaimedRecording) -> bool:
    """Tell whether the uploaded file alone is gone, and not the disk with it."""
    recordings_dir = storage.recording_dir(claimed.id).parent
    return recordings_dir.is_dir() and not storage.original_path(claimed.id).exists()


def _remove_leftovers(folder: Path) -> None:
    """Remove what a killed worker left; a paused one that wakes up finds its part gone and gives up."""
    for part in folder.glob(".*.part"):
        part.unlink(missing_ok=True)


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
