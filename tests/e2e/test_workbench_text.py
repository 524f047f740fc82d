"""Text of every script, typed in every way, shown as it is; nothing of it ever runs."""

from __future__ import annotations

from typing import Any, Final
from unicodedata import normalize

import pytest
from django.db import transaction
from playwright.sync_api import ConsoleMessage, Dialog

from annotation.models import Hypothesis, Project, Segment
from annotation.services import segments
from annotation.states import Pass
from tests.e2e.bench import Bench, hear, make_call, rows
from tests.e2e.conftest import Opens
from tests.e2e.test_workbench_faults import call, go_on, holds, mine
from tests.e2e.test_workbench_people import overtake
from tests.factories import make_decoding
from tests.personas import Cast

pytestmark = pytest.mark.browser

SCRIPTS: Final = {
    "Hebrew with points": ("שָׁלוֹם עֲלֵיכֶם, 84 שקלים", "rtl"),
    "Arabic with marks": ("السَّلَامُ عَلَيْكُمْ يا صديقي", "rtl"),
    "Latin in Hebrew": ("אמרתי Bosch פעמיים", "rtl"),
    "Hindi": ("नमस्ते, क्या हाल है", "ltr"),
    "Thai": ("สวัสดีครับ ผมชื่อสมชาย", "ltr"),
    "Chinese": ("今天的天气很好", "ltr"),
    "Japanese": ("日本語を勉強しています", "ltr"),
    "Korean": ("안녕하세요 여러분", "ltr"),
    "Polish": ("zażółć gęślą jaźń", "ltr"),
    "a family and a flag": ("ok 👩‍👩‍👧 🇺🇦 done", "ltr"),
    "combining and composed": ("e\u0301 é", "ltr"),
}
MARK: Final = "window.ran = (window.ran || 0) + 1"
PAYLOADS: Final = (
    f"<script>{MARK}</script>",
    f'"><img src=x onerror="{MARK}">',
    f"</textarea></script><svg onload='{MARK}'>",
    f'<iframe srcdoc="<script>parent.{MARK}</script>">',
    "'-alert(1)-'{{constructor.constructor('alert(1)')()}}${alert(1)}<!--",
)
"""The fourth also asks whether a frame may be made; the last is for templates and quoted scripts."""


def test_every_script_is_typed_saved_and_shown(opens: Opens, people: Cast, media_root: Any) -> None:
    recording = call(people, len(SCRIPTS) + 1)
    bench = Bench(opens("annotator"), recording)
    page, every = bench.page, rows(recording)
    for segment, (name, (text, direction)) in zip(every, SCRIPTS.items(), strict=False):
        bench.at(segment)
        mine(bench)
        bench.press("Control+a")
        page.keyboard.insert_text(text)
        assert bench.text == text, name
        assert page.evaluate("getComputedStyle(document.getElementById('text')).direction") == direction, name
        assert page.inner_text(".wb-mirror").rstrip("\u200b") == text, name
        go_on(bench)
    bench.saved()
    for segment, (name, (text, direction)) in zip(rows(recording), SCRIPTS.items(), strict=False):
        # Not a mark, not a joiner less; composed, as all stored text is.
        assert segment.text == normalize("NFC", text), name
        head = page.locator(f"#row-{segment.pk} .wb-head")
        if head.count():
            assert head.inner_text() == normalize("NFC", text)[:80], name
            assert head.evaluate("node => getComputedStyle(node).direction") == direction, name
    page.reload()
    for segment, (text, _) in zip(every, SCRIPTS.values(), strict=False):
        page.goto(f"/recordings/{recording.pk}/work/?segment={segment.pk}")
        bench.at(segment)
        assert bench.text == normalize("NFC", text)


