"""What services refuse, in words a person can act on.

Each error has a stable `code` for programs, a `message` that says what to do, an HTTP `status` that the
surfaces use, and a `detail` of plain JSON values.
"""

from __future__ import annotations

from typing import Any


class AnnotationError(Exception):
    """Refuse something a person or a program asked for."""

    status = 400
    code = "invalid"

    def __init__(self, message: str, *, code: str | None = None, **detail: Any) -> None:
        super().__init__(message)
        self.message = message
        if code is not None:
            self.code = code
        self.detail: dict[str, Any] = detail


class Invalid(AnnotationError):
    """Refuse a value; `detail` maps field names to what was expected."""


class NotFound(AnnotationError):
    """Say that there is no such thing, or none that this person may know of."""

    status = 404
    code = "not_found"


class Denied(AnnotationError):
    """Refuse an action to a member whose role does not carry it."""

    status = 403
    code = "denied"


class Conflict(AnnotationError):
    """Refuse a move that the present state does not allow."""

    status = 409
    code = "conflict"


class StaleRevision(AnnotationError):
    """Refuse a save whose base revision is no longer current; `detail` carries both texts."""

    status = 409
    code = "stale_revision"


class Duplicate(AnnotationError):
    """Say that the same audio is already in the project; `detail` names the recording."""

    status = 409
    code = "duplicate_recording"


class Locked(AnnotationError):
    """Refuse a change of a finished row; `detail` says who locked it and when."""

    status = 423
    code = "locked"


class Leased(AnnotationError):
    """Refuse a change while somebody else is editing; `detail` names the holder and the expiry."""

    status = 423
    code = "leased"


class Gone(AnnotationError):
    """Say that something existed and has ended for good."""

    status = 410
    code = "gone"


class Reshaped(AnnotationError):
    """Say that other segments took this one's place; `detail` names them and carries its last text."""

    status = 410
    code = "reshaped"


class TooLarge(AnnotationError):
    """Refuse more bytes than the limits allow."""

    status = 413
    code = "too_large"


class UnsupportedFile(AnnotationError):
    """Refuse a file that can never become a recording."""

    status = 415
    code = "unsupported_file"


class NoSpace(AnnotationError):
    """Refuse new bytes because the disk is nearly full; nothing was stored."""

    status = 507
    code = "no_space"
