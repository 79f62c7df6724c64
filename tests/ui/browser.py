"""A real Chromium for the tests of both front ends."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import pytest

from core.settings import ROOT

SCREENS = ROOT / "artifacts" / "screens"
SIZES = {"desktop": {"width": 1280, "height": 900}, "phone": {"width": 390, "height": 844}}
_ARGUMENTS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-component-update",
    "--disable-background-networking", "--disable-sync", "--disable-dev-shm-usage",
)  # fmt: skip
_LOCAL = ("127.0.0.1", "localhost", "")


def chromium() -> str | None:
    """Where a Chromium is installed."""
    return next(
        (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
    )


@dataclass
class Watch:
    """What a page did that it should not: requests to other hosts, errors on the console or in scripts."""

    strangers: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def request(self, request: Any) -> None:
        if urlsplit(request.url).scheme not in ("data", "blob") and urlsplit(request.url).hostname not in _LOCAL:
            self.strangers.append(request.url)

    def console(self, message: Any) -> None:
        if message.type == "error":
            self.errors.append(f"{message.text} ({message.location.get('url')})")

    def assert_clean(self) -> None:
        assert self.strangers == [], "the page asked other hosts"
        assert self.errors == [], "the page reported errors"


def _filmed(camera: Path) -> tuple[str, ...]:
    return (
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-video-capture={camera}",
    )


@contextmanager
def open_page(
    url: str,
    size: Literal["desktop", "phone"] = "desktop",
    scheme: Literal["light", "dark"] = "light",
    camera: Path | None = None,
) -> Iterator[tuple[Any, Watch]]:
    """A page of a fresh browser at ``url`` and what is wrong with it; skips where there is no Chromium. ``camera`` is a
    film (Y4M) that takes the place of a camera, which the page may use then."""
    path = chromium()
    if path is None:
        pytest.skip("no Chromium is installed (Debian: apt-get install chromium)")
    playwright = pytest.importorskip("playwright.sync_api", reason="the package playwright is not installed")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=[*_ARGUMENTS, *(_filmed(camera) if camera else ())])
        context = browser.new_context(
            viewport=SIZES[size],
            color_scheme=scheme,
            has_touch=size == "phone",
            accept_downloads=True,
            locale="en-GB",
            permissions=["camera"] if camera else [],
        )
        page, watch = context.new_page(), Watch()
        page.set_default_timeout(60_000)
        page.on("request", watch.request)
        page.on("console", watch.console)
        page.on("pageerror", lambda error: watch.errors.append(str(error)))
        page.goto(url)
        try:
            yield page, watch
        finally:
            browser.close()


def shoot(page: Any, name: str, *, full: bool = True) -> Path:
    """Keep a screenshot under ``artifacts/screens``."""
    SCREENS.mkdir(parents=True, exist_ok=True)
    path = SCREENS / f"{name}.png"
    page.screenshot(path=path, full_page=full)
    return path
