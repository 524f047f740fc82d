"""The keyboard loop of the workbench: from segment to segment without the mouse, in any layout."""

from __future__ import annotations

import statistics
from typing import Any

import pytest

from annotation.models import Preferences, Revision
from annotation.states import Pass
from tests import waiting
from tests.e2e.bench import Bench, hear, make_call, rows
from tests.e2e.conftest import Opens, until
from tests.personas import Cast

pytestmark = pytest.mark.browser


def test_fifty_segments_without_the_mouse(opens: Opens, people: Cast, media_root: Any) -> None:
    """Enter saves or accepts, and the next is focused and playing before the save has answered."""
    recording = make_call(people, [f"yes {n}" for n in range(51)], long_ms=400)
    bench = Bench(opens("annotator"), recording)
    page = bench.page
    # The first save is not answered before ten segments are done: nothing may wait for it.
    held: list[Any] = []
    page.route("**/api/segments/*/", lambda route: _hold(route, held))
    segments = rows(recording)
    took: list[float] = []
    for number, segment in enumerate(segments[:50]):
        bench.at(segment)
        bench.mine()
        bench.heard()
        if number % 3 == 0:
            bench.press("End")
            page.keyboard.type(" ok")
        took.append(
            page.evaluate(
                """async next => {
                  const began = performance.now();
                  const enter = {code: 'Enter', key: 'Enter', bubbles: true, cancelable: true};
                  document.getElementById('text').dispatchEvent(new KeyboardEvent('keydown', enter));
                  while (document.querySelector('.wb-row.current')?.dataset.segment !== next
                         || document.getElementById('text').getAttribute('aria-busy') !== 'false'
                         || document.activeElement?.id !== 'text') await new Promise(requestAnimationFrame);
                  return performance.now() - began;
                }""",
                str(segments[number + 1].pk),
            )
        )
        if number == 9:
            bench.shines("Saving 10")
            held[0].continue_()
    bench.saved()
    for number, segment in enumerate(rows(recording)[:50]):
        expected = f"yes {number}" + (" ok" if number % 3 == 0 else "")
        assert (segment.text, segment.state, segment.revision) == (expected, "corrected", 2), number
    assert Revision.objects.filter(segment__recording=recording, source="human").count() == 50
    print(f"\nnext segment: median {statistics.median(took):.0f} ms, worst {max(took):.0f} ms")


def _hold(route: Any, held: list[Any]) -> None:
    if route.request.method == "PATCH" and not held:
        held.append(route)
    else:
        route.continue_()


def test_two_modes_one_key_apart(opens: Opens, people: Cast, media_root: Any) -> None:
    recording = make_call(people, ["one two three", "four five six", "seven eight nine"])
    bench = Bench(opens("annotator"), recording)
    first, second, _third = rows(recording)
    bench.at(first)
    bench.mine()
    page = bench.page
    page.focus("#text")
    page.evaluate("document.getElementById('text').setSelectionRange(4, 4)")
    bench.press("Escape")
    assert page.evaluate("document.activeElement.id") == "wb-rows"
    bench.press("j")
    bench.at(second)
    assert page.evaluate("document.activeElement.id") == "wb-rows", "letters stay letters of the list"
    bench.press("k")
    bench.at(first)
    bench.press("Enter")
    assert page.evaluate("document.activeElement.id") == "text"
    page.keyboard.type("jk")
    assert "jk" in bench.text, "in the text a letter is a letter"
    bench.press("Control+Shift+Backspace")
    assert bench.text == ""
    bench.press("Control+z")
    assert "one" in bench.text, "the browser's own undo knows of it"
    bench.press("Alt+ArrowDown")
    bench.at(second)
    bench.press("F1")
    page.wait_for_selector("dialog.wb-help[open]")
    bench.press("Escape")
    page.wait_for_selector("dialog.wb-help[open]", state="detached")
    bench.press("Escape", "?")
    page.wait_for_selector("dialog.wb-help[open]")