def test_an_input_method_keeps_its_keys(opens: Opens, people: Cast, media_root: Any) -> None:
    """While something is composed Enter, Escape and letters belong to the input method."""
    recording = call(people, 3)
    bench = Bench(opens("annotator"), recording)
    page = bench.page
    first, second, _ = rows(recording)
    bench.at(first)
    mine(bench)
    bench.press("Control+a", "Delete")
    cdp = page.context.new_cdp_session(page)
    for stage in ("n", "に", "にh", "にほ", "にほn", "にほん"):
        cdp.send(
            "Input.imeSetComposition",
            {"text": stage, "selectionStart": len(stage), "selectionEnd": len(stage)},
        )
    assert bench.text == "にほん"
    for code in ("Enter", "Escape", "KeyJ"):
        page.evaluate(
            """code => document.getElementById('text').dispatchEvent(new KeyboardEvent('keydown', {code,
                 key: 'Process', keyCode: 229, isComposing: true, bubbles: true, cancelable: true}))""",
            code,
        )
        assert page.evaluate("document.activeElement.id") == "text"
    assert bench.current == str(first.pk)
    cdp.send("Input.insertText", {"text": "日本"})
    assert bench.text == "日本"
    go_on(bench)
    bench.at(second)
    bench.saved()
    first.refresh_from_db()
    assert first.text == "日本"
    # The same in the list: an input method that is left on does not press letters there.
    bench.press("Escape")
    page.evaluate(
        """document.getElementById('wb-rows').dispatchEvent(new KeyboardEvent('keydown',
             {code: 'KeyJ', key: 'Process', isComposing: true, bubbles: true, cancelable: true}))"""
    )
    assert bench.current == str(second.pk)


ALT_GR: Final = {
    "Digit8": "[",
    "KeyQ": "@",
    "KeyE": "€",
    "KeyL": "ł",
    "KeyS": "ś",
    "KeyX": "ź",
    "KeyU": "ú",
}
"""What a key types with AltGr held, on German and Polish layouts."""


def test_alt_gr_types(opens: Opens, people: Cast, media_root: Any) -> None:
    """AltGr is Ctrl+Alt on Windows and a key of its own elsewhere: neither is a command."""
    recording = call(people, 2)
    bench = Bench(opens("annotator"), recording)
    first = rows(recording)[0]
    bench.at(first)
    mine(bench)
    page = bench.page
    page.focus("#text")
    cdp = page.context.new_cdp_session(page)
    expected = "draft of row 0"
    for code, typed in ALT_GR.items():
        # Windows: Ctrl and Alt are down and AltGraph says what they are. Elsewhere a key with its letter.
        taken = page.evaluate(
            """([code, key]) => [
                 {ctrlKey: true, altKey: true, modifierAltGraph: true}, {modifierAltGraph: true},
                 {ctrlKey: true, altKey: true},
               ].map(held => !document.getElementById('text').dispatchEvent(
                 new KeyboardEvent('keydown', {code, key, bubbles: true, cancelable: true, ...held})))""",
            [code, typed],
        )
        assert taken == [False, False, False], f"the layout gets {code}"
        event = {"code": code, "key": typed, "modifiers": 0}
        cdp.send("Input.dispatchKeyEvent", {"type": "keyDown", **event, "text": typed})
        cdp.send("Input.dispatchKeyEvent", {"type": "keyUp", **event})
        expected += typed
        assert bench.current == str(first.pk), code
        assert bench.text == expected, code
        if typed == "[":
            bench.press("Escape")  # the tags it offers
        assert page.evaluate("document.activeElement.id") == "text", code
        assert page.locator("dialog[open]").count() == 0, code


LAYOUTS: Final = {
    "Russian": {"KeyJ": "о", "KeyK": "л"},
    "Hebrew": {"KeyJ": "ח", "KeyK": "ל"},
    "Greek": {"KeyJ": "ξ", "KeyK": "κ"},
}


def test_letters_of_the_list_lie_where_they_lie(opens: Opens, people: Cast, media_root: Any) -> None:
    recording = call(people, 3)
    bench = Bench(opens("annotator"), recording)
    first, second, _ = rows(recording)
    bench.at(first)
    cdp = bench.page.context.new_cdp_session(bench.page)

    def key(code: str, letters: dict[str, str]) -> None:
        event = {"code": code, "key": letters[code], "modifiers": 0}
        cdp.send("Input.dispatchKeyEvent", {"type": "keyDown", **event})
        cdp.send("Input.dispatchKeyEvent", {"type": "keyUp", **event})

    text = "draft of row 0"
    for layout, letters in LAYOUTS.items():
        bench.press("Escape")
        key("KeyJ", letters)
        bench.at(second)
        key("KeyK", letters)
        bench.at(first)
        holds(bench, text)
        bench.page.focus("#text")
        bench.press("End")
        bench.page.keyboard.insert_text(" " + letters["KeyJ"])
        text += " " + letters["KeyJ"]
        assert bench.text == text, layout


def refine(recording: Any, segment: Segment, text: str) -> Hypothesis:
    """Publish what a better model heard, as the worker's transaction does."""
    from annotation.services import hypotheses

    found = hear(recording.jobs.get(), segment, text, pass_name=Pass.REFINE)
    with transaction.atomic():
        hypotheses._publish_text([found], Pass.REFINE)
    return found


