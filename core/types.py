"""The values that flow through the program.

All are frozen. Every probability is P(fake) in [0, 1], 1 = fake. Times are seconds on the medium's own clock
(pts x time_base), boxes are (x0, y0, x1, y1) in pixels of the upright full-size frame. This module imports no
machine-learning library.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from core.facts import Attention, Head, Look, MotionFacts, Provenance, SoundFacts

RGB: TypeAlias = npt.NDArray[np.uint8]
Grey: TypeAlias = npt.NDArray[np.uint8]
PCM: TypeAlias = npt.NDArray[np.float32]
Box: TypeAlias = tuple[float, float, float, float]
Region: TypeAlias = tuple[int, int, int, int]
"""A part of an upright frame in px: left, top, and right and bottom that are no part of it."""
Landmarks: TypeAlias = tuple[tuple[float, float], ...]

ANALYSIS_VERSION = 1


class MediaKind(StrEnum):
    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"


class Modality(StrEnum):
    """What a detector looks at."""

    IMAGE = "image"
    CLIP = "clip"
    AUDIO = "audio"
    AUDIO_VISUAL = "audio-visual"


class Status(StrEnum):
    """Whether a detector answered. Only ``ok`` votes."""

    OK = "ok"
    NOT_APPLICABLE = "not_applicable"
    UNAVAILABLE = "unavailable"
    ERROR = "error"


class Label(StrEnum):
    FAKE = "fake"
    REAL = "real"
    UNCERTAIN = "uncertain"
    NOT_APPLICABLE = "not_applicable"


class Stage(StrEnum):
    """Named steps of an analysis, in order, as shown to the user."""

    QUEUED = "queued"
    READING = "reading"
    FACES = "finding faces"
    MODELS = "running models"
    SYNC = "sound and sync"
    VERDICT = "final classification"


@dataclass(frozen=True, slots=True)
class Progress:
    """One step forward. ``fraction`` in [0, 1] over the whole analysis, never decreasing."""

    stage: Stage
    fraction: float
    detail: str = ""


@dataclass(frozen=True, slots=True)
class MediaRef:
    """A file whose kind was decided by its content. ``sha256`` is over the file's bytes."""

    path: Path
    sha256: str
    kind: MediaKind
    format: str
    size_bytes: int
    name: str


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """What the container and the codec say. Absent facts are None, never guessed.

    ``width`` and ``height`` are those of the upright picture, after ``rotation_deg`` was applied.
    ``hints`` are observations in plain words (re-encoding, odd structure); they are facts, never a score.
    ``warnings`` are what went wrong while reading and how much was still read.
    """

    kind: MediaKind
    container: str
    duration_s: float | None = None
    width: int | None = None
    height: int | None = None
    fps: float | None = None
    frame_count: int | None = None
    video_codec: str | None = None
    video_profile: str | None = None
    pixel_format: str | None = None
    bitrate_bps: int | None = None
    gop_frames: float | None = None
    rotation_deg: int = 0
    variable_frame_rate: bool | None = None
    has_audio: bool = False
    audio_codec: str | None = None
    audio_sample_rate_hz: int | None = None
    audio_channels: int | None = None
    audio_start_s: float | None = None
    video_start_s: float | None = None
    hints: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One decoded picture, upright, uint8[H, W, 3] RGB. ``index`` is for display only; ``t_s`` is the time."""

    index: int
    t_s: float
    rgb: RGB


@dataclass(frozen=True, slots=True, eq=False)
class GreyFrame:
    """A part of one decoded picture without its colours, upright, uint8[H, W]."""

    t_s: float
    grey: Grey


@dataclass(frozen=True, slots=True, eq=False)
class AudioClip:
    """Mono samples float32[T] in [-1, 1] at ``sr_hz``; ``start_s`` places them on the medium's clock."""

    pcm: PCM
    sr_hz: int
    start_s: float = 0.0

    @property
    def duration_s(self) -> float:
        return len(self.pcm) / self.sr_hz


@dataclass(frozen=True, slots=True)
class FaceQuality:
    """Measures of one face: ``size_px`` shorter box side, ``blur`` variance of the Laplacian at a fixed size
    (higher is sharper), ``luma`` mean in [0, 255], ``yaw`` proxy in [-1, 1] (0 = frontal), ``occlusion`` proxy in
    [0, 1] (0 = free), ``noise`` standard deviation of the grain in grey levels."""

    size_px: float
    blur: float
    luma: float
    yaw: float
    occlusion: float
    noise: float = 0.0


@dataclass(frozen=True, slots=True)
class Face:
    """One face found in one frame. ``landmarks`` are left eye, right eye, nose, left and right mouth corner, as
    seen by the viewer. ``confidence`` is the finder's, in [0, 1]."""

    box: Box
    landmarks: Landmarks
    confidence: float


