"""Hand-made analyses for tests of figures, reports and pages: every number in them is invented."""

from __future__ import annotations

import math
from dataclasses import replace

from core.types import (
    Analysis,
    Contribution,
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
    Status,
    SyncCurve,
    Thresholds,
    Timeline,
    Verdict,
)

LIMITS = Thresholds(fake=0.65, real=0.35)
TIMES = tuple(round(i * 0.25, 3) for i in range(16))
_LANDMARKS = ((30.0, 40.0), (60.0, 40.0), (45.0, 60.0), (34.0, 80.0), (56.0, 80.0))


def score(detector: str = "net-a", p: float | None = 0.8, track: int | None = 1, **changes: object) -> Score:
    made = Score(
        detector=detector,
        title=detector.replace("-", " ").title(),
        modality=Modality.IMAGE,
        status=Status.OK if p is not None else Status.UNAVAILABLE,
        p_fake=p,
        raw=p,
        track_id=track,
        n=16 if p is not None else 0,
        reason="" if p is not None else "its weights are not on this machine",
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def track(track_id: int, x: float = 100.0) -> FaceTrack:
    face = Face((x, 80.0, x + 120.0, 230.0), _LANDMARKS, 0.99)
    quality = FaceQuality(120.0, 250.0, 120.0, 0.1, 0.0)
    n = len(TIMES)
    return FaceTrack(track_id, tuple(range(n)), TIMES, (face,) * n, (quality,) * n)


def line(detector: str, track_id: int | None, level: float) -> Timeline:
    wave = tuple(min(1.0, max(0.0, level + 0.1 * math.sin(3 * t))) for t in TIMES)
    return Timeline(detector, track_id, TIMES, wave)


def person(track_id: int, p: float) -> PersonResult:
    parts = (Contribution("net-a", 0.5, p, 0.05), Contribution("net-b", 0.5, max(0.0, p - 0.1), -0.05))
    return PersonResult(track_id, p, True, "", parts, (max(0.0, p - 0.1), min(1.0, p + 0.08)))


def clip() -> Analysis:
    """A clip with two people; person 2 drives the verdict."""
    people = (person(1, 0.22), person(2, 0.81))
    offsets = tuple(float(ms) for ms in range(-400, 401, 40))
    verdict = Verdict(
        Label.FAKE, 0.81, LIMITS, (0.71, 0.89), 1.0, 2, False, people[1].contributions, ("Person 2: P(fake) is 81%.",)
    )
    info = MediaInfo(
        MediaKind.VIDEO, "mov,mp4", 4.0, 1280, 720, 25.0, 100, "h264", "High", "yuv420p", 1_800_000, 50.0,
        has_audio=True, audio_codec="aac", audio_sample_rate_hz=44100, audio_channels=2,
        hints=("The clip looks re-encoded.",),
    )  # fmt: skip
    return Analysis(
        id="a" * 64,
        preset="default",
        media=MediaFacts("clip.mp4", "b" * 64, 912_345, "mp4", info),
        verdict=verdict,
        scores=(
            score("net-a", 0.2, 1),
            score("net-a", 0.86, 2),
            score("net-b", 0.24, 1, calibration="Platt, n=400, ECE 0.031, fit deadbeef"),
            score("net-b", 0.76, 2, calibration="Platt, n=400, ECE 0.031, fit deadbeef"),
            score("voice-net", None, None, modality=Modality.AUDIO),
        ),
        people=people,
        tracks=(track(1), track(2, 500.0)),
        timelines=(line("net-a", 1, 0.2), line("net-a", 2, 0.86), line("net-b", 1, 0.24), line("net-b", 2, 0.76)),
        frames=tuple(SampledFrame(i * 6, t, "low light: gamma" if i < 3 else "") for i, t in enumerate(TIMES)),
        sync=(
            SyncCurve(
                "mouth motion against speech energy", Status.OK, "Lips and sound fit best when shifted by 40 ms.", 2,
                offsets, tuple(math.exp(-(((o - 40) / 120) ** 2)) for o in offsets), 40.0, 0.7,
            ),
        ),
        created_at="2026-01-02T03:04:05+00:00",
    )  # fmt: skip


def picture(p: float = 0.12, label: Label = Label.REAL) -> Analysis:
    """A picture with one face and one voting detector."""
    contributions = (Contribution("net-a", 1.0, p, None),)
    face = Face((100.0, 80.0, 220.0, 230.0), _LANDMARKS, 0.99)
    one = FaceTrack(1, (0,), (0.0,), (face,), (FaceQuality(120.0, 250.0, 120.0, 0.1, 0.0),))
    return Analysis(
        id="c" * 64,
        preset="default",
        media=MediaFacts(
            "portrait.png", "d" * 64, 345_678, "png", MediaInfo(MediaKind.IMAGE, "png", width=512, height=512)
        ),
        verdict=Verdict(label, p, LIMITS, None, 1.0, 1, False, contributions, ("Person 1: P(fake) is 12%.",)),
        scores=(score("net-a", p, 1),),
        people=(PersonResult(1, p, True, "", contributions),),
        tracks=(one,),
        timelines=(Timeline("net-a", 1, (0.0,), (p,)),),
        frames=(SampledFrame(0, 0.0),),
    )


def landscape() -> Analysis:
    """A picture in which there is nothing to judge."""
    reason = "No face was found."
    base = picture()
    return replace(
        base,
        verdict=Verdict(Label.NOT_APPLICABLE, None, LIMITS, reasons=(reason,)),
        scores=(score("net-a", None, None, status=Status.NOT_APPLICABLE, reason=reason),),
        people=(),
        tracks=(),
        timelines=(),
    )
