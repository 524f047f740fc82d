"""From bytes to text and lines, bounded; and what a format leaves of a text.

Nothing is guessed about an encoding: a wrong guess is silent damage. UTF-8 and whatever has a byte order
mark is read; for the rest the caller names the encoding.
"""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterator
from typing import Any, BinaryIO, Final

from transcription.formats.rows import FormatError

MAX_BYTES: Final = 24 << 20
"""The largest file that is held in memory as a whole: 40 hours of subtitles, 10 hours of words as JSON."""
MAX_LINE: Final = 1 << 20
"""The longest line of a file that is read line by line, in characters."""

MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def text_of(stream: BinaryIO, encoding: str | None = None) -> str:
    """Read all of a stream as text with `\\n` line ends.

    Raises FormatError when it is larger than MAX_BYTES, holds NUL, or is not in the encoding.
    """
    data = stream.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise FormatError(
            "too_large", f"The file is larger than {MAX_BYTES >> 20} MiB. Split it by recording."
        )
    try:
        text = data.decode(encoding or encoding_of(data[:4]))
    except (UnicodeError, LookupError) as error:
        raise _undecodable(error, data) from error
    if "\0" in text:
        raise FormatError(
            "malformed",
            "The file holds NUL characters: it is no text.",
            text[: text.index("\0")].count("\n") + 1,
        )
    return text.replace("\r\n", "\n").replace("\r", "\n")


def lines_of(stream: BinaryIO, encoding: str | None = None) -> Iterator[tuple[int, str]]:
    """Yield (line number from 1, line without its end), holding one line at a time.

    Raises FormatError at a line over MAX_LINE characters, with NUL, or not in the encoding.
    """
    head = stream.read(4)
    wrapped = io.TextIOWrapper(joined(head, stream), encoding or encoding_of(head), newline=None)
    number = 0
    try:
        while line := wrapped.readline(MAX_LINE + 1):
            number += 1
            if len(line) > MAX_LINE:
                raise FormatError("too_large", f"The line is longer than {MAX_LINE:,} characters.", number)
            if "\0" in line:
                raise FormatError("malformed", "The line holds NUL characters: it is no text.", number)
            yield number, line.removesuffix("\n")
    except (UnicodeError, LookupError) as error:
        raise _undecodable(error, b"", number + 1) from error
    finally:
        wrapped.detach()


def encoding_of(head: bytes) -> str:
    """Name the encoding that the first bytes of a file announce; UTF-8 where they announce none."""
    return next((name for mark, name in MARKS if head.startswith(mark)), "utf-8")


def _undecodable(error: Exception, data: bytes, line: int = 0) -> FormatError:
    if isinstance(error, LookupError):
        return FormatError("encoding", f"There is no encoding of this name ({error}).")
    if isinstance(error, UnicodeDecodeError) and data:
        line = data.count(b"\n", 0, error.start) + 1
    return FormatError(
        "encoding",
        "The file is not UTF-8 from here on. Save it as UTF-8, or say which encoding it is in.",
        line,
    )


def joined(head: bytes, rest: BinaryIO) -> io.BufferedReader:
    """Give a stream of bytes that were read already and of the rest of where they came from.

    For streams that can't go back, such as the member of an archive.
    """
    return io.BufferedReader(_Joined(head, rest))


class _Joined(io.RawIOBase):
    def __init__(self, head: bytes, rest: BinaryIO) -> None:
        self._head = head
        self._rest = rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._head[: len(buffer)] or self._rest.read(len(buffer))
        self._head = self._head[len(buffer) :]
        buffer[: len(data)] = data
        return len(data)


# What str.splitlines() breaks at, and the tab: each would break a line or a column of some reader.
BREAKS: Final = re.compile("[\t\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029]+")
# What XML 1.0 can't hold in any spelling.
UNFIT_FOR_XML: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def cue(text: str) -> str:
    """Give a text as a subtitle can hold it.

    A blank line would end the cue, and `-->` would look like its times to many players.
    """
    return "\n".join(part.strip() for part in text.splitlines() if part.strip()).replace("-->", "->")


def one_line(text: str) -> str:
    """Give a text as one line without tabs: breaks become a space."""
    return BREAKS.sub(" ", text).strip()


def tokens(text: str) -> str:
    """Give a text as words with one space between them, as the formats of scoring and of Kaldi hold it."""
    return " ".join(text.split())


def token(text: str, default: str) -> str:
    """Give a name as one word: white space becomes an underscore; `default` where nothing is left."""
    return "_".join(text.split()) or default
