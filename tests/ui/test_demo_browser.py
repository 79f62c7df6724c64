"""A visitor's walk through the demo in a real browser: upload, verdict, lines, frame, feedback."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from core.store.history import FILE, Store
from tests import media
from tests.ui.browser import open_page, shoot

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

WAIT_MS = 240_000


def _upload(page, path: Path) -> None:
    page.locator("#um-file input[type=file]").set_input_files(path)
    page.locator("#um-run:not([disabled])").wait_for()


def _analyse(page) -> None:
    page.locator("#um-run").click()
    page.locator("#um-verdict .um-headline").wait_for(timeout=WAIT_MS)


def _clip(server, name: str = "talking-portrait") -> Path:
    return next((server.data_dir / "examples").glob(f"*/{name}.mp4"))


@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_from_upload_to_feedback(demo_server, size):
    with open_page(demo_server.url, size) as (page, watch):
        page.locator("#um-examples button").first.wait_for()
        shoot(page, f"demo-{size}-start")
        _upload(page, _clip(demo_server, "talking-portrait-blended"))
        page.locator("#um-preview video").wait_for()
        _analyse(page)
        # On a phone the page scrolls to the result by itself.
        page.wait_for_function("document.querySelector('#um-outcome').getBoundingClientRect().top < innerHeight / 2")
        page.locator("#um-timeline .main-svg, #um-timeline .um-chart").first.wait_for()
        page.locator("#um-frame img").wait_for()
        page.wait_for_timeout(1200)
        shoot(page, f"demo-{size}-verdict")
        _move_line(page)
        _click_a_point(page)
        _answer(page, f"walked through on a {size}")
        shoot(page, f"demo-{size}-answered")
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "it is wider than the screen"
        watch.assert_clean()
    store = Store(demo_server.data_dir / FILE)
    try:
        assert f"walked through on a {size}" in [label.comment for label in store.labels()]
    finally:
        store.close()


def _move_line(page) -> None:
    """The word follows the line, the number stays."""
    headline = page.locator("#um-verdict .um-headline h2")
    if page.locator("#um-lines").is_hidden():
        return  # nothing was judged: there is nothing to read anew
    number = page.locator(".um-number b").inner_text()
    page.locator("#um-lines button").first.click()
    page.locator("#um-fake input[type=number]").wait_for()
    page.wait_for_timeout(1000)  # what is typed while the sliders are being built is taken back, faster than any hand
    for line, word in (("100", "!="), ("0", "==")):
        page.locator("#um-fake input[type=number]").fill(line)
        page.locator("#um-fake input[type=number]").press("Enter")
        page.wait_for_function(f"document.querySelector('#um-verdict .um-headline h2').innerText {word} 'Looks fake'")
    page.locator("#um-real input[type=number]").fill("100")
    page.locator("#um-real input[type=number]").press("Enter")
    page.wait_for_function("document.querySelector('#um-verdict .um-headline h2').innerText != 'Looks fake'")
    assert page.locator(".um-number b").inner_text() == number
    page.locator("#um-reset").click()
    page.wait_for_function("document.querySelector('#um-fake input[type=number]').value != '100'")
    assert headline.inner_text()


def _click_a_point(page) -> None:
    points = page.locator("#um-timeline .point")
    if points.count() == 0:
        return  # no model gave scores over time
    chosen = points.nth(points.count() // 2)
    chosen.scroll_into_view_if_needed()
    before = page.locator("#um-frame figcaption").inner_text()
    box = chosen.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_function("before => document.querySelector('#um-frame figcaption')?.innerText !== before", arg=before)
    assert re.match(r"Frame at 0:0\d\.\d: Person", page.locator("#um-frame figcaption").inner_text())


def _answer(page, comment: str) -> None:
    page.locator("#um-agree").get_by_text("It is right").click()
    page.locator("#um-truth").get_by_text("Fake", exact=True).click()
    page.locator("#um-comment textarea").fill(comment)
    page.locator("#um-send").click()
    page.locator("#um-thanks .um-good").wait_for()


def test_an_example_is_one_click_and_a_landscape_is_not_judged(demo_server):
    with open_page(demo_server.url) as (page, watch):
        page.locator("#um-examples button[data-example=hills]").click()
        page.locator("#um-verdict .um-not_applicable").wait_for(timeout=WAIT_MS)
        assert page.locator(".um-number").count() == 0
        shoot(page, "demo-desktop-landscape")
        watch.assert_clean()


def test_downloads_arrive(demo_server):
    with open_page(demo_server.url) as (page, watch):
        page.locator("#um-examples button[data-example=portrait]").click()
        page.locator("#um-verdict .um-headline").wait_for(timeout=WAIT_MS)
        with page.expect_download() as caught:
            page.locator("#um-json").click()
        assert json.loads(Path(caught.value.path()).read_text())["media"]["name"] == "portrait.png"
        with page.expect_download() as caught:
            page.locator("#um-csv").click()
        assert Path(caught.value.path()).read_text(encoding="utf-8-sig").startswith("file,sha256,detector")
        shoot(page, "demo-desktop-portrait")
        watch.assert_clean()


@pytest.mark.parametrize("name", ["empty.png", "not a picture.png"])
def test_a_bad_file_leaves_message_hint_and_upload_on_the_page(demo_server, tmp_path, name):
    path = media.bytes_of(tmp_path / name, b"" if name == "empty.png" else b"no picture, only words\n" * 9)
    with open_page(demo_server.url) as (page, watch):
        page.locator("#um-file input[type=file]").set_input_files(path)
        page.locator(".um-error").wait_for()
        page.locator("#um-run").click()
        page.locator("#um-run").wait_for(timeout=WAIT_MS)
        error = page.locator(".um-error")
        error.wait_for()
        assert "What you can do" in error.inner_text()
        assert "Traceback" not in page.content()
        assert page.locator("#um-file").get_by_text(Path(name).stem).count() > 0, "the upload is gone"
        shoot(page, "demo-desktop-error")
        watch.assert_clean()


def test_a_pasted_picture_is_taken(demo_server, tmp_path):
    content = list(media.portrait(tmp_path / "pasted.png", size=200).read_bytes())
    with open_page(demo_server.url) as (page, watch):
        page.locator("#um-examples button").first.wait_for()
        page.evaluate(
            """bytes => {
                const box = new DataTransfer();
                box.items.add(new File([new Uint8Array(bytes)], "pasted.png", { type: "image/png" }));
                document.dispatchEvent(new ClipboardEvent("paste", { clipboardData: box, bubbles: true }));
            }""",
            content,
        )
        page.locator("#um-preview img").wait_for()
        watch.assert_clean()


def test_a_stopped_analysis_can_be_started_again(demo_server, tmp_path):
    """The figures must come back after a result was hidden. The file is one that no cache knows."""
    path = media.talking_clip(tmp_path / "long.mp4", seconds=9)
    with open_page(demo_server.url) as (page, watch):
        page.locator("#um-examples button[data-example=portrait]").click()
        page.locator("#um-verdict .um-headline").wait_for(timeout=WAIT_MS)
        page.locator("#um-file button[aria-label='Clear']").click()
        _upload(page, path)
        page.locator("#um-run").click()
        page.locator("#um-stop").click()
        page.locator("#um-status .um-error, #um-verdict .um-headline").first.wait_for(timeout=WAIT_MS)
        page.locator("#um-run").wait_for(timeout=WAIT_MS)
        _analyse(page)
        page.locator("#um-consensus .main-svg").first.wait_for(timeout=WAIT_MS)
        watch.assert_clean()


def test_dark_pages_have_dark_figures(demo_server):
    with open_page(demo_server.url, scheme="dark") as (page, watch):
        page.locator("#um-examples button[data-example=portrait]").click()
        page.locator("#um-consensus .main-svg").first.wait_for(timeout=WAIT_MS)
        page.wait_for_timeout(800)
        shoot(page, "demo-desktop-dark")
        fill = page.evaluate("getComputedStyle(document.querySelector('#um-consensus .xtick text')).fill")
        assert fill == "rgb(162, 173, 187)"
        watch.assert_clean()


def test_everything_can_be_reached_by_keyboard_and_has_a_name(demo_server):
    with open_page(demo_server.url) as (page, watch):
        page.locator("#um-examples button").first.wait_for()
        page.locator("#um-examples button[data-example=hills]").focus()
        page.keyboard.press("Enter")
        page.locator("#um-verdict .um-not_applicable").wait_for(timeout=WAIT_MS)
        nameless = page.evaluate(
            """() => [...document.querySelectorAll('main button, main img, main [role=img]')]
                .filter(e => e.offsetParent && !(e.innerText?.trim() || e.getAttribute('aria-label')
                    || e.getAttribute('title') || e.hasAttribute('alt')))
                .map(e => e.outerHTML.slice(0, 120))"""
        )
        assert nameless == []
        watch.assert_clean()


def test_two_visitors_see_their_own_result_only(demo_server):
    with open_page(demo_server.url) as (page, _):
        page.locator("#um-examples button[data-example=portrait]").click()
        page.locator("#um-verdict .um-headline").wait_for(timeout=WAIT_MS)
        other = page.context.browser.new_page()
        other.goto(demo_server.url)
        other.locator("#um-examples button").first.wait_for()
        assert other.locator("#um-verdict .um-headline").count() == 0


def test_the_about_page_names_limits_and_models(demo_server):
    with open_page(f"{demo_server.url}/about") as (page, watch):
        page.get_by_text("What it cannot do").first.wait_for()
        shoot(page, "demo-desktop-about")
        watch.assert_clean()
