"""The naive way against the pipeline: four detectors of the published architectures, 30 frames of a 720p clip.

Naive: each frame is searched in full size by facenet-pytorch's MTCNN, and each network sees one face at a time, by
torch in fp32. The pipeline's whole way is the median of three, the naive one is gone once. The files of the networks
have the published layout and random values, so that what is compared is time and the equality of scores, not their
meaning.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from facenet_pytorch import MTCNN

from benchmarks.speeds.media import clip_720p
from benchmarks.speeds.page import Chapter, median, seconds
from core.detectors.base import FrameDetector, load_detector
from core.faces.align import crop
from core.fusion.calibration import sigmoid
from core.fusion.verdict import label_of
from core.media.guard import identify
from core.media.probe import probe
from core.media.video import read_frames
from core.pipeline import analyse
from core.registry import card, ensemble, member_cards
from core.runtime.backends import accelerated
from core.runtime.batching import run_batched
from core.settings import Settings, build_settings
from core.types import RGB, Analysis, Face, Stage, Thresholds
from core.weights import trusted
from core.weights.files import as_found, fresh_sha256
from tests import media
from tests.unit.plugin_samples import EfficientNetB4, Reference, Xception, fed, pictures
from tests.unit.test_plugin_deepfakebench import F3Net
from tests.unit.test_plugin_effort import Effort

FRAMES = 30
_SHIPPED = ("face-lite", "face-vit")
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
        uncertainty={"mirrored": 0, "scales": 0, "dropout": 0},
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


@dataclass(frozen=True, slots=True)
class Naive:
    """What the naive way found: the largest face of each frame, mean P(fake) of each detector, and seconds spent."""

    faces: list[tuple[RGB, Face]]
    p: list[float]
    finding_s: float
    asking_s: list[float]


def naive(path: Path, settings: Settings, finder: Any, detectors: list[FrameDetector]) -> Naive:
    ref = identify(path, settings.limits)
    frames, _ = read_frames(ref, probe(ref, settings.limits), settings.sampling)
    faces: list[tuple[RGB, Face]] = []
    finding_s, _ = seconds(lambda: faces.extend((frame.rgb, _largest(finder, frame.rgb)) for frame in frames))
    p, asking_s = [], []
    for detector in detectors:
        one_by_one: list[float] = []
        spent, _ = seconds(
            lambda detector=detector, out=one_by_one: out.extend(  # type: ignore[misc]
                float(sigmoid(detector.logits(crop(rgb, face, detector.card.input)[None]))[0]) for rgb, face in faces
            )
        )
        p.append(float(np.mean(one_by_one)))
        asking_s.append(spent)
    return Naive(faces, p, finding_s, asking_s)


def _largest(finder: Any, rgb: RGB) -> Face:
    boxes, scores, points = finder.detect(rgb, landmarks=True)
    best = max(range(len(boxes)), key=lambda i: float((boxes[i][2] - boxes[i][0]) * (boxes[i][3] - boxes[i][1])))
    box = tuple(float(v) for v in boxes[best])
    return Face(box, tuple((float(x), float(y)) for x, y in points[best]), float(scores[best]))  # type: ignore[arg-type]


def measure(folder: Path) -> Chapter:
    settings, path = settings_with_files(folder), clip_720p(folder / "clip.mp4", 10)
    cards = [as_found(known, settings) for known in member_cards(ensemble("forensics4"))]
    plain = [load_detector(known, weights, "cpu") for known, weights in cards]
    finder: Any = MTCNN(keep_all=True, device="cpu")
    found: list[Naive] = []
    naive_s, _ = seconds(lambda: found.append(naive(path, settings, finder, plain)))
    first = found[0]
    analyse(path, settings)  # chooses backends and loads
    analyses: list[Analysis] = []
    ours_s = median(lambda: analyses.append(analyse(path, settings)))
    finding_s = next(t.seconds for t in analyses[0].timings if t.stage is Stage.FACES)
    rows = [
        _row("the whole way", naive_s, ours_s),
        _row("finding faces", first.finding_s, finding_s),
    ]
    answers = []
    for (known, weights), p, spent in zip(cards, first.p, first.asking_s, strict=True):
        answer, batched_s = _asked(accelerated(load_detector(known, weights, "cpu"), settings), first.faces, settings)
        rows.append(_row(f"{known.id}, same faces", spent, batched_s, abs(answer - p)))
        answers.append(answer)
    rows.append(_verdicts(float(np.mean(first.p)), float(np.mean(answers))))
    picture = media.portrait(folder / "one.png", size=1024)
    analyse(picture, settings)
    picture_s = median(lambda: analyse(picture, settings))
    rows.append(["one picture of 1024 px, the whole way, median of three", "", "", f"{picture_s:.2f}", ""])
    shipped = settings.model_copy(update={"preset": "default"})
    scores = {s.detector: s.raw for s in analyse(path, shipped).scores if s.track_id is not None}
    for name in _SHIPPED:
        known, weights = as_found(card(name), shipped)
        answer, _ = _asked(load_detector(known, weights, "cpu"), first.faces, shipped)
        moved = f"{abs(answer - (scores[name] or 0.0)):.4f}"
        rows.append([f"{name}, each way's own faces", "", "", "", moved])
    environment = analyses[0].environment
    backends = ", ".join(f"{name}: {way}" for name, way in environment.backends) if environment else ""
    text = (
        f"{__doc__.split(chr(10) * 2, 1)[1].strip()}\n\n"
        "Second looks (mirror, scales, dropout) are off: the naive way takes none. The last column is how far a "
        "detector's mean P(fake) moved: of the four on the same faces, for random values jump with every shift of a "
        f"pixel; of shipped detectors with the faces that each way found. Backends: {backends}."
    )
    head = ["", "times as fast", "naive, seconds", "pipeline, seconds", "difference"]
    return Chapter("Naive against the pipeline", "python -m benchmarks.speed --only naive", text, head, rows)


def _verdicts(naive_p: float, ours_p: float) -> list[str]:
    """The preset's weighted mean, all weights alike, on the same faces, and what its thresholds make of it."""
    thresholds = Thresholds(**ensemble("forensics4").thresholds)
    theirs, ours = (label_of(p, thresholds).value for p in (naive_p, ours_p))
    return [f"verdict on the same faces: {theirs}, {ours}", "", "", "", f"{abs(naive_p - ours_p):.4f}"]


def _asked(detector: FrameDetector, faces: list[tuple[RGB, Face]], settings: Settings) -> tuple[float, float]:
    """Mean P(fake) of faces in batches, and seconds."""
    crops = np.stack([crop(rgb, face, detector.card.input) for rgb, face in faces])
    logits: list[Any] = []
    spent, _ = seconds(lambda: logits.append(run_batched(detector.logits, crops, settings.runtime.batch)))
    return float(sigmoid(logits[0]).mean()), spent


def _row(name: str, naive_s: float, ours_s: float, moved: float | None = None) -> list[str]:
    return [name, f"{naive_s / ours_s:.1f}", f"{naive_s:.1f}", f"{ours_s:.1f}", "" if moved is None else f"{moved:.4f}"]
