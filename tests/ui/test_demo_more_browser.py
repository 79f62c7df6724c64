"""The further pages of the demo in a real browser: they work, run nothing foreign, and everyone can use them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests import media
from tests.ui.browser import open_page, shoot

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]

WAIT_MS = 240_000
PAGES = ("", "batch", "webcam", "compare", "history", "detectors", "about")
NASTY = '"><img src=x onerror="window.hurt=1">.png'


@pytest.fixture(scope="session")
def axe(tmp_path_factory) -> str:
    """The checker of accessibility, fetched by npm."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed, so axe-core cannot be fetched")
    folder = tmp_path_factory.mktemp("axe")
    command = [npm, "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "axe-core@4"]
    try:
        subprocess.run(command, cwd=folder, check=True, timeout=120, capture_output=True)
    except (subprocess.SubprocessError, OSError) as error:
        pytest.skip(f"axe-core cannot be fetched by npm: {type(error).__name__}")
    return (folder / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


def grave_faults(page, axe: str) -> list[str]:
    page.evaluate(axe)
    return page.evaluate(
        """async () => (await axe.run(document, { resultTypes: ["violations"] })).violations
            .filter((v) => ["serious", "critical"].includes(v.impact))
            .flatMap((v) => v.nodes.map((n) => `${v.id}: ${n.html.slice(0, 160)}`))"""
    )


@pytest.mark.parametrize(("size", "scheme"), [("desktop", "light"), ("phone", "dark")])
def test_no_page_has_a_grave_fault_of_accessibility(demo_server, axe, size, scheme):
    found = []
    with open_page(demo_server.url, size, scheme) as (page, watch):
        for name in PAGES:
            page.goto(f"{demo_server.url}/{name}")
            page.locator(".um-header").first.wait_for()
            page.wait_for_timeout(1500)
            found += [f"/{name} {fault}" for fault in grave_faults(page, axe)]
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), f"/{name} is too wide"
            shoot(page, f"demo-{size}-{scheme}-{name or 'analyse'}")
        watch.assert_clean()
    assert found == []


def test_a_batch_with_a_bad_file_and_a_hostile_name(demo_server, tmp_path):
    good = media.landscape(tmp_path / NASTY.replace("/", ""))
    bad = media.bytes_of(tmp_path / "bad.png", b"words, no picture\n" * 9)
    with open_page(f"{demo_server.url}/batch") as (page, watch):
        page.locator("#um-files input[type=file]").set_input_files([good, bad])
        page.locator("#um-files").get_by_text("bad").first.wait_for()
        page.locator("#um-run").click()
        page.locator("#um-counts .main-svg").first.wait_for(timeout=WAIT_MS)
        assert "2 of 2 files" in page.locator("#um-batch").inner_text()
        assert "Not analysed" in page.locator("#um-batch").inner_text()
        with page.expect_download() as caught:
            page.locator("#um-batch-csv").click()
        assert len(Path(caught.value.path()).read_text(encoding="utf-8-sig").splitlines()) == 3
        page.goto(f"{demo_server.url}/history")
        page.locator("button[data-act=open]").first.click()
        page.locator("#um-visit .um-headline").wait_for()
        assert page.evaluate("window.hurt") is None
        assert page.locator("main img[src=x]").count() == 0
        watch.assert_clean()


def test_a_link_chooses_an_example(demo_server):
    with open_page(f"{demo_server.url}/?example=hills") as (page, watch):
        page.locator("#um-verdict .um-not_applicable").wait_for(timeout=WAIT_MS)
        watch.assert_clean()


def test_two_files_are_drawn_on_one_axis(demo_server, tmp_path):
    with open_page(f"{demo_server.url}/compare") as (page, watch):
        page.locator("#um-first input[type=file]").set_input_files(media.portrait(tmp_path / "one.png", size=256))
        page.locator("#um-second input[type=file]").set_input_files(media.landscape(tmp_path / "two.png"))
        page.locator("#um-second").get_by_text("two").first.wait_for()
        page.locator("#um-run").click()
        page.locator("#um-both .main-svg").first.wait_for(timeout=WAIT_MS)
        assert "one.png" in page.locator("#um-left").inner_text()
        assert "two.png" in page.locator("#um-right").inner_text()
        watch.assert_clean()