@dataclass(frozen=True, slots=True)
class FaceTrack:
    """One person over time; entry i of every tuple belongs to the same sampled frame.

    ``frame`` holds positions in the list of sampled frames, ``t_s`` their times.
    """

    id: int
    frame: tuple[int, ...]
    t_s: tuple[float, ...]
    faces: tuple[Face, ...]
    quality: tuple[FaceQuality, ...]


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of time with a probability, for detectors that look at windows."""

    start_s: float
    end_s: float
    p_fake: float


@dataclass(frozen=True, slots=True)
class Score:
    """One detector's answer about one person (``track_id``) or about the whole medium (``track_id`` None).

    ``p_fake`` is calibrated where ``calibration`` names a fit, else equal to ``raw``; both None unless ok.
    ``n`` counts the frames or windows behind it. ``looks`` are second looks at some of them, ``spread`` by how much
    P(fake) differs between looks (None where there was one). ``heads`` and ``attention`` are what networks over time
    tell of themselves. ``reason`` says why there is no answer.
    """

    detector: str
    title: str
    modality: Modality
    status: Status
    p_fake: float | None = None
    raw: float | None = None
    track_id: int | None = None
    n: int = 0
    calibration: str | None = None
    weights_sha256: str | None = None
    reason: str = ""
    spread: float | None = None
    looks: tuple[Look, ...] = ()
    heads: tuple[Head, ...] = ()
    attention: Attention | None = None


@dataclass(frozen=True, slots=True)
class Timeline:
    """Calibrated P(fake) of one detector for one person (or the whole medium) at times ``t_s``."""

    detector: str
    track_id: int | None
    t_s: tuple[float, ...]
    p_fake: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class SyncStretch:
    """A stretch of time and how far lips and sound stand out there at the best shift of the whole; 0 = not at all."""

    start_s: float
    end_s: float
    agreement: float


@dataclass(frozen=True, slots=True)
class SyncCurve:
    """How sound and lips agree over time shifts.

    ``offset_ms[i]`` > 0 means that the sound lags the picture; ``agreement[i]`` is the measure at that shift,
    higher is better. ``best_offset_ms`` and ``confidence`` (in [0, 1]) are None unless ok. ``method`` names the
    measure and ``summary`` says in plain words what it means.

    Over time, for moments in which somebody speaks: row j of ``coherence`` is the agreement round ``t_s[j]`` at the
    shifts of ``offset_ms``, ``offset_at_ms[j]`` the best shift there, ``agreement_at[j]`` how far the best shift of the
    whole stands out there, and ``worst`` are the stretches that fit least, the worst first. Empty where the measure
    does not say.
    """

    method: str
    status: Status
    summary: str
    track_id: int | None = None
    offset_ms: tuple[float, ...] = ()
    agreement: tuple[float, ...] = ()
    best_offset_ms: float | None = None
    confidence: float | None = None
    t_s: tuple[float, ...] = ()
    coherence: tuple[tuple[float, ...], ...] = ()
    offset_at_ms: tuple[float, ...] = ()
    agreement_at: tuple[float, ...] = ()
    worst: tuple[SyncStretch, ...] = ()


@dataclass(frozen=True, slots=True)
class Contribution:
    """How one member moves the verdict: its weight in [0, 1] and ``delta`` = p_fake with it minus without it
    (None where nothing is left without it)."""

    detector: str
    weight: float
    p_fake: float
    delta: float | None


@dataclass(frozen=True, slots=True)
class Thresholds:
    """P(fake) >= ``fake`` reads fake, <= ``real`` reads real, uncertain between. 0 <= real <= fake <= 1."""

    fake: float
    real: float

    def __post_init__(self) -> None:
        if not 0.0 <= self.real <= self.fake <= 1.0:
            raise ValueError("thresholds need 0 <= real <= fake <= 1")


@dataclass(frozen=True, slots=True)
class PersonResult:
    """The fused answer about one person. ``enough`` is false where the evidence is too thin to drive a verdict.

    ``doubts`` say why this person may not be called fake whatever the figure. ``calibration`` names the fit of the
    fusion, ``fusion`` says how the members were put together where that needs saying.
    """

    track_id: int | None
    p_fake: float | None
    enough: bool
    reason: str
    contributions: tuple[Contribution, ...] = ()
    interval: tuple[float, float] | None = None
    doubts: tuple[str, ...] = ()
    calibration: str | None = None
    fusion: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer. ``p_fake`` and ``interval`` are None where nothing applies. ``agreement`` is the share of voting
    members on the verdict's side of one half, in [0, 1]. ``track_id`` says which person drives it."""

    label: Label
    p_fake: float | None
    thresholds: Thresholds
    interval: tuple[float, float] | None = None
    agreement: float | None = None
    track_id: int | None = None
    calibrated: bool = False
    contributions: tuple[Contribution, ...] = ()
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StageTiming:
    stage: Stage
    seconds: float


@dataclass(frozen=True, slots=True)
class SampledFrame:
    """A frame that was looked at; ``enhanced`` says what was done to it before faces were sought ("" = nothing)."""

    index: int
    t_s: float
    enhanced: str = ""


@dataclass(frozen=True, slots=True)
class MediaFacts:
    """The file as far as a report may show it: no path."""

    name: str
    sha256: str
    size_bytes: int
    format: str
    info: MediaInfo


@dataclass(frozen=True, slots=True)
class Environment:
    """What the numbers were made with. ``backends`` are (detector, how its network was run)."""

    unmask: str
    python: str
    torch: str
    device: str
    backends: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Analysis:
    """The whole result: serialisable, versioned, with a JSON schema (:mod:`core.schema`).

    ``id`` is the hash of everything that the result depends on, so equal inputs give equal ids.
    """

    id: str
    preset: str
    media: MediaFacts
    verdict: Verdict
    scores: tuple[Score, ...]
    people: tuple[PersonResult, ...]
    tracks: tuple[FaceTrack, ...]
    timelines: tuple[Timeline, ...]
    frames: tuple[SampledFrame, ...]
    sync: tuple[SyncCurve, ...] = ()
    motion: tuple[MotionFacts, ...] = ()
    warnings: tuple[str, ...] = ()
    created_at: str = ""
    timings: tuple[StageTiming, ...] = ()
    environment: Environment | None = None
    provenance: Provenance | None = None
    sound: SoundFacts | None = None
    version: int = field(default=ANALYSIS_VERSION)
