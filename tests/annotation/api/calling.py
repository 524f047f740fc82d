"""Call the API as a person, in process."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

from asgiref.sync import async_to_sync
from django.http import StreamingHttpResponse
from django.test import Client

from annotation.models import User


class Answer:
    """One response, read whole."""

    def __init__(self, response: Any) -> None:
        self.response = response
        self.status: int = response.status_code
        self.headers = response.headers
        self.body: bytes = _whole(response)

    @property
    def json(self) -> Any:
        """Return the body's value."""
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """Return the code of an error, after checking that it has the one shape."""
        error = self.json["error"]
        assert set(error) == {"code", "message", "detail"}, error
        assert error["message"]
        return str(error["code"])

    @property
    def detail(self) -> Any:
        """Return the detail of an error."""
        return self.json["error"]["detail"]


class Caller:
    """Send requests as one person by session, or as nobody."""

    def __init__(self, person: User | None = None, *, token: str = "", csrf: bool = False) -> None:
        self.client = Client(raise_request_exception=False, enforce_csrf_checks=csrf)
        if person is not None:
            self.client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
        self.token = token

    def send(self, method: str, path: str, body: Any = None, **options: Any) -> Answer:
        """Send a request; a body that is not bytes goes as JSON."""
        headers = dict(options.pop("headers", {}))
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        content_type = options.pop("content_type", "application/json")
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        response = self.client.generic(
            method, path, data, content_type=content_type, headers=headers, **options
        )
        return Answer(response)

    def get(self, path: str, **options: Any) -> Answer:
        return self.send("GET", path, **options)

    def head(self, path: str, **options: Any) -> Answer:
        return self.send("HEAD", path, **options)

    def post(self, path: str, body: Any = None, **options: Any) -> Answer:
        return self.send("POST", path, body, **options)

    def patch(self, path: str, body: Any = None, **options: Any) -> Answer:
        return self.send("PATCH", path, body, **options)

    def put(self, path: str, body: Any = None, **options: Any) -> Answer:
        return self.send("PUT", path, body, **options)

    def delete(self, path: str, **options: Any) -> Answer:
        return self.send("DELETE", path, **options)

    def upload(self, path: str, *files: tuple[str, bytes], field: str = "file") -> Answer:
        """Send files as one multipart form."""
        boundary = "earmark-boundary"
        parts = [
            f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n'
            f"Content-Type: application/octet-stream\r\n\r\n".encode()
            + data
            + b"\r\n"
            for name, data in files
        ]
        body = b"".join(parts) + f"--{boundary}--\r\n".encode()
        return self.post(path, body, content_type=f"multipart/form-data; boundary={boundary}")


def _whole(response: Any) -> bytes:
    if not isinstance(response, StreamingHttpResponse):
        return bytes(response.content)
    content: Any = response.streaming_content
    if not response.is_async:
        return b"".join(content)

    async def read(parts: AsyncIterator[bytes]) -> bytes:
        return b"".join([part async for part in parts])

    return async_to_sync(read)(content)
