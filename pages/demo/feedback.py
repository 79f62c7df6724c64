"""The visitor's word on a verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from core.store.feedback import MAX_COMMENT
from core.types import Label

OPEN: list[Any] = [gr.update(visible=True), gr.update(visible=False)]
SENT: list[Any] = [gr.update(visible=False), gr.update(visible=True)]
"""Values of the buttons (send, undo) before and after the answer was sent."""


@dataclass(frozen=True, slots=True)
class Feedback:
    """Components that ask for it."""

    panel: gr.Column
    right: gr.Radio
    truth: gr.Radio
    comment: gr.Textbox
    consent: gr.Checkbox
    send: gr.Button
    undo: gr.Button
    note: gr.HTML

    @property
    def fields(self) -> list[Any]:
        return [self.right, self.truth, self.comment, self.consent]

    @property
    def outputs(self) -> list[Any]:
        return [*self.fields, self.send, self.undo, self.note]


def place_feedback() -> Feedback:
    """Lay the components out in the current column."""
    with gr.Column(elem_classes="um-panel", elem_id="um-feedback", visible=False) as panel:
        gr.HTML(
            "<h2>Was this right?</h2><p class=um-faint>Your answer is kept and helps to make better models.</p>",
            apply_default_css=False,
        )
        with gr.Row():
            right = gr.Radio(
                [("It is right", "right"), ("It is wrong", "wrong")], label="The verdict", elem_id="um-agree"
            )
            truth = gr.Radio(
                [("Real", "real"), ("Fake", "fake"), ("Not sure", "unsure")],
                label="What it truly is",
                elem_id="um-truth",
            )
        comment = gr.Textbox(
            label="Comment (optional)",
            placeholder="How do you know?",
            lines=2,
            max_length=MAX_COMMENT,
            elem_id="um-comment",
        )
        consent = gr.Checkbox(
            label="You may keep this file and train models with it", value=False, elem_id="um-consent"
        )
        with gr.Row(elem_classes="um-buttons"):
            send = gr.Button("Send", variant="primary", size="md", elem_id="um-send")
            undo = gr.Button("Take it back", size="md", visible=False, elem_id="um-undo")
        note = gr.HTML(elem_id="um-thanks", apply_default_css=False)
    return Feedback(panel, right, truth, comment, consent, send, undo, note)


def cleared() -> list[Any]:
    """Values of :attr:`Feedback.outputs` for a new result."""
    return [None, None, "", False, *OPEN, ""]


def likely_truth(label: Label, right: bool) -> str | None:
    """What a medium is if the verdict is right, or wrong; None where that does not follow."""
    if label not in (Label.FAKE, Label.REAL):
        return None
    return "fake" if (label is Label.FAKE) == right else "real"