def test_decisions_are_undone_one_by_one(opens: Opens, people: Cast, media_root: Any) -> None:
    recording = make_call(people, ["one two three", "four five six", "seven eight nine", "ten"])
    bench = Bench(opens("annotator"), recording)
    first, second, third, fourth = rows(recording)
    bench.at(first)
    bench.mine()
    bench.heard()
    bench.write("one two free")
    bench.press("Enter")
    bench.at(second)
    bench.mine()
    bench.command("x")
    bench.page.get_by_role("button", name="no speech").click()
    bench.at(third)
    bench.saved()
    second.refresh_from_db()
    assert second.state == "skipped"
    bench.mine()
    bench.press("Control+Shift+u")
    bench.at(fourth)
    bench.saved()
    third.refresh_from_db()
    assert (third.text, third.state) == ("[unintelligible]", "corrected")
    bench.command("z")
    bench.at(third)
    until(bench.page, "document.getElementById('text').value === 'seven eight nine'")
    bench.command("z")
    bench.at(second)
    bench.command("z")
    bench.at(first)
    until(bench.page, "document.getElementById('text').value === 'one two three'")
    assert [(s.text, s.state) for s in rows(recording)] == [
        ("one two three", "draft"),
        ("four five six", "draft"),
        ("seven eight nine", "draft"),
        ("ten", "draft"),
    ]
    bench.command("z")
    bench.says("nothing to undo")


def test_keys_work_in_any_layout_and_leave_typing_alone(opens: Opens, people: Cast, media_root: Any) -> None:
    recording = make_call(people, ["one two three", "four five six"])
    bench = Bench(opens("annotator"), recording)
    first, second = rows(recording)
    bench.at(first)
    bench.mine()
    bench.press("Escape")
    cdp = bench.page.context.new_cdp_session(bench.page)

    def key(code: str, typed: str, modifiers: int = 0) -> None:
        event = {"code": code, "key": typed, "modifiers": modifiers, "windowsVirtualKeyCode": ord(code[-1])}
        cdp.send("Input.dispatchKeyEvent", {"type": "keyDown", **event})
        cdp.send("Input.dispatchKeyEvent", {"type": "keyUp", **event})

    key("KeyJ", "о")  # Cyrillic
    bench.at(second)
    key("KeyK", "ל")  # Hebrew
    bench.at(first)
    bench.page.focus("#text")
    before = bench.current
    # AltGr+8 types [ on a German keyboard: with Ctrl+Alt down it must reach the text.
    cdp.send(
        "Input.dispatchKeyEvent",
        {"type": "keyDown", "code": "Digit8", "key": "[", "modifiers": 3, "text": "["},
    )
    # An input method composes: its Enter belongs to it.
    cdp.send("Input.imeSetComposition", {"text": "にほ", "selectionStart": 2, "selectionEnd": 2})
    bench.page.evaluate(
        "document.getElementById('text').dispatchEvent(new KeyboardEvent('keydown',"
        " {code: 'Enter', key: 'Process', isComposing: true, bubbles: true, cancelable: true}))"
    )
    cdp.send("Input.insertText", {"text": "日本"})
    assert bench.current == before
    assert "日本" in bench.text


def test_tab_never_traps(opens: Opens, people: Cast, media_root: Any) -> None:
    recording = make_call(people, ["one two three", "four five six"])
    bench = Bench(opens("annotator"), recording)
    page = bench.page
    page.focus("#text")
    bench.press("Tab")
    assert page.evaluate("document.activeElement.id") != "text"
    bench.press("Shift+Tab")
    assert page.evaluate("document.activeElement.id") == "text"
    bench.press("Control+m", "Tab")
    assert page.evaluate("document.activeElement.id") == "text", "now it plays"
    bench.press("Escape", "Tab")
    assert page.evaluate("document.activeElement.id") not in ("text", "wb-rows"), "and Escape leads out"
    page.focus("#text")
    bench.press("Control+m")
    seen = set()
    for _ in range(60):
        bench.press("Tab")
        seen.add(page.evaluate("document.activeElement.outerHTML.slice(0, 120)"))
    assert len(seen) > 15, "everything can be reached"


def test_keys_are_changed_and_stay_so(opens: Opens, people: Cast, media_root: Any) -> None:
    recording = make_call(people, ["one two three", "four five six"])
    bench = Bench(opens("annotator"), recording)
    page = bench.page
    bench.press("F1")
    cap = page.get_by_role("button", name="Change the key for: Loop the segment, in the text")
    cap.click()
    bench.press("Control+s")
    assert "Save and stay" in page.inner_text("dialog [role=alert]"), "a double-bound key is refused"
    bench.press("F9")
    until(
        page,
        "[...document.querySelectorAll('dialog .cap')].some(cap => cap.textContent.trim().endsWith('F9'))",
    )

    def stored() -> bool:
        return "F9" in str(Preferences.objects.filter(pk=people.annotator.pk).values_list("values").first())

    waiting.until(stored)
    page.select_option("dialog .wb-preset select", "default")
    waiting.until(lambda: not stored())
    cap.click()
    bench.press("F9")
    waiting.until(stored)
    bench.press("Escape")
    page.reload()
    bench.ready()
    page.focus("#text")
    bench.press("F9")
    page.wait_for_selector(".wb-controls [aria-label='Loop the segment'][aria-pressed=true]")
    bench.press("F1")
    page.select_option("dialog .wb-preset select", "otranscribe")
    bench.press("Escape")
    page.focus("#text")
    bench.press("Escape")
    assert page.evaluate("document.activeElement.id") == "text", "in oTranscribe's keys Escape plays"


