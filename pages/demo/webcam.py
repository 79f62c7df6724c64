"""The page of the camera: pictures one after another, a verdict that does not jump, and how many a second."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import gradio as gr
import numpy as np
from PIL import Image

from core import registry, wording
from core.errors import WorkbenchError
from core.figures.style import label_at
from core.settings import Settings
from core.types import RGB
from pages.demo import cards
from pages.demo.access import client_of
from pages.demo.chart import ASSETS
from pages.demo.fetching import uploads_only
from pages.demo.service import Service

_SMOOTH_S = 3.0
_RATE_S = 4.0
_LONGEST_S = 120.0
_SIDE_PX = 640
_WAIT_S = 30.0


@dataclass(frozen=True, slots=True)
class Live:
    """What was seen so far: the smoothed P(fake), when it was last fed, and the times of the last pictures."""

    p_fake: float | None = None
    fed_s: float = 0.0
    times_s: tuple[float, ...] = ()

    def fed(self, p_fake: float | None, now_s: float) -> Live:
        """With one more picture; one without a face counts for the rate only."""
        recent = tuple(t for t in self.times_s if now_s - t <= _RATE_S) or self.times_s[-1:]
        times = (*recent, now_s)
        if p_fake is None:
            return Live(self.p_fake, self.fed_s, times)
        if self.p_fake is None:
            return Live(p_fake, now_s, times)
        share = 1 - math.exp(-(now_s - self.fed_s) / _SMOOTH_S)
        return Live(self.p_fake + share * (p_fake - self.p_fake), now_s, times)

    @property
    def rate_hz(self) -> float:
        """Pictures a second over the last seconds, or between the last two where they come more slowly."""
        if len(self.times_s) < 2:
            return 0.0
        return (len(self.times_s) - 1) / max(1e-6, self.times_s[-1] - self.times_s[0])


class WebcamHandlers:
    """What happens on the page. Pictures of the camera are not kept, not even in the cache."""

    def __init__(self, service: Service) -> None:
        self._service = service
        cache = service.settings.cache.model_copy(update={"enabled": False})
        sandbox = service.settings.sandbox.model_copy(update={"enabled": False})  # the picture was drawn by this server
        self._settings: Settings = service.settings.model_copy(update={"cache": cache, "sandbox": sandbox})

    def look(self, rgb: RGB | None, live: Live | None, request: gr.Request) -> tuple[str, Live]:
        """(verdict, live) for one picture of the camera, uint8[H, W, 3]."""
        before = live or Live()
        if rgb is None:
            return gr.skip(), before
        try:
            p_fake = self._judge(rgb, client_of(request, self._service.settings.server.proxies))
        except WorkbenchError as error:
            return cards.failure(error, "This picture could not be looked at"), before
        now = before.fed(p_fake, time.monotonic())
        return told(now, seen=p_fake is not None, settings=self._settings), now

    def _judge(self, rgb: RGB, client: str) -> float | None:
        path = self._service.fresh_file()
        image = Image.fromarray(np.asarray(rgb, np.uint8)).convert("RGB")
        image.thumbnail((_SIDE_PX, _SIDE_PX))
        image.save(path, "BMP")
        job = self._service.lanes.submit(path, self._settings, "camera", client=client, temporary=True)
        if not job.wait(_WAIT_S):
            job.stop()
        if job.result is None:
            raise job.error or WorkbenchError("The picture waited too long.", hint="The server is busy: try later.")
        return job.result.verdict.p_fake


def told(live: Live, *, seen: bool, settings: Settings) -> str:
    """The smoothed verdict in words."""
    rate = f"{live.rate_hz:.1f} pictures a second"
    if live.p_fake is None:
        return (
            f'<div role="status"><h2>Nothing to judge yet</h2><p class="um-faint">No face was found. {rate}.</p></div>'
        )
    label = label_at(live.p_fake, registry.ensemble(settings.preset).limits)
    lost = "" if seen else " No face in the last picture."
    return (
        f'<div role="status"><div class="um-headline um-{label.value}">{cards.mark(label)}<div>'
        f"<h2>{wording.VERDICT_TITLES[label]}</h2><p>P(fake) {wording.percent(live.p_fake)}, smoothed over "
        f'{_SMOOTH_S:.0f} seconds</p></div></div><p class="um-faint" id="um-rate">{rate}.{lost}</p></div>'
    )


def place_webcam(service: Service) -> None:
    """The page, inside one of a site's routes."""
    do = WebcamHandlers(service)
    gr.HTML(cards.header("Your camera, judged picture by picture."), apply_default_css=False)
    with gr.Row():
        with gr.Column(scale=6, min_width=300, elem_classes="um-panel"):
            camera = uploads_only(
                gr.Image(sources=["webcam"], streaming=True, type="numpy", label="Camera", elem_id="um-camera")
            )
            gr.HTML(
                '<p class="um-faint">Pictures go to this server, are looked at and thrown away. It stops by itself '
                "when the tab is hidden, and after two minutes.</p>",
                js_on_load=(ASSETS / "hidden.js").read_text(encoding="utf-8"),
                apply_default_css=False,
            )
        with gr.Column(scale=5, min_width=300, elem_classes="um-panel"):
            verdict = gr.HTML(
                "<h2>Start the camera</h2><p class=um-faint>One picture says less than a clip: for a verdict that "
                "counts, record a clip and analyse it.</p>",
                elem_id="um-live",
                apply_default_css=False,
            )
    live = gr.State(None, time_to_live=600)
    camera.stream(
        do.look, [camera, live], [verdict, live], stream_every=0.4, time_limit=_LONGEST_S, concurrency_id="camera",
        concurrency_limit=4, show_progress="hidden", api_visibility="private",
    )  # fmt: skip
