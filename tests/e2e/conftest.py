"""A real Chromium, and people who sign in with it."""

from __future__ import annotations

import os
import re
import shutil
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.waiting import PATIENCE_S

if TYPE_CHECKING:
    from playwright.sync_api import (
        APIResponse,
        Browser,
        BrowserContext,
        ConsoleMessage,
        Dialog,
        Page,
        Route,
    )

ARGUMENTS: Final = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
)
ROOT: Final = Path(__file__).resolve().parents[2]

Opens = Callable[..., "Page"]


def until(page: Page, expression: str) -> None:
    """Wait until a JavaScript expression is true; asked through the debugger, which the page's CSP allows.

    A page that is just arriving has no body to be asked about; it is asked once it was read.
    """
    deadline = time.monotonic() + PATIENCE_S
    while not page.evaluate(f"document.readyState !== 'loading' && ({expression})"):
        if time.monotonic() > deadline:
            raise AssertionError(f"never true: {expression}")
        page.wait_for_timeout(30)


class Overtaken:
    """Keep the first answer from an address back until it is let go: later ones come before it."""

    def __init__(self, page: Page, address: re.Pattern[str], method: str = "") -> None:
        self._page = page
        self._method = method
        self._taken = False
        self._held: list[tuple[Route, APIResponse]] = []
        page.route(address, self._hold)

    def _hold(self, route: Route) -> None:
        if self._taken or self._method not in ("", route.request.method):
            route.continue_()
        else:
            self._taken = True
            self._held.append((route, route.fetch()))

    def wait(self) -> None:
        """Wait until the site has answered; the page is not told yet."""
        deadline = time.monotonic() + PATIENCE_S
        while not self._held:
            assert time.monotonic() < deadline, "nothing was asked"
            self._page.wait_for_timeout(20)

    def let_go(self) -> None:
        """Give the old answer to the page, and return once it has dealt with it."""
        route, answer = self._held[0]
        with self._page.expect_event("requestfinished", lambda request: request == route.request):
            route.fulfill(response=answer)
        self._page.evaluate("() => new Promise(done => setTimeout(done))")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Run Chromium; without one these tests are skipped, and said so loudly."""
    found = os.environ.get("EARMARK_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        message = "NO CHROMIUM: the pages were NOT tested in a browser. Install `chromium` to run them."
        warnings.warn(message, ResourceWarning, stacklevel=1)
        pytest.skip(message)
    if not (ROOT / "workbench" / "dist" / "manifest.json").is_file():
        pytest.skip("NO BUNDLE: run `npm ci && npm run build` in workbench/ (make does).")
    sync_api = pytest.importorskip("playwright.sync_api", reason="NO PLAYWRIGHT: the pages were NOT tested")
    # Its event loop lives in this thread; the database calls that tests make between are meant to be there.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=found, args=list(ARGUMENTS))
        yield chromium
        chromium.close()


@pytest.fixture
def people(committed_db: None) -> Any:
    """Return the cast, committed, so that the site sees it."""
    from tests.personas import make_cast

    return make_cast()


@pytest.fixture
def opens(site: str, people: Any, browser: Browser) -> Iterator[Opens]:
    """Return a function that signs a person in with a browser of their own: `opens("manager", "/")`.

    Every page fails its test on a script error, and on an alert, which only a payload would open.
    """
    from tests.personas import PASSWORD

    contexts: list[BrowserContext] = []
    troubles: list[str] = []

    def refuse(dialog: Dialog) -> None:
        if dialog.type == "beforeunload":  # the browser's own question, not a script's
            dialog.accept()
            return
        troubles.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def listen(said: ConsoleMessage) -> None:
        if "Content Security Policy" in said.text:
            troubles.append(f"{said.text} {said.location}")

    def open_as(name: str, path: str = "/", **options: Any) -> Page:
        context = browser.new_context(base_url=site, viewport={"width": 1280, "height": 860}, **options)
        contexts.append(context)
        context.set_default_timeout(PATIENCE_S * 1000)
        page = context.new_page()
        page.on("pageerror", lambda error: troubles.append(f"script error: {error}"))
        page.on("dialog", refuse)
        page.on("console", listen)
        page.goto("/login/")
        page.fill("#id_username", name)
        page.fill("#id_password", PASSWORD)
        page.click("button[type=submit]")
        page.wait_for_url(lambda address: "/login/" not in address)
        if path != "/":
            page.goto(path)
        return page

    yield open_as
    for context in contexts:
        context.close()
    assert not troubles, troubles
