"""One short line a message, with nothing in it that opens a door."""

from __future__ import annotations

import logging
import re

SECRET_PARTS = (
    # user:password@host in an address
    (re.compile(r"(?<=://)([^/\s:@]*):[^/\s@]+@"), r"\1:***@"),
    (
        re.compile(r"(?i)\b(bearer|token|authorization)([\s:=]+(?:bearer\s+)?)[A-Za-z0-9._~+/=-]{8,}"),
        r"\1\2***",
    ),
    (
        re.compile(
            r"(?i)\b(password|passwd|secret(?:_key)?|csrftoken|sessionid)(['\"]?\s*[:=]\s*['\"]?)[^\s'\",;&]+"
        ),
        r"\1\2***",
    ),
)


def redact(text: str) -> str:
    """Return `text` without passwords, tokens and keys."""
    for pattern, replacement in SECRET_PARTS:
        text = pattern.sub(replacement, text)
    return text


class Redact(logging.Filter):
    """Remove secrets from a record's message before any handler sees it."""

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        clean = redact(message)
        if clean != message:
            record.msg, record.args = clean, None
        return True


class Line(logging.Formatter):
    """Write `time LEVEL logger: message`, on one line, with tracebacks redacted as well."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S%z")

    def format(self, record: logging.LogRecord) -> str:
        # A line break in a message would let a client forge the next line.
        record = logging.makeLogRecord(record.__dict__)
        record.msg = record.getMessage().replace("\r", "\\r").replace("\n", "\\n")
        record.args = None
        return super().format(record)

    def formatException(self, ei: object) -> str:  # noqa: N802 - the name logging calls
        return redact(super().formatException(ei))  # type: ignore[arg-type]
