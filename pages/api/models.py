"""What the API answers beside an :class:`~core.types.Analysis`."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from core.types import Label, MediaKind, Stage

Visitor = Field(description="Send it back in the header X-Unmask-Visitor to be told apart from other callers.")


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Problem(_Answer):
    """What went wrong and what to do about it."""

    code: str = Field(examples=["unsupported_media"])
    message: str
    hint: str


class JobStatus(_Answer):
    """Where an analysis stands. ``position`` 1 is next; times are seconds."""

    id: str
    name: str
    state: Literal["queued", "running", "done", "failed", "cancelled"]
    stage: Stage
    percent: float = Field(ge=0, le=100)
    detail: str = ""
    position: int | None = None
    wait_s: float | None = Field(default=None, description="estimate until its turn, from the last analyses")
    error: Problem | None = None
    visitor: str = Visitor


class BatchItem(_Answer):
    """One file of a batch: its job, or why it was not taken."""

    name: str
    job: JobStatus | None = None
    error: Problem | None = None


class BatchStatus(_Answer):
    """Files that were sent together. One that fails never stops the others."""

    id: str
    total: int
    finished: int
    failed: int
    items: list[BatchItem]
    visitor: str = Visitor


class FeedbackIn(_Answer):
    """A word on a result."""

    analysis_id: str = Field(min_length=1, max_length=100)
    truth: Literal["real", "fake", "unsure"] = Field(description="what the medium truly is")
    comment: str = Field(default="", max_length=4000)


class FeedbackOut(_Answer):
    saved: bool
    truth: Literal["real", "fake", "unsure"]
    agrees: bool | None
    created_at: str


class Said(_Answer):
    """How often people said ``truth`` where the program said ``label``."""

    label: Label
    truth: Literal["real", "fake", "unsure"]
    count: int


class LearningStatistics(_Answer):
    """Counts over the labels that stand."""

    total: int
    real: int
    fake: int
    unsure: int
    agree: int
    disagree: int
    open: int
    media: int
    table: list[Said]


class HistoryItem(_Answer):
    """One analysis of this visitor."""

    analysis_id: str
    created_at: str
    name: str
    kind: MediaKind
    preset: str
    label: Label
    p_fake: float | None


class History(_Answer):
    total: int
    items: list[HistoryItem]


class Preset(_Answer):
    id: str
    title: str
    members: list[str]


class Detector(_Answer):
    """A detector and whether its weights are here. ``measured`` as its card says it."""

    id: str
    title: str
    modality: str
    weights: str
    usable: bool
    licence: str
    measured: list[str]


class Models(_Answer):
    presets: list[Preset]
    detectors: list[Detector]


class Health(_Answer):
    status: Literal["ok", "starting"]
    version: str
    waiting: int = 0
    running: int = 0


class FineTuneIn(_Answer):
    """What is to be taught."""

    detector: str = Field(min_length=1, max_length=80, pattern=r"^[a-z0-9][a-z0-9._-]*$")


class FineTuneOut(_Answer):
    """A fine-tuning on its way or past; ``last`` is the last thing it said."""

    id: str
    state: Literal["running", "done", "failed", "stopped"]
    started_at: str
    last: str
