"""Analyses as the tests of stores, schema and CLI need them."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.settings import Settings, build_settings
from core.types import (
    Analysis,
    Contribution,
    Environment,
    Face,
    FaceQuality,
    FaceTrack,
    Label,
    MediaFacts,
    MediaInfo,
    MediaKind,
    Modality,
    PersonResult,
    SampledFrame,
    Score,
    Stage,
    StageTiming,
    Status,
    SyncCurve,
    Thresholds,
    Timeline,
    Verdict,
)


def sha(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def settings_in(folder: Path, **overrides: Any) -> Settings:
    return build_settings(data_dir=folder, **overrides)


def make_analysis(
    seed: str = "a",
    *,
    name: str = "clip.mp4",
    p_fake: float | None = 0.9,
    label: Label = Label.FAKE,
    kind: MediaKind = MediaKind.VIDEO,
) -> Analysis:
    """An analysis with something in every field; ``seed`` decides its id and the hash of its medium."""
    face = Face(
        (10.0, 20.5, 110.0, 140.25), ((30.0, 50.0), (80.0, 50.0), (55.0, 80.0), (35.0, 110.0), (75.0, 110.0)), 0.99
    )
    quality = FaceQuality(100.0, 55.5, 120.0, 0.1, 0.0)
    contribution = Contribution("net", 1.0, p_fake or 0.0, None)
    return Analysis(
        id=sha(f"analysis {seed}"),
        preset="default",
        media=MediaFacts(name, sha(f"medium {seed}"), 1234, "mp4", MediaInfo(kind, "mp4", 2.0, 640, 480, 25.0, 50)),
        verdict=Verdict(
            label, p_fake, Thresholds(0.8, 0.3), (0.8, 0.95), 1.0, 1, True, (contribution,), ("Person 1 looks fake.",)
        ),
        scores=(
            Score("net", "Net", Modality.IMAGE, Status.OK, p_fake or 0.0, 0.5, 1, 2, "Platt", sha("weights")),
            Score("voice", "Voice", Modality.AUDIO, Status.UNAVAILABLE, reason="no weights"),
        ),
        people=(PersonResult(1, p_fake, True, "", (contribution,), (0.8, 0.95)),),
        tracks=(FaceTrack(1, (0, 1), (0.0, 0.04), (face, face), (quality, quality)),),
        timelines=(Timeline("net", 1, (0.0, 0.04), (0.91, 0.89)),),
        frames=(SampledFrame(0, 0.0), SampledFrame(1, 0.04, "low light")),
        sync=(SyncCurve("motion", Status.OK, "in step", 1, (-40.0, 0.0, 40.0), (0.1, 0.5, 0.2), 0.0, 0.4),),
        warnings=("the last second is damaged",),
        created_at="2026-01-02T03:04:05+00:00",
        timings=(StageTiming(Stage.READING, 0.25),),
        environment=Environment("0.1.0", "3.11", "2.6", "cpu"),
    )


def renamed(analysis: Analysis, name: str) -> Analysis:
    return replace(analysis, media=replace(analysis.media, name=name))
