"""The review workbench in a real browser: how soon the next segment is there, a letter, a long recording."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import statistics
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmarks.report import Table, percentile

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from benchmarks.bench import Bench

ROOT: Final = Path(__file__).resolve().parent.parent
NEXT_MS: Final = 50.0
KEY_MS: Final = 16.0
BUNDLE_KB: Final = 60.0
BUILD_S: Final = 15.0
OPEN_S: Final = 1.5
PAINT_S: Final = 0.5
SEGMENTS: Final = 50
LONG_ROWS: Final = 5_000
HOURS: Final = 10

# Time is taken in the page, from the key to the laid-out result. A message, not a frame, is waited for
# between looks: a frame would round everything up to 16 ms.
BEAT: Final = """
  const beat = () => new Promise(done => {
    const line = new MessageChannel(); line.port1.onmessage = done; line.port2.postMessage(0); });
  const box = () => document.getElementById('text');
"""
NEXT: Final = f"""async () => {{ {BEAT}
  const now = () => document.querySelector('.wb-row.current')?.dataset.segment;
  const from = now();
  const press = () => box().dispatchEvent(new KeyboardEvent('keydown',
    {{code: 'Enter', key: 'Enter', bubbles: true, cancelable: true}}));
  let began = performance.now();
  press();
  await beat();
  if (now() === from) {{  // a warning that it was not heard: the second press goes on
    began = performance.now();
    press();
  }}
  const there = () => now() !== from && document.activeElement === box()
    && box().getAttribute('aria-busy') === 'false';
  for (let n = 0; !there(); n++) {{
    if (n > 20000) throw new Error('no next segment');
    await beat();
  }}
  void document.body.offsetHeight;
  return performance.now() - began;
}}"""
LETTER: Final = f"""async letter => {{ {BEAT}
  box().focus();
  const began = performance.now();
  box().dispatchEvent(new KeyboardEvent('keydown',
    {{code: 'KeyA', key: letter, bubbles: true, cancelable: true}}));
  document.execCommand('insertText', false, letter);
  await beat();
  void document.body.offsetHeight;
  return performance.now() - began;
}}"""
WATCH: Final = """
  window.watched = {};
  const look = () => {
    const box = document.getElementById('text');
    if (!window.watched.box && box && box.getAttribute('aria-busy') === 'false' && !box.disabled && box.value)
      window.watched.box = performance.now();
    const all = document.querySelector('.wb-total .figure')?.textContent.replace(/[^0-9]/g, '');
    if (!window.watched.all && Number(all) >= ROWS) window.watched.all = performance.now();
    if (!window.watched.all || !window.watched.box) setTimeout(look, 4);
  };
  look();
