"""Does fine-tuning on a few labels of a new kind of fake help, and what does it cost?

``python -m benchmarks.finetuning --data FOLDER --method restore --labels 60`` labels faces of the calibration split,
half of them forged by a method that the detector was not trained on, fine-tunes on them, and measures on other people
of that split and on the frozen set, as a user's fine-tuning is judged. Writes ``docs/measured/fine-tuning.md``.
"""

from __future__ import annotations

import argparse
import hashlib
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from core.detectors.base import load_detector
from core.registry import card
from core.settings import ROOT, Settings, build_settings
from core.training.calibrate import calibration_crops
from core.training.config import TrainConfig, read_config
from core.training.data.crops import STORE_PX, CropRow, Crops
from core.training.data.pairs import Drawer, make_fake
from core.training.feedback.material import Labelled
from core.training.feedback.promotion import Outcome, Places, finetune_on
from core.training.golden import golden_input
from core.training.prepare import prepare
from core.weights import versions
from core.weights.files import as_found

TEST_PEOPLE = 120
DOCUMENT = ROOT / "docs" / "measured" / "fine-tuning.md"


def labelled(crops: Crops, config: TrainConfig, method: str, labels: int) -> Labelled:
    """``labels`` faces to train on, half of them forged, and as many people as there are, at most 120, to test on."""
    rng = np.random.default_rng(5)
    stills = [i for i, row in enumerate(crops.rows) if row.modality == "image"]
    chosen = rng.permutation(stills)[: labels // 2 + TEST_PEOPLE].tolist()
    drawer = Drawer(crops, {}, 1.0)
    pixels, rows, test, group = [], [], [], []
    for place, index in enumerate(chosen):
        face, forged = make_fake(rng, crops, index, method, drawer)
        for image, fake in ((face.pixels, False), (forged, True)):
            pixels.append(_stored(image))
            rows.append(_row(crops.rows[index], fake, method, face.landmarks, image.shape[0]))
            test.append(place >= labels // 2)
            group.append(rows[-1].sha256)
    return Labelled(Crops(np.stack(pixels), tuple(rows)), np.ones(len(rows)), np.array(test), np.array(group), ())


def _stored(image: np.ndarray) -> np.ndarray:
    import cv2

    how = cv2.INTER_CUBIC if image.shape[0] < STORE_PX else cv2.INTER_AREA
    return np.asarray(cv2.resize(image, (STORE_PX, STORE_PX), interpolation=how), np.uint8)


def _row(row: CropRow, fake: bool, method: str, points: np.ndarray, side: int) -> CropRow:
    sha256 = hashlib.sha256(f"{row.sha256}{fake}".encode()).hexdigest()
    zoomed = tuple((float(x), float(y)) for x, y in points * (STORE_PX / side))
    kind = method if fake else "pristine"
    return replace(row, sha256=sha256, fake=fake, method=kind, source="feedback", identity=sha256, points=zoomed)


def golden(detector_id: str, settings: Settings) -> float:
    """The logit of the version in use for a fixed input."""
    own, path = as_found(card(detector_id), settings)
    return float(load_detector(own, path, "cpu").logits(golden_input(1, own.input.size)[None])[0])


def report(detector_id: str, method: str, labels: int, found: Outcome, same: bool, command: str) -> str:
    """What happened, as Markdown."""
    word = "promoted" if found.promoted else "not promoted"
    rows = [
        f"| {name} | {c.second:.3f} | {c.first:.3f} | {c.difference:+.3f} | {c.low:+.3f} to {c.high:+.3f} "
        f"| {c.p_value:.2g} |"
        for name, c in (("new method, other people", found.new), ("frozen set", found.old))
    ]
    return "\n".join(
        [
            "# Fine-tuning on labels: measured",
            "",
            f"Printed by `{command}`.",
            "",
            f"`{detector_id}`, {labels} labelled faces, half of them forged by `{method}`, not trained on before. "
            f"Test: {TEST_PEOPLE} other people, each real and forged. Intervals and p by DeLong's paired test.",
            "",
            "| AUC on | before | after | change | 95 % interval | p |",
            "|---|---|---|---|---|---|",
            *rows,
            "",
            f"The new version was {word}: {found.reason}. After going back the scores were "
            f"{'identical' if same else 'NOT identical'}.",
            "",
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--store", type=Path, default=Path("runs/crops"))
    parser.add_argument("--detector", default="face-lite")
    parser.add_argument("--method", default="restore")
    parser.add_argument("--labels", type=int, default=60)
    args = parser.parse_args()
    config = read_config(ROOT / "configs" / "training" / f"{args.detector}.yaml")
    crops = calibration_crops(args.data, args.store, config.data.frames_per_clip)
    with tempfile.TemporaryDirectory() as folder:
        settings = build_settings(data_dir=Path(folder))
        before = golden(config.id, settings)
        material = labelled(crops, config, args.method, args.labels)
        places = Places(args.data, args.store)
        found = finetune_on(config, material, prepare(config, args.data, args.store), places, settings)
        if found.promoted:
            versions.rollback(config.id, settings)
        same = golden(config.id, settings) == before
    command = f"python -m benchmarks.finetuning --data DATA --method {args.method} --labels {args.labels}"
    DOCUMENT.write_text(report(config.id, args.method, args.labels, found, same, command), encoding="utf-8")


if __name__ == "__main__":
    main()
