"""The real workbench in a real browser."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from core import wording
from core.errors import EmptyMediaError
from core.fusion.verdict import relabel
from core.review import Judgement, State
from core.settings import ROOT, build_settings
from core.store.feedback import Truth
from core.store.history import Store
from core.store.uploads import Uploads
from tests.analyses import LIMITS, clip, landscape, picture
from tests.ui.browser import open_page, shoot
from tests.ui.servers import Server, free_port, serving

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

REVIEWER = "analyst"


def seed(data_dir: Path, analysis, media: Path, number: int):
    """Put a hand-made analysis of a real file into a server's history."""
    settings = build_settings(data_dir=data_dir)
    sha256 = hashlib.sha256(media.read_bytes()).hexdigest()
    Uploads(settings).keep(media, sha256)
    kept = relabel(replace(analysis, id=f"{number:064x}", media=replace(analysis.media, sha256=sha256)), LIMITS)
    with closing(Store(settings)) as store:
        store.record(kept, origin="workbench")
    return kept


def stored(data_dir: Path) -> Store:
    return Store(build_settings(data_dir=data_dir))


def workbench(folder: Path):
    """A server of its own, for tests that need an empty history."""
    port = free_port()
    arguments = ["-m", "streamlit", "run", "workbench.py", "--server.port", str(port), "--server.headless", "true"]
    return serving(arguments, port, folder, {"OMP_NUM_THREADS": "1"})


@pytest.fixture(scope="module")
def seeded_server(tmp_path_factory, samples):
    """A workbench whose history holds a clip, two pictures and a landscape."""
    folder = tmp_path_factory.mktemp("seeded")
    data = folder / "data"
    seed(data, landscape(), samples("landscape", "hills.png"), 1)
    seed(data, picture(0.12), samples("portrait", "real.png"), 2)
    seed(data, picture(0.58), samples("portrait", "unclear.png", person=1), 3)
    seed(data, clip(), samples("two_people_clip", "two.mp4", seconds=4.0), 4)
    with workbench(folder) as server:
        yield server


def visit(server: Server, view: str, **query: str) -> str:
    return f"{server.url}/{view}" + ("?" + "&".join(f"{k}={v}" for k, v in query.items()) if query else "")


def settled(page) -> None:
    """Wait until the page neither runs nor loads parts of itself."""
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")
    page.wait_for_function("document.querySelectorAll('[data-testid=stSkeleton]').length === 0")


def fits(page) -> bool:
    """Whether nothing has to be scrolled sideways."""
    return page.evaluate("(m => m.scrollWidth <= m.clientWidth)(document.querySelector('[data-testid=stMain]'))")


def tall(page) -> None:
    """Give the window the height of the page, so that a screenshot shows all of it."""
    height = page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
    page.set_viewport_size({"width": page.viewport_size["width"], "height": min(int(height), 4000)})
    page.wait_for_timeout(1500)
    settled(page)


def assert_quiet(watch) -> None:
    """No other host was asked. (Below the first level of the address, Streamlit tries two paths that are not there.)"""
    watch.errors[:] = [e for e in watch.errors if "/_stcore/" not in e]
    watch.assert_clean()


# --- from an upload to a label and back ---------------------------------------------------------------------------


def test_from_an_upload_over_the_verdict_to_a_label_and_the_history(workbench_server, samples) -> None:
    portrait = samples("portrait", "portrait ünï.png", size=512)
    with open_page(workbench_server.url) as (page, watch):
        page.wait_for_selector("[data-testid=stFileUploader]")
        page.set_input_files("input[type=file]", str(portrait))
        page.wait_for_selector(".st-key-verdict-analyse h2, [data-testid=stAlert]", timeout=120_000)
        assert page.locator("[data-testid=stAlert]").all_inner_texts() == []
        settled(page)
        assert page.inner_text(".st-key-verdict-analyse h2") in wording.VERDICT_TITLES.values()
        with closing(stored(workbench_server.data_dir)) as store:
            entry = next(e for e in store.entries() if e.name == portrait.name)
            analysis = store.get(entry.id)
        assert page.inner_text(".st-key-verdict-analyse h2") == wording.VERDICT_TITLES[analysis.verdict.label]
        assert analysis.verdict.p_fake is not None, analysis.scores
        shown = page.inner_text("[data-testid=stMain]")
        for score in analysis.scores:
            assert score.title in shown
        tall(page)
        shoot(page, "workbench-analyse-desktop")

        everything_is_real(page)
        page.wait_for_function("document.querySelector('.st-key-verdict-analyse h2').innerText === 'Looks real'")
        page.get_by_role("button", name="Wrong").click()
        page.wait_for_selector("text=Saved: analyst says fake")
        with closing(stored(workbench_server.data_dir)) as store:
            assert [label.truth for label in store.labels(analysis_id=entry.id)] == [Truth.FAKE]

        page.get_by_role("tab", name="Download").click()
        with page.expect_download() as download:
            page.get_by_role("button", name="JSON, everything").click()
        assert json.loads(Path(download.value.path()).read_text())["id"] == entry.id

        page.get_by_role("link", name="History").click()
        page.wait_for_selector("text=1 analysis")
        open_first_row(page)
        page.wait_for_selector(".st-key-verdict-history h2")
        settled(page)
        assert portrait.name in page.inner_text("[data-testid=stMain]")
        assert "Saved: analyst says fake" in page.inner_text("[data-testid=stMain]")

        page.get_by_role("button", name="All analyses").click()
        page.wait_for_selector("text=1 analysis")
        open_first_row(page)
        page.wait_for_selector(".st-key-verdict-history h2")
        assert_quiet(watch)


