"""The naive way against the pipeline: four detectors of the published architectures, 30 frames of a 720p clip.

Naive: each frame is searched in full size by facenet-pytorch's MTCNN, and each network sees one face at a time, by
torch in fp32. The files of the networks have the published layout and random values, so that what is compared is time
and the equality of scores, not their meaning.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from facenet_pytorch import MTCNN

from benchmarks.speeds.media import clip_720p
from benchmarks.speeds.page import Chapter, seconds
from core.detectors.base import FrameDetector, load_detector
from core.faces.align import crop
from core.fusion.calibration import sigmoid
from core.media.guard import identify
from core.media.probe import probe
from core.media.video import read_frames
from core.pipeline import analyse
from core.registry import card, ensemble, member_cards
from core.settings import Settings, build_settings
from core.types import Face
from core.weights import trusted
from core.weights.files import as_found, fresh_sha256
from tests.unit.plugin_samples import EfficientNetB4, Reference, Xception, fed, pictures
from tests.unit.test_plugin_deepfakebench import F3Net
from tests.unit.test_plugin_effort import Effort

FRAMES = 30
_NETWORKS = {
    "deepfakebench-xception": lambda: Xception(),
    "deepfakebench-efficientnet-b4": lambda: EfficientNetB4(
        "backbone.efficientnet.", "backbone.last_layer", padded_stem=False
    ),
    "deepfakebench-f3net": lambda: F3Net(),
    "effort-clip": lambda: Effort(1024, 4096, 24, 16),
}


def settings_with_files(folder: Path) -> Settings:
    """Settings whose ``forensics4`` finds all four files, made and vouched for."""
    (folder / "weights").mkdir(parents=True, exist_ok=True)
    settings = build_settings(
        data_dir=folder / "data",
        weights_dir=folder / "weights",
        preset="forensics4",
        sampling={"strategy": "uniform", "frames": FRAMES},
        cache={"enabled": False},
    )
    for name, make in _NETWORKS.items():
        file = folder / "weights" / card(name).weights.file
        reference: Reference = make()
        if name != "effort-clip":
            _settle(reference, card(name).input.size)
        reference.save(file)
        trusted.vouch(settings, name, file.name, fresh_sha256(file), file.stat().st_size)
    return settings


def _settle(reference: Reference, size: int) -> None:
    """One pass in which each normalisation takes the statistics that it meets."""
    reference.logits(fed(pictures(2, size), 0.5, 0.5), calibrate=True)


def naive(path: Path, settings: Settings, finder: Any, detectors: list[FrameDetector]) -> list[float]:
    """Mean P(fake) of each detector over the frames."""
    ref = identify(path, settings.limits)
    frames, _ = read_frames(ref, probe(ref, settings.limits), settings.sampling)
    p: list[list[float]] = [[] for _ in detectors]
    for frame in frames:
        boxes, scores, points = finder.detect(frame.rgb, landmarks=True)
        largest = max(range(len(boxes)), key=lambda i: float((boxes[i][2] - boxes[i][0]) * (boxes[i][3] - boxes[i][1])))
        face = Face(
            tuple(float(v) for v in boxes[largest]),  # type: ignore[arg-type]
            tuple((float(x), float(y)) for x, y in points[largest]),
            float(scores[largest]),
        )
        for place, detector in enumerate(detectors):
            logits = detector.logits(crop(frame.rgb, face, detector.card.input)[None])
            p[place].append(float(sigmoid(logits)[0]))
    return [float(np.mean(values)) for values in p]


def measure(folder: Path) -> Chapter:
    settings, path = settings_with_files(folder), clip_720p(folder / "clip.mp4", 10)
    cards = [as_found(known, settings) for known in member_cards(ensemble("forensics4"))]
    detectors = [load_detector(known, weights, "cpu") for known, weights in cards]
    finder: Any = MTCNN(keep_all=True, device="cpu")
    answers: list[list[float]] = []
    naive_s, naive_cpu = seconds(lambda: answers.append(naive(path, settings, finder, detectors)))
    analyse(path, settings)  # chooses backends and loads
    analyses: list[Any] = []
    ours_s, ours_cpu = seconds(lambda: analyses.append(analyse(path, settings)))
    ours = {s.detector: s.raw for s in analyses[0].scores if s.raw is not None}
    moved = {known.id: abs(ours[known.id] - p) for (known, _), p in zip(cards, answers[0], strict=True)}
    verdicts = {float(np.mean(answers[0])) >= 0.5, float(np.mean(list(ours.values()))) >= 0.5}
    rows = [
        ["naive", f"{naive_s:.1f}", f"{naive_cpu:.1f}", "1"],
        ["pipeline", f"{ours_s:.1f}", f"{ours_cpu:.1f}", f"**{naive_s / ours_s:.1f}**"],
    ]
    backends = ", ".join(f"{name}: {way}" for name, way in analyses[0].environment.backends)
    text = (
        f"{__doc__.split(chr(10) * 2, 1)[1].strip()}\n\n"
        f"The pipeline takes **1/{naive_s / ours_s:.1f}** of the naive time. Largest difference of a detector's mean "
        f"P(fake): {max(moved.values()):.4f} ({max(moved, key=lambda k: moved[k])}); of the mean of all: "
        f"{abs(float(np.mean(answers[0])) - float(np.mean(list(ours.values())))):.4f}; same side of one half: "
        f"{'yes' if len(verdicts) == 1 else 'no'}. Backends: {backends}."
    )
    return Chapter(
        "Naive against the pipeline",
        "python -m benchmarks.speed --only naive",
        text,
        ["", "seconds", "processor seconds", "times as fast"],
        rows,
    )
