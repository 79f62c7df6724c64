"""The right side of the page: the verdict and what is behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from core import figures, wording
from core.audio import words as sound_words
from core.errors import WorkbenchError
from core.explain.choices import frame_detectors
from core.faces import words as face_words
from core.overlays import telling_moment
from core.settings import Settings
from core.sync import words as sync_words
from core.types import Analysis, MediaKind
from pages.demo import cards, evidence
from pages.demo.chart import ASSETS, chart, drawn
from pages.demo.evidence import Shown

VIEW = ("verdict", "scale", "details", "consensus", "timeline")
"""What depends on the thresholds."""

_FILLED = (
    "column", *VIEW, "lines", "fake", "real", "over_time", "moment", "frames", "frame", "heat", "people", "moves",
    "motion", "attention_said", "attention", "voice", "sound", "sound_said", "lips", "sync", "strip", "sync_words",
    "facts",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Result:
    """Components that show an analysis."""

    column: gr.Column
    verdict: gr.HTML
    scale: gr.HTML
    details: gr.HTML
    lines: gr.Accordion
    fake: gr.Slider
    real: gr.Slider
    reset: gr.Button
    consensus: gr.HTML
    over_time: gr.Column
    timeline: gr.HTML
    moment: gr.Slider
    frames: gr.Column
    frame: gr.HTML
    heat: gr.Checkbox
    people: gr.HTML
    moves: gr.Column
    motion: gr.HTML
    attention_said: gr.HTML
    attention: gr.HTML
    voice: gr.Column
    sound: gr.HTML
    sound_said: gr.HTML
    lips: gr.Column
    sync: gr.HTML
    strip: gr.HTML
    sync_words: gr.HTML
    facts: gr.HTML
    downloads: tuple[gr.Button, ...]
    saver: gr.HTML

    @property
    def view(self) -> list[gr.HTML]:
        """In the order of :func:`view`."""
        return [getattr(self, name) for name in VIEW]

    @property
    def outputs(self) -> list[Any]:
        """In the order of :func:`filled`."""
        return [getattr(self, name) for name in _FILLED]


def place_result() -> Result:
    """Lay the components out in the current column, hidden until there is a result."""
    with gr.Column(visible=False, elem_id="um-result") as column:
        with gr.Column(elem_classes="um-panel um-top", elem_id="um-verdict"):
            verdict = gr.HTML(apply_default_css=False)
            scale = chart("um-scale")
            details = gr.HTML(apply_default_css=False)
            lines, real, fake, reset = _place_lines()
        with _panel("What each model says"):
            consensus = chart("um-consensus")
            people = gr.HTML(apply_default_css=False, visible=False)
        with _panel("What was looked at") as frames, gr.Row():
            with gr.Column(scale=6, min_width=300) as over_time:
                gr.HTML(
                    '<p class="um-faint">Click a point, or move the slider, to see that frame.</p>',
                    apply_default_css=False,
                )
                timeline = chart("um-timeline", clickable=True)
                moment = gr.Slider(0, 1, 0, step=0.01, label="Moment in seconds", buttons=[], elem_id="um-moment")
            with gr.Column(scale=5, min_width=300):
                frame = gr.HTML(elem_id="um-frame", apply_default_css=False)
                heat = gr.Checkbox(False, label="Show where the model looks", elem_id="um-heat")
        with _panel("How the faces move") as moves:
            motion = gr.HTML(apply_default_css=False)
            attention_said = gr.HTML(apply_default_css=False)
            attention = chart("um-attention", clickable=True)
        with _panel("Sound") as voice:
            sound_said = gr.HTML(apply_default_css=False)
            sound = chart("um-sound", plays=True)
        with _panel("Sound and lips") as lips:
            sync_words = gr.HTML(apply_default_css=False)
            sync = chart("um-sync")
            strip = chart("um-strip", clickable=True)
        with _panel("About the file"):
            facts = gr.HTML(apply_default_css=False)
            with gr.Row(elem_classes="um-buttons"):
                downloads = (
                    gr.Button("Report, PDF", size="sm", elem_id="um-pdf"),
                    gr.Button("Report, HTML", size="sm", elem_id="um-html"),
                    gr.Button("Evidence package", size="sm", elem_id="um-zip"),
                    gr.Button("Download JSON", size="sm", elem_id="um-json"),
                    gr.Button("CSV of the models", size="sm", elem_id="um-csv"),
                    gr.Button("CSV of the frames", size="sm", elem_id="um-csv-frames"),
                )
            saver = gr.HTML(
                html_template="<i></i>",
                js_on_load=(ASSETS / "download.js").read_text(encoding="utf-8"),
                visible="hidden",
            )
    return Result(
        column, verdict, scale, details, lines, fake, real, reset, consensus, over_time, timeline, moment,
        frames, frame, heat, people, moves, motion, attention_said, attention, voice, sound, sound_said, lips,
        sync, strip, sync_words, facts, downloads, saver,
    )  # fmt: skip


def _panel(title: str) -> gr.Column:
    panel = gr.Column(elem_classes="um-panel")
    with panel:
        gr.HTML(f"<h2>{title}</h2>", apply_default_css=False)
    return panel


def _place_lines() -> tuple[gr.Accordion, gr.Slider, gr.Slider, gr.Button]:
    with gr.Accordion("Move the lines between real, uncertain and fake", open=False, elem_id="um-lines") as lines:
        with gr.Row():
            real = gr.Slider(0, 100, 30, step=1, label="Call it real up to (%)", buttons=[], elem_id="um-real")
            fake = gr.Slider(0, 100, 70, step=1, label="Call it fake from (%)", buttons=[], elem_id="um-fake")
        gr.HTML(
            '<p class="um-faint">Lines change how the score is read, not the score: no model runs again.</p>',
            apply_default_css=False,
        )
        reset = gr.Button("Back to the preset's lines", size="sm", elem_id="um-reset")
    return lines, real, fake, reset


def view(analysis: Analysis) -> list[str]:
    """Values of :attr:`Result.view`."""
    return [
        cards.verdict(analysis.verdict),
        drawn(figures.verdict_bar(analysis), wording.verdict_words(analysis.verdict)) if _has_score(analysis) else "",
        cards.details(analysis),
        drawn(figures.consensus_bars(analysis), wording.consensus_words(analysis)),
        drawn(figures.timeline(analysis), wording.timeline_words(analysis)) if _is_clip(analysis) else "",
    ]


def filled(shown: Shown | None, settings: Settings) -> list[Any]:
    """Values of :attr:`Result.outputs`; nothing to show hides the result."""
    if shown is None:
        return [gr.update(visible=False), *[gr.skip()] * (len(_FILLED) - 1)]
    analysis = shown.analysis
    limits = analysis.verdict.thresholds
    moment = telling_moment(analysis)
    return [
        gr.update(visible=True),
        *view(analysis),
        gr.update(visible=_has_score(analysis)),
        gr.update(value=round(100 * limits.fake)),
        gr.update(value=round(100 * limits.real)),
        gr.update(visible=_is_clip(analysis)),
        _moment_slider(analysis, moment),
        gr.update(visible=bool(analysis.frames)),
        frame_or_reason(shown, moment, settings) if analysis.frames else "",
        gr.update(value=False, visible=bool(frame_detectors(analysis))),
        gr.update(value=cards.people(analysis), visible=len(analysis.people) > 1),
        gr.update(visible=bool(analysis.motion) or _has_attention(analysis)),
        cards.motion(analysis),
        cards.attention() if _has_attention(analysis) else "",
        drawn(figures.attention(analysis), " ".join(face_words.told(analysis))) if _has_attention(analysis) else "",
        gr.update(visible=analysis.sound is not None),
        drawn(figures.sound_over_time(analysis), " ".join(sound_words.told(analysis))) if analysis.sound else "",
        cards.sound(analysis),
        gr.update(visible=bool(analysis.sync and analysis.frames)),
        drawn(figures.sync_curve(analysis), "Fit of lips and sound over time shifts.") if analysis.sync else "",
        drawn(figures.sync_over_time(analysis), sync_words.over_time(analysis)) if _has_moments(analysis) else "",
        cards.sync(analysis),
        cards.facts(analysis),
    ]


def frame_or_reason(shown: Shown, t_s: float, settings: Settings, *, heat: bool = False) -> str:
    """The frame, with the heat map over it where that is wanted, or why it cannot be shown."""
    try:
        return evidence.heat(shown, t_s, settings) if heat else evidence.frame(shown, t_s, settings)
    except WorkbenchError as error:
        return cards.note(str(error), "bad")


def _has_score(analysis: Analysis) -> bool:
    return analysis.verdict.p_fake is not None


def _has_moments(analysis: Analysis) -> bool:
    return any(curve.t_s for curve in figures.shown_curves(analysis))


def _has_attention(analysis: Analysis) -> bool:
    return any(score.attention is not None and score.attention.t_s for score in analysis.scores)


def _is_clip(analysis: Analysis) -> bool:
    return analysis.media.info.kind is not MediaKind.IMAGE


def _moment_slider(analysis: Analysis, moment: float) -> Any:
    times = [round(frame.t_s, 2) for frame in analysis.frames]
    if len(times) < 2:
        return gr.update(visible=False)
    return gr.update(visible=True, minimum=times[0], maximum=times[-1], value=round(moment, 2))
