"""Request bodies on a running site: bounded in size and time, and never spooled where they need not be."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from annotation.conf import MIB
from annotation.models import Recording, Upload
from tests.annotation.api.online import session, token_of
from tests.personas import Cast, make_cast
from tests.waiting import until

#: A boundary that random bytes do not hold.
BOUNDARY = "a-boundary-longer-than-chance"
FORM = f"multipart/form-data; boundary={BOUNDARY}"
FORM_TOP = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="big.wav"\r\n\r\n'.encode()
FORM_END = f"\r\n--{BOUNDARY}--\r\n".encode()


@pytest.fixture
def people(committed_db: None) -> Cast:
    return make_cast()


@contextmanager
def line(site: str) -> Iterator[socket.socket]:
    """Open a bare connection to the site."""
    host = urlsplit(site)
    with socket.create_connection((host.hostname or "", host.port or 0), timeout=60) as opened:
        yield opened


def head(site: str, method: str, path: str, token: str = "", **headers: str) -> bytes:
    """Return the head of a request."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {urlsplit(site).netloc}"]
    if token:
        lines.append(f"Authorization: Bearer {token}")
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def answer(opened: socket.socket) -> tuple[int, bytes]:
    """Read one response; return its status and body."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = opened.recv(65536)
        if not part:
            raise AssertionError(f"no answer: {data!r}")
        data += part
    top, _, body = data.partition(b"\r\n\r\n")
    length = next(
        (int(row.split(b":")[1]) for row in top.split(b"\r\n") if row.lower().startswith(b"content-length:")),
        0,
    )
    while len(body) < length:
        body += opened.recv(65536)
    return int(top.split()[1]), body


def resident(pid: int) -> int:
    """Return the memory a process holds now, in bytes."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.parametrize(
    ("method", "path", "length"),
    [
        ("PATCH", "/api/segments/1/", 13 * MIB),
        ("POST", "/api/auth/token/", 10 * 1024**4),
        ("POST", "/login/", 13 * MIB),
        ("POST", "/api/projects/1/recordings/", 10 * 1024**4),
        ("PATCH", "/api/uploads/00000000-0000-4000-8000-000000000000/", 8 * MIB + 1),
        ("POST", "/nothing-at-all", 13 * MIB),
    ],
)
def test_a_body_announced_as_too_large_is_refused_before_it_is_sent(
    people: Cast, site: str, method: str, path: str, length: int
) -> None:
    with line(site) as opened:
        opened.sendall(head(site, method, path, Content_Length=str(length), Content_Type="text/plain"))
        status, body = answer(opened)
    assert status == 413
    assert json.loads(body)["error"]["code"] == "too_large"


def test_a_body_that_grows_without_saying_so_is_cut_off(
    people: Cast, site_process: Callable[..., Any]
) -> None:
    site, process = site_process()
    before = resident(process.pid)
    block = b"%x\r\n" % MIB + b"x" * MIB + b"\r\n"
    sent = 0
    with line(site) as opened:
        opened.sendall(head(site, "POST", "/api/auth/token/", Transfer_Encoding="chunked"))
        opened.settimeout(10)
        try:
            for _ in range(200):
                opened.sendall(block)
                sent += 1
        except OSError:
            pass  # refused: this is what is tested
    assert sent < 60
    assert resident(process.pid) - before < 60 * MIB


def test_a_stranger_with_a_large_file_is_refused_unread(people: Cast, site: str) -> None:
    with line(site) as opened:
        opened.sendall(
            head(
                site,
                "POST",
                f"/api/projects/{people.project.pk}/recordings/",
                Content_Length=str(10**9),
                Content_Type=FORM,
            )
        )
        status, body = answer(opened)
    assert (status, json.loads(body)["error"]["code"]) == (401, "not_authenticated")