def everything_is_real(page) -> None:
    """Push both thresholds to the right end."""
    for number in (1, 0):
        thumb = page.get_by_role("slider").nth(number)
        thumb.focus()
        page.keyboard.press("End")
        settled(page)


def open_first_row(page) -> None:
    """The table is drawn on a canvas, so the click goes to a place."""
    settled(page)
    page.wait_for_selector("[data-testid=stDataFrame] canvas")
    page.wait_for_timeout(800)
    box = page.locator("[data-testid=stDataFrame] canvas").first.bounding_box()
    page.mouse.click(box["x"] + 60, box["y"] + 52)


def test_bad_uploads_say_what_is_wrong_and_what_to_do_and_do_not_stop_the_good_one(workbench_server, samples) -> None:
    files = [
        samples("empty", "nothing.png"),
        samples("foreign", "letter.txt"),
        samples("bytes_of", "noise.mp4", content=bytes(range(256)) * 40),
        samples("portrait", "good.png", size=256),
        samples("portrait", "fine.png", size=257),
    ]
    with open_page(workbench_server.url) as (page, watch):
        page.wait_for_selector("[data-testid=stFileUploader]")
        page.set_input_files("input[type=file]", [str(f) for f in files])
        for bad in files[:3]:
            card = page.locator("[data-testid=stAlert]", has_text=bad.name)
            card.wait_for(timeout=120_000)
            message, hint = card.inner_text().split("\n")[-2:]
            assert len(message) > 10
            assert len(hint) > 10
        for good in ("good.png", "fine.png", "good.png", "fine.png"):
            page.locator("button", has_text=good).click(timeout=120_000)
            page.wait_for_selector(f".st-key-verdict-analyse p:has-text('{good}')")
            settled(page)
        shoot(page, "workbench-bad-uploads-desktop")
        text = page.inner_text("[data-testid=stMain]")
        assert "Traceback" not in text
        card = page.locator("[data-testid=stAlert]", has_text="nothing.png").inner_text()
        assert "The file is empty" in card
        assert EmptyMediaError.__name__ not in text
        with closing(stored(workbench_server.data_dir)) as store:
            assert {e.labels for e in store.entries() if e.name in ("good.png", "fine.png")} == {0}
        page.locator("button:has-text('Remove')").first.click()
        page.wait_for_function("document.querySelectorAll('[data-testid=stAlert]').length === 2")
        assert_quiet(watch)


# --- one analysis -------------------------------------------------------------------------------------------------


def test_a_click_on_the_timeline_shows_that_frame(seeded_server) -> None:
    with open_page(visit(seeded_server, "history", analysis=f"{4:064x}")) as (page, watch):
        chart = page.locator("[class*=st-key-timeline-history]")
        chart.locator(".scatterlayer .point").nth(8).wait_for(state="attached")
        settled(page)
        page.wait_for_timeout(1000)
        point = chart.locator(".scatterlayer .trace").first.locator(".point").nth(8)
        point.scroll_into_view_if_needed()
        place = point.bounding_box()
        page.mouse.click(place["x"] + place["width"] / 2, place["y"] + place["height"] / 2)
        page.wait_for_selector("text=Frame at 0:02.0")
        page.wait_for_selector("text=9 of 16 frames")
        page.get_by_role("button", name="Back").click()
        page.wait_for_selector("text=Frame at 0:01.8")
        tall(page)
        shoot(page, "workbench-clip-desktop")
        assert_quiet(watch)


def test_an_analysis_can_be_deleted_with_its_file(seeded_server, samples) -> None:
    kept = seed(seeded_server.data_dir, picture(0.3), samples("portrait", "short-lived.png", size=301), 9)
    with open_page(visit(seeded_server, "history", analysis=kept.id)) as (page, _):
        page.get_by_role("button", name="Delete").click()
        page.get_by_role("button", name="Delete for good").click()
        page.wait_for_selector("text=newest first")
    with closing(stored(seeded_server.data_dir)) as store:
        assert kept.id not in {e.id for e in store.entries()}
    assert Uploads(build_settings(data_dir=seeded_server.data_dir)).path_of(kept.media.sha256) is None


