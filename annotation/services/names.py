"""Make a client's file name safe to show, to store as data and to offer for download."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from annotation.errors import Invalid, UnsupportedFile

MAX_NAME: Final = 255

#: Joiners shape emoji and several scripts; every other invisible format character can only mislead.
KEPT_INVISIBLE: Final = frozenset("\u200c\u200d")

#: What a web server might run or a browser render in our origin. Files are stored without their
#: extension, but such a name has no business among recordings.
ACTIVE_EXTENSIONS: Final = frozenset(
    [
        "php",
        "phtml",
        "phar",
        "asp",
        "aspx",
        "jsp",
        "cgi",
        "pl",
        "py",
        "rb",
        "sh",
        "bat",
        "cmd",
        "ps1",
        "html",
        "htm",
        "xhtml",
        "svg",
        "js",
        "mjs",
        "wasm",
    ]
)

#: Device names that Windows refuses whatever follows the dot.
RESERVED: Final = re.compile(r"^(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)


def clean_name(raw: object) -> str:
    """Return the last part of a path-like name, readable and harmless; 1 to 255 characters.

    Raises Invalid when nothing is left, UnsupportedFile for names of scripts and pages.
    """
    if not isinstance(raw, str):
        raise Invalid("The file name must be a string.", name="a string")
    text = raw.encode("utf-8", "replace").decode("utf-8").replace("\\", "/")
    text = unicodedata.normalize("NFC", text.rsplit("/", 1)[-1])
    text = "".join(_shown(c) for c in text)
    text = " ".join(text.split()).strip(". ")
    if not text:
        raise Invalid("The file has no usable name; rename it and try again.", name="a file name")
    stem, dot, extension = text.rpartition(".")
    if dot and extension.lower() in ACTIVE_EXTENSIONS:
        raise UnsupportedFile(
            f"Files named .{extension.lower()} are not recordings; rename it if it really is audio.",
            extension=extension.lower(),
        )
    if len(text) > MAX_NAME:
        keep = MAX_NAME - len(extension) - 2
        text = f"{stem[:keep]}….{extension}" if dot and keep > 0 and len(extension) < 20 else text[:MAX_NAME]
    return text


def download_name(name: str, suffix: str = "") -> str:
    """Return a file name that every system can store, from a name that was cleaned before."""
    text = re.sub(r'[<>:"/\\|?*%\x00-\x1f\x7f]', "_", name)
    if RESERVED.match(text):
        text = f"_{text}"
    return f"{text}{suffix}"


def _shown(character: str) -> str:
    category = unicodedata.category(character)
    if category == "Cf":
        return character if character in KEPT_INVISIBLE else ""
    if category in ("Cc", "Zl", "Zp"):
        return " "
    return "\ufffd" if category in ("Cs", "Co", "Cn") else character
