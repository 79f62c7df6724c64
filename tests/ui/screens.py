"""Takes the screenshots of the documentation: ``python -m tests.ui.screens``."""

from __future__ import annotations

import logging
import sys
import tempfile
from pathlib import Path

from PIL import Image

from core.settings import ROOT
from tests.ui.browser import open_page
from tests.ui.servers import free_port, serving

log = logging.getLogger(__name__)

DEMO = ROOT / "docs" / "screenshot-demo.png"
MAX_BYTES = 400_000
_HEIGHT = 1310
_COLOURS = 160


def take_demo(target: Path = DEMO) -> Path:
    """The demo with the verdict on its blended clip."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        where = {"GRADIO_SERVER_PORT": str(port)}
        with serving(["app.py"], port, Path(folder), where) as server, open_page(server.url) as (page, watch):
            page.set_viewport_size({"width": 1280, "height": _HEIGHT})
            page.locator("#um-examples button[data-example=talking-portrait-blended]").click()
            page.locator("#um-verdict .um-headline").wait_for(timeout=300_000)
            page.locator("#um-consensus .main-svg").first.wait_for()
            page.mouse.move(0, 0)
            page.wait_for_timeout(1500)
            page.screenshot(path=target)
            watch.assert_clean()
    _shrink(target)
    return target


def _shrink(path: Path) -> None:
    with Image.open(path) as image:
        small = image.convert("RGB").quantize(_COLOURS, dither=Image.Dither.NONE)
    small.save(path, optimize=True)
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise SystemExit(f"{path.name} has {size:,} bytes; {MAX_BYTES:,} are allowed.")


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    log.info("%s", take_demo())