def test_a_refine_that_arrives_while_typing(opens: Opens, people: Cast, media_root: Any) -> None:
    """Between two letters, each time: the box keeps text, caret and focus; what is new stands beside it."""
    recording = call(people, 4)
    first, second, third, _ = rows(recording)
    bench = Bench(opens("annotator"), recording)
    page = bench.page
    bench.at(first)
    mine(bench)
    bench.press("Control+a")
    typed = "so the bill came to 84 euros"
    for number, letter in enumerate(typed):
        page.keyboard.type(letter)
        if number == 5:
            page.evaluate("document.getElementById('text').setSelectionRange(6, 6)")
            refine(recording, first, "so the bell came too")
            page.wait_for_selector(".wb-offer.fresh")
            assert page.evaluate("document.getElementById('text').selectionStart") == 6
    assert bench.text == typed
    assert page.evaluate("document.activeElement.id") == "text"
    refine(recording, second, "row one, heard better")
    page.wait_for_selector(f"#row-{second.pk}:has-text('row one, heard better')")
    assert bench.text == typed
    go_on(bench)
    bench.at(second)
    holds(bench, "row one, heard better")
    bench.saved()
    first.refresh_from_db()
    assert first.text == typed, "a better text of a machine is no conflict"
    # Open, nobody's hands on it, the caret in the list: it becomes better where it stands.
    page.locator(f"#row-{third.pk}").click()
    bench.at(third)
    mine(bench)
    bench.press("Escape")
    refine(recording, third, "row two, heard better")
    page.wait_for_selector(".wb-offer:has-text('row two, heard better')")
    assert bench.text in ("draft of row 2", "row two, heard better")


@pytest.mark.parametrize("payload", PAYLOADS)
def test_no_text_runs(opens: Opens, people: Cast, media_root: Any, payload: str) -> None:
    """A payload in every field that anybody can fill, on every page that shows it."""
    Project.objects.filter(pk=people.project.pk).update(
        name=payload, description=payload, glossary=[payload[:100], "row"], tags=["noise", payload[:40]]
    )
    people.reviewer.first_name, people.reviewer.last_name = payload[:150], payload[:150]
    people.reviewer.save()
    recording = make_call(people, ["draft of row 0", payload, "draft of row 2"], each_ms=2_000, long_ms=1_500)
    first, second, third = rows(recording)
    type(recording).objects.filter(pk=recording.pk).update(
        name=payload, warnings=[{"code": "x", "message": payload}]
    )
    Segment.objects.filter(recording=recording).update(speaker=payload[:100])
    for segment in (first, second):
        Hypothesis.objects.create(
            segment=segment,
            decoding=make_decoding(recording.jobs.get(), segment, state="done", pass_name="refine"),
            pass_name="refine",
            model=payload[:100],
            text=f"{payload} heard",
            words=[[0, 900, f" {payload}", 0.2]],
        )
    segments.lock(user=people.reviewer, segment=third)
    page = opens("annotator")
    said: list[str] = []

    def dialog(found: Dialog) -> None:
        said.append(found.message)

    def console(found: ConsoleMessage) -> None:
        if "Content Security Policy" in found.text:
            said.append(found.text)

    page.on("dialog", dialog)
    page.on("console", console)
    bench = Bench(page, recording, segment=second.pk)
    bench.at(second)
    holds(bench, payload)
    mine(bench)
    bench.press("End")
    page.keyboard.type(" [no")
    page.wait_for_selector("#wb-palette")
    bench.press("Escape")
    bench.press("Control+Shift+ArrowDown")
    page.locator(f"#row-{first.pk}").click()
    bench.at(first)
    mine(bench)
    bench.write("mine " + payload)
    # The conflict view shows three texts, and the name of whoever saved.
    overtake(people, first, payload)
    page.focus("#text")
    bench.press("Control+s", "Control+s")
    page.wait_for_selector(".wb-conflict")
    bench.press("F1")
    page.wait_for_selector("dialog.wb-help[open]")
    bench.press("Escape")
    page.locator(f"#row-{third.pk}").click()
    page.wait_for_selector(".wb-notices:has-text('Locked by')")
    page.fill("#wb-search", payload)
    assert page.evaluate("window.ran") is None
    for path in (
        "/",
        f"/projects/{people.project.pk}/",
        f"/projects/{people.project.pk}/upload/",
        f"/recordings/{recording.pk}/",
        f"/segments/{first.pk}/history/",
    ):
        page.goto(path)
        assert page.evaluate("window.ran") is None, path
        page.wait_for_load_state("load")
    assert said == []
