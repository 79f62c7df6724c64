"""The pages of the detectors in a real browser, on a desk and on a phone, light and dark."""

from __future__ import annotations

import pytest

from core import registry
from tests.ui.browser import open_page, shoot

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

LOOKS = [("desktop", "light"), ("phone", "light"), ("phone", "dark")]


def title() -> str:
    return registry.card(registry.detector_ids()[0]).title


@pytest.mark.parametrize(("size", "scheme"), LOOKS)
def test_the_demo_shows_what_is_here(demo_server, size, scheme):
    with open_page(f"{demo_server.url}/detectors", size, scheme) as (page, watch):
        page.locator("#um-detectors article").first.wait_for()
        assert page.locator("#um-detectors article").count() >= len(registry.detector_ids())
        page.get_by_role("heading", name=title(), exact=True).wait_for()
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "it is wider than the screen"
        shoot(page, f"demo-{size}-{scheme}-detectors")
        watch.assert_clean()


def test_the_demo_leads_there_from_its_main_page(demo_server):
    with open_page(demo_server.url) as (page, watch):
        page.get_by_role("link", name="Detectors").first.click()
        page.locator("#um-detectors article").first.wait_for()
        watch.assert_clean()


@pytest.mark.parametrize(("size", "scheme"), LOOKS)
def test_the_workbench_shows_what_is_here(workbench_server, size, scheme):
    with open_page(f"{workbench_server.url}/detectors", size, scheme) as (page, watch):
        page.get_by_role("heading", name="Detectors").wait_for()
        page.locator("[data-testid=stExpander] summary").first.click()
        page.locator("[data-testid=stExpander]").first.get_by_text("sha256").first.wait_for()
        main = "document.querySelector('[data-testid=stMain]')"
        assert page.evaluate(f"{main}.scrollWidth <= {main}.clientWidth"), "it is wider than the screen"
        shoot(page, f"workbench-{size}-{scheme}-detectors")
        # Below the first level of the address, Streamlit tries two paths that are not there.
        watch.errors[:] = [error for error in watch.errors if "/_stcore/" not in error]
        watch.assert_clean()