def test_a_loop_goes_round_and_without_it_the_sound_ends_with_the_segment(
    opens: Opens, people: Cast, media_root: Any
) -> None:
    recording = make_call(people, ["yes one", "yes two"], each_ms=2000, long_ms=600)
    bench = Bench(opens("annotator"), recording)
    bench.mine()
    page = bench.page
    playing = "document.querySelector('.play-big').getAttribute('aria-label') === 'Pause'"
    bench.heard()
    until(page, f"!({playing})")
    bench.press("F8", "Control+Shift+Space")
    needle = "parseFloat(document.querySelector('.wb-cursor').style.left)"
    until(page, f"{needle} > 20")
    until(page, f"{needle} < 15")
    until(page, f"{needle} > 20")
    assert page.evaluate(playing)
    bench.press("F8")
    until(page, f"!({playing})")


def test_the_first_enter_warns_the_second_goes_on_and_is_recorded(
    opens: Opens, people: Cast, media_root: Any
) -> None:
    from annotation.models import Decision

    recording = make_call(people, ["pay 84 Euro", "four five six"])
    bench = Bench(opens("annotator"), recording)
    first, second = rows(recording)
    bench.at(first)
    bench.mine()
    bench.heard()
    bench.write("pay 48 Euro [nosie]")
    bench.press("Enter")
    bench.page.wait_for_selector(".wb-checks")
    words = bench.page.inner_text(".wb-checks")
    assert "84 ↔ 48" in words
    assert "[nosie]" in words
    assert bench.current == str(first.pk)
    bench.press("Enter")
    bench.at(second)
    bench.saved()
    decision = Decision.objects.get(segment=first)
    assert set(decision.overrode) == {"number_changed", "tag_unknown"}


def test_tags_suggestions_and_unsure_words(opens: Opens, people: Cast, media_root: Any) -> None:
    recording = make_call(people, ["the invoice of posch is paid", "four five six"])
    first, _ = rows(recording)
    job = recording.jobs.get()
    first.hypotheses.all()
    hear(job, first, "the invoice of Bosch is paid", pass_name=Pass.REFINE, doubt="Bosch")
    bench = Bench(opens("annotator"), recording)
    bench.at(first)
    bench.mine()
    page = bench.page
    bench.press("End")
    page.keyboard.type(" [noi")
    page.wait_for_selector("#wb-palette [aria-selected=true]:has-text('[noise]')")
    bench.press("Enter")
    assert bench.text == "the invoice of posch is paid [noise]"
    assert bench.current == str(first.pk), "Enter chose the tag and nothing else"
    bench.press("Control+Shift+ArrowDown")
    assert bench.text == "the invoice of Bosch is paid"
    assert page.locator(".wb-mirror mark.unsure").inner_text() == "Bosch"
    page.evaluate("document.getElementById('text').setSelectionRange(0, 0)")
    bench.press("F4")
    chosen = "(box => box.value.slice(box.selectionStart, box.selectionEnd))(document.getElementById('text'))"
    assert page.evaluate(chosen) == "Bosch"
    bench.press("Control+Shift+h")
    assert page.locator(".wb-mirror mark.unsure").count() == 0
    bench.press("Control+z")
    assert "[noise]" in bench.text


def test_whoever_goes_on_to_search_keeps_the_box(opens: Opens, people: Cast, media_root: Any) -> None:
    """Enter leads to the first hit; what is typed while that still opens is no command."""
    recording = make_call(people, [f"row {n} of many" for n in range(30)])
    bench = Bench(opens("annotator"), recording)
    page = bench.page
    segments = rows(recording)
    bench.at(segments[0])
    bench.heard()  # what comes after it is fetched by then
    held: list[Any] = []
    page.route(f"**/api/segments/{segments[25].pk}/", lambda route: held.append(route))
    page.fill("#wb-search", "row 25")
    until(page, "document.querySelectorAll('.wb-row').length === 1")
    with page.expect_request(f"**/api/segments/{segments[25].pk}/"):
        bench.press("Enter")
    until(page, "document.activeElement.id === 'wb-rows'")
    page.focus("#wb-search")
    until(page, "document.activeElement.id === 'wb-search'")
    held[0].continue_()
    bench.at(segments[25])
    page.keyboard.type("x")
    assert page.input_value("#wb-search").endswith("x")