"""
SERVED: Final = """async address => {
  const began = performance.now();
  const answer = await fetch(address, {credentials: 'same-origin', cache: 'no-store'});
  await answer.arrayBuffer();
  if (!answer.ok) throw new Error(`${address}: ${answer.status}`);
  return performance.now() - began;
}"""


def run(bench: Bench) -> Table:
    """Work through segments in Chromium on the real site, and weigh and build what the page loads."""
    table = Table(
        "Workbench: in a real browser",
        ("", "median", "p95", "times"),
        how=(
            f"Chromium on the real site. A recording of {LONG_ROWS:,} segments is opened; {SEGMENTS} are "
            "decided with Enter, each from the key to the next text laid out and focused; letters are typed "
            f"into the box. Then a recording of {HOURS} hours. Times are taken in the page."
        ),
    )
    _weigh(table)
    _build(table)
    found = os.environ.get("EARMARK_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        found = None
    if found is None:
        for what in ("next segment", "a letter", f"{LONG_ROWS:,} segments", f"{HOURS} hours"):
            table.aim(what, "no Chromium, or no Playwright", None)
        return table
    _browse(bench, table, found, sync_playwright)
    return table


def _browse(bench: Bench, table: Table, chromium: str, sync_playwright: Any) -> None:
    platform = bench.platform
    from annotation.models import Membership
    from annotation.states import Role
    from tests import services
    from tests.e2e.conftest import ARGUMENTS
    from tests.e2e.long import HOUR_MS, make_long
    from tests.factories import make_project, make_user
    from tests.personas import PASSWORD

    rows = LONG_ROWS if bench.sizes.real else 60
    rounds = SEGMENTS if bench.sizes.real else 3
    project = make_project("Workbench")
    user = make_user("workbench", password=PASSWORD)
    Membership.objects.create(project=project, user=user, role=Role.ANNOTATOR)
    many = make_long(project, rows, rows * 3_600)
    long = make_long(project, rows, HOURS * HOUR_MS if bench.sizes.real else 60_000)
    port = services.free_port()
    site = services.start_site(port, services.HOME / "workbench-site.log", **platform.extra)
    # Playwright runs an event loop in this thread; the database is used between, not within, its calls.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=list(ARGUMENTS))
            page = browser.new_page(
                base_url=f"http://127.0.0.1:{port}", viewport={"width": 1280, "height": 860}
            )
            page.add_init_script(WATCH.replace("ROWS", str(rows)))
            page.goto("/login/")
            page.fill("#id_username", "workbench")
            page.fill("#id_password", PASSWORD)
            page.click("button[type=submit]")
            page.wait_for_url(lambda address: "/login/" not in address)
            _open(table, page, many.pk, rows, "segments")
            _next(table, page, rounds)
            _letters(table, page, 4 * rounds)
            _served(table, page, long.pk)
            browser.close()
    finally:
        site.stop()
        os.environ.pop("DJANGO_ALLOW_ASYNC_UNSAFE", None)


def _open(table: Table, page: Page, recording: int, rows: int, what: str) -> None:
    from tests.e2e.conftest import until

    boxes, lists = [], []
    for _ in range(5):
        page.goto(f"/recordings/{recording}/work/")
        until(page, "window.watched.box && window.watched.all")
        boxes.append(page.evaluate("window.watched.box") / 1000)
        lists.append(page.evaluate("window.watched.all") / 1000)
    table.add(f"{rows:,} {what}: the box can be typed into", *_seconds(boxes))
    table.add(f"{rows:,} {what}: all are in the list", *_seconds(lists))
    usable = max(statistics.median(boxes), statistics.median(lists))
    table.aim(
        f"{rows:,} segments interactive, median: at most {OPEN_S} s", f"{usable:.2f} s", usable <= OPEN_S
    )


def _next(table: Table, page: Page, rounds: int) -> None:
    taken = []
    for _ in range(rounds):
        page.wait_for_selector("#text:not([readonly])[aria-busy=false]")
        page.wait_for_timeout(250)  # a person listens; the next two are fetched meanwhile
        taken.append(float(page.evaluate(NEXT)))
    table.add("next segment, Enter to its text, focused", *_milliseconds(taken))
    middle = statistics.median(taken)
    table.aim(f"next segment, median: at most {NEXT_MS:.0f} ms", f"{middle:.0f} ms", middle <= NEXT_MS)


def _letters(table: Table, page: Page, letters: int) -> None:
    page.wait_for_selector("#text:not([readonly])[aria-busy=false]")
    taken = []
    for number in range(letters):
        page.wait_for_timeout(30)
        taken.append(float(page.evaluate(LETTER, "abcdefghij klmnop "[number % 18])))
    table.add("a letter typed, key to laid-out text", *_milliseconds(taken))
    middle = statistics.median(taken)
    table.aim(f"a letter, median: at most {KEY_MS:.0f} ms", f"{middle:.1f} ms", middle <= KEY_MS)


def _served(table: Table, page: Page, recording: int) -> None:
    """Sum what the server is asked for before the page shows a long recording, one after another."""
    from tests.e2e.conftest import until

    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if request.method == "GET" else None)
    page.goto(f"/recordings/{recording}/work/")
    until(page, "window.watched.box")
    page.wait_for_timeout(500)
    base = page.evaluate("location.origin")
    paths = [url.removeprefix(base) for url in asked]
    first = [f"/recordings/{recording}/work/", f"/api/recordings/{recording}/"]
    for part in (
        rf"/api/recordings/{recording}/rows/",
        rf"/api/recordings/{recording}/peaks",
        r"/api/segments/\d+/$",
    ):
        first += [path for path in paths if re.match(part, path)][:1]
    sums = [sum(float(page.evaluate(SERVED, path)) for path in first) / 1000 for _ in range(7)]
    table.add(
        f"{HOURS} hours: what the first paint asks of the server ({len(first)} answers)", *_seconds(sums)
    )
    middle = statistics.median(sums)
    table.aim(
        f"first paint of {HOURS} hours, server, median: at most {PAINT_S} s",
        f"{middle:.2f} s",
        middle <= PAINT_S,
    )


def _weigh(table: Table) -> None:
    """Sum what the page loads before it shows anything, as the server sends it."""
    dist = ROOT / "workbench" / "dist"
    if not (dist / "manifest.json").is_file():
        table.aim(f"bundle, gzip: at most {BUNDLE_KB:.0f} kB", "not built", None)
        return
    manifest = json.loads((dist / "manifest.json").read_text(encoding="utf-8"))
    files: set[str] = set()
    waiting = ["src/workbench.ts"]
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        entry = manifest[name]
        files.update([entry["file"], *entry.get("css", [])])
        waiting += entry.get("imports", [])
    size = sum(len(gzip.compress((dist / file).read_bytes(), 6)) for file in files) / 1000
    table.add(f"bundle, gzip ({len(files)} files)", f"{size:.1f} kB", "", 1)
    table.aim(f"bundle, gzip: at most {BUNDLE_KB:.0f} kB", f"{size:.1f} kB", size <= BUNDLE_KB)


def _build(table: Table) -> None:
    folder = ROOT / "workbench"
    vite = folder / "node_modules" / ".bin" / "vite"
    if not vite.exists():
        table.aim(f"build: at most {BUILD_S:.0f} s", "no node_modules", None)
        return
    import tempfile

    with tempfile.TemporaryDirectory(prefix="earmark-build-") as into:
        began = time.perf_counter()
        command = [str(vite), "build", "--outDir", into, "--emptyOutDir"]
        done = subprocess.run(command, cwd=folder, capture_output=True, check=False)
        took = time.perf_counter() - began
    if done.returncode:
        table.aim(f"build: at most {BUILD_S:.0f} s", "it failed", None)
        return
    table.add("build", f"{took:.1f} s", "", 1)
    table.aim(f"build: at most {BUILD_S:.0f} s", f"{took:.1f} s", took <= BUILD_S)


def _milliseconds(values: list[float]) -> tuple[str, str, int]:
    return f"{statistics.median(values):.1f} ms", f"{percentile(values, 0.95):.1f} ms", len(values)


def _seconds(values: list[float]) -> tuple[str, str, int]:
    return f"{statistics.median(values):.2f} s", f"{percentile(values, 0.95):.2f} s", len(values)