@pytest.mark.parametrize(
    ("size", "scheme"),
    [("desktop", "light"), pytest.param("desktop", "dark", marks=pytest.mark.long), ("phone", "light")],
)
def test_every_view_fits_its_screen_and_asks_nobody_else(seeded_server, size, scheme) -> None:
    views = {
        "analyse": visit(seeded_server, ""),
        "review": visit(seeded_server, "review"),
        "history": visit(seeded_server, "history"),
        "picture": visit(seeded_server, "history", analysis=f"{3:064x}"),
        "clip": visit(seeded_server, "history", analysis=f"{4:064x}"),
    }
    with open_page(seeded_server.url, size, scheme) as (page, watch):
        for name, address in views.items():
            page.goto(address)
            page.wait_for_selector("[data-testid=stMainBlockContainer]")
            page.wait_for_timeout(2500)
            settled(page)
            assert fits(page), name
            tall(page)
            shoot(page, f"workbench-{name}-{size}-{scheme}")
        assert_quiet(watch)


# --- review -------------------------------------------------------------------------------------------------------


def ready(page, item: str) -> None:
    """Wait until keys are heard for this item."""
    page.wait_for_function("id => document.documentElement.dataset.hotkeys === id", arg=item)
    settled(page)


def test_review_by_keys_alone(tmp_path, samples) -> None:
    data = tmp_path / "data"
    ids = {}
    for number, p_fake in enumerate((0.52, 0.6, 0.7, 0.9, 0.99), start=1):
        ids[p_fake] = seed(data, picture(p_fake), samples("portrait", f"p{number}.png", size=300 + number), number).id
    with workbench(tmp_path) as server, open_page(visit(server, "review")) as (page, watch):
        ready(page, ids[0.52])
        assert "P(fake)" not in page.inner_text("[data-testid=stMain]")
        page.keyboard.press("1")
        page.wait_for_selector("text=You say authentic")
        assert "The models:" in page.inner_text("[data-testid=stMain]")
        shoot(page, "workbench-review-judged-desktop")
        page.keyboard.press("Enter")
        page.wait_for_selector("text=1 of 5 done")

        ready(page, ids[0.6])
        page.keyboard.press("f")
        page.wait_for_selector("text=You say fake")
        page.keyboard.press("2")
        page.wait_for_selector("text=2 of 5 done")

        ready(page, ids[0.7])
        page.keyboard.press("s")
        ready(page, ids[0.9])
        page.keyboard.press("u")
        page.wait_for_selector("text=You say unsure")
        page.keyboard.press("Control+z")
        page.wait_for_selector("text=What is it?")
        page.keyboard.press("Control+z")
        ready(page, ids[0.7])

        page.get_by_label("Note").click()
        page.keyboard.type("12 fsu")
        page.keyboard.press("Control+z")
        page.keyboard.type(" ear")
        page.keyboard.press("Escape")
        page.wait_for_timeout(1500)
        ready(page, ids[0.7])
        page.keyboard.press("x")
        page.wait_for_selector("text=3 of 5 done")
        page.wait_for_selector("text=1 discarded")
        assert watch.strangers == []
    with closing(stored(data)) as store:
        reviews = store.reviews(REVIEWER)
        assert (reviews[ids[0.52]].state, reviews[ids[0.52]].judgement) == (State.SUBMITTED, Judgement.AUTHENTIC)
        assert (reviews[ids[0.6]].state, reviews[ids[0.6]].judgement) == (State.SUBMITTED, Judgement.FAKE)
        assert reviews[ids[0.7]].state is State.DISCARDED
        assert reviews[ids[0.7]].note.endswith("ear")
        assert (reviews[ids[0.9]].state, reviews[ids[0.9]].seen) == (State.PENDING, True)
        assert sorted(label.truth for label in store.labels()) == [Truth.FAKE, Truth.REAL]


@pytest.mark.long
def test_a_killed_server_loses_no_label_and_the_link_still_leads_to_the_view(tmp_path, samples) -> None:
    data, port = tmp_path / "data", free_port()
    first = seed(data, picture(0.5), samples("portrait", "one.png", size=311), 1)
    seed(data, picture(0.6), samples("portrait", "two.png", size=312), 2)
    process = start(port, data)
    try:
        with open_page(f"http://127.0.0.1:{port}/review") as (page, _):
            ready(page, first.id)
            assert "Page not found" not in page.inner_text("body")
            page.keyboard.press("2")
            page.wait_for_selector("text=You say fake")
            page.keyboard.press("Enter")
            page.wait_for_selector("text=1 of 2 done")
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            with closing(stored(data)) as store:
                assert [label.truth for label in store.labels()] == [Truth.FAKE]
            process = start(port, data)
            page.goto(f"http://127.0.0.1:{port}/review")
            page.wait_for_selector("text=1 of 2 done")
            assert "Page not found" not in page.inner_text("body")
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def start(port: int, data: Path) -> subprocess.Popen[bytes]:
    """A server that can be killed."""
    process = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", "workbench.py", "--server.port", str(port)],
        cwd=ROOT,
        env={**os.environ, "UNMASK_DATA_DIR": str(data), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    for _ in range(400):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=2):
                return process
        except OSError:
            time.sleep(0.3)
    raise AssertionError("the server did not start")