@pytest.mark.parametrize(
    ("who", "method", "path", "kind", "megabytes", "code"),
    [
        ("outsider", "POST", "/api/projects/{project}/recordings/", FORM, 8, "not_found"),
        ("", "POST", "/api/projects/{project}/imports/", FORM, 8, "not_authenticated"),
        ("manager", "PATCH", "/api/uploads/{upload}/", "text/plain", 8, "unsupported_media_type"),
        ("manager", "PATCH", "/api/uploads/{upload}/", "text/plain", 9, "too_large"),
        ("manager", "POST", "/login/", "text/plain", 14, "too_large"),
    ],
)
def test_whoever_is_refused_in_the_middle_of_a_body_can_read_why(
    people: Cast, site: str, who: str, method: str, path: str, kind: str, megabytes: int, code: str
) -> None:
    """A client like a browser's looks for the answer only when all is sent."""
    with session(site, people.manager) as client:
        tus = {"Tus-Resumable": "1.0.0", "Upload-Length": "9", "Upload-Metadata": "filename YS53YXY="}
        made = client.post(f"/api/projects/{people.project.pk}/uploads/", headers=tus)
    upload = made.headers["Location"].rstrip("/").rpartition("/")[2]
    token = token_of(people.named(who)) if who else ""
    with line(site) as opened:
        opened.sendall(
            head(
                site,
                method,
                path.format(project=people.project.pk, upload=upload),
                token,
                Content_Length=str(megabytes * MIB),
                Content_Type=kind,
                Tus_Resumable="1.0.0",
                Upload_Offset="0",
            )
        )
        for _ in range(megabytes):
            opened.sendall(b"x" * MIB)
            time.sleep(0.01)  # as a line does it; all at once would lie in the buffers before the answer
        _, body = answer(opened)
    assert json.loads(body)["error"]["code"] == code


def test_a_chunk_cut_off_in_the_middle_keeps_what_arrived(people: Cast, site: str) -> None:
    """Where Django reads the body first, all of it would be lost."""
    with session(site, people.manager) as client:
        made = client.post(
            f"/api/projects/{people.project.pk}/uploads/",
            headers={
                "Tus-Resumable": "1.0.0",
                "Upload-Length": str(4 * MIB),
                "Upload-Metadata": "filename YS53YXY=",
            },
        )
        path = urlsplit(made.headers["Location"]).path
        token = token_of(people.manager)
        with line(site) as opened:
            opened.sendall(
                head(
                    site,
                    "PATCH",
                    path,
                    token,
                    Content_Length=str(4 * MIB),
                    Content_Type="application/offset+octet-stream",
                    Tus_Resumable="1.0.0",
                    Upload_Offset="0",
                )
            )
            opened.sendall(b"a" * (3 * MIB))
            time.sleep(0.3)

        def received() -> int:
            return int(client.head(path, headers={"Tus-Resumable": "1.0.0"}).headers["Upload-Offset"])

        until(received)
        offset = received()
        assert 0 < offset <= 3 * MIB
        last = client.patch(
            path,
            content=b"a" * (4 * MIB - offset),
            headers={
                "Tus-Resumable": "1.0.0",
                "Upload-Offset": str(offset),
                "Content-Type": "application/offset+octet-stream",
            },
        )
    assert last.status_code == 204
    assert Recording.objects.get().size_bytes == 4 * MIB


def test_files_by_form_stream_to_their_place(people: Cast, site_process: Callable[..., Any]) -> None:
    """Send 300 MB by one form: the process hardly grows, and nothing is spooled in the temporary folder."""
    site, process = site_process()
    size = 300 * MIB
    block = os.urandom(MIB)
    top, end = FORM_TOP, FORM_END
    token = token_of(people.manager)
    with session(site, people.manager) as client:
        client.get("/api/jobs/")
    before = resident(process.pid)
    most = spooled = 0
    with line(site) as opened:
        opened.sendall(
            head(
                site,
                "POST",
                f"/api/projects/{people.project.pk}/recordings/",
                token,
                Content_Length=str(size + len(top) + len(end)),
                Content_Type=FORM,
            )
        )
        opened.sendall(top)
        for number in range(size // MIB):
            try:
                opened.sendall(block)
            except OSError as error:
                raise AssertionError(f"cut off after {number} MiB: {process.output()[-4000:]}") from error
            if number % 20 == 0:
                most = max(most, resident(process.pid))
                spooled = max(spooled, _deleted_bytes(process.pid))
        opened.sendall(end)
        status, body = answer(opened)
    assert status == 201, body
    assert json.loads(body)["recordings"][0]["size_bytes"] == size
    assert most - before < 60 * MIB
    assert spooled < 20 * MIB
    assert not Upload.objects.exists()


def _deleted_bytes(pid: int) -> int:
    """Return how much a process holds in files without a name: what spooling uses."""
    total = 0
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            if str(entry.readlink()).endswith("(deleted)"):
                total += entry.stat().st_size
        except OSError:
            continue
    return total
