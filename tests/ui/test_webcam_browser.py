"""The page of the camera in a real browser, with a film in the place of the camera."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import pytest

from core import wording
from core.examples import landscape, portrait
from core.types import RGB
from tests.ui.browser import open_page, shoot

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

WAIT_MS = 120_000
RATE = re.compile(r"([\d.]+) pictures a second")


def film(path: Path, rgb: RGB) -> Path:
    """A still picture as an endless film of 640 x 480."""
    yuv = cv2.cvtColor(cv2.resize(rgb, (640, 480)), cv2.COLOR_RGB2YUV_I420)
    frame = b"FRAME\n" + yuv.tobytes()
    path.write_bytes(b"YUV4MPEG2 W640 H480 F10:1 Ip A1:1 C420jpeg\n" + frame * 5)
    return path


def record(page) -> None:
    page.locator("#um-camera [title='grant webcam access'] button").click()
    page.locator("#um-camera .button-wrap button", has_text="Record").click()


def pictures_a_second(page) -> float:
    found = RATE.search(page.inner_text("#um-live"))
    return float(found.group(1)) if found else 0.0


def test_a_face_before_the_camera_is_judged_until_it_is_stopped(demo_server, tmp_path):
    face = film(tmp_path / "face.y4m", portrait()[:400])
    with open_page(f"{demo_server.url}/webcam", camera=face) as (page, watch):
        record(page)
        page.locator("#um-live .um-headline").wait_for(timeout=WAIT_MS)
        page.wait_for_function(
            "/[1-9]/.test((document.querySelector('#um-rate')?.innerText ?? '').split(' pictures')[0])", timeout=WAIT_MS
        )
        assert pictures_a_second(page) > 0
        assert page.inner_text("#um-live h2") in wording.VERDICT_TITLES.values()
        assert "smoothed over 3 seconds" in page.inner_text("#um-live")
        shoot(page, "demo-webcam-desktop")
        page.locator("#um-camera .button-wrap button", has_text="Stop").click()
        page.locator("#um-camera .button-wrap button", has_text="Record").wait_for()
        page.wait_for_timeout(2000)
        last = page.inner_text("#um-live")
        page.wait_for_timeout(2500)
        assert page.inner_text("#um-live") == last, "pictures are still looked at"
        watch.assert_clean()
    assert list((demo_server.data_dir / "incoming").iterdir()) == [], "pictures are kept"


def test_where_there_is_no_face_there_is_no_verdict(demo_server, tmp_path):
    hills = film(tmp_path / "hills.y4m", landscape())
    with open_page(f"{demo_server.url}/webcam", "phone", camera=hills) as (page, watch):
        record(page)
        page.locator("#um-live", has_text="No face was found").wait_for(timeout=WAIT_MS)
        assert "P(fake)" not in page.inner_text("#um-live")
        watch.assert_clean()
