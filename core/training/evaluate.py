"""Measure a detector and write the figures into its card and into docs: one command for every number."""

from __future__ import annotations

import argparse
import json
import logging
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from core.detectors.base import FrameDetector, load_detector
from core.fusion.calibration import calibrated
from core.registry import Card, Metric
from core.settings import ROOT, SHIPPED_WEIGHTS
from core.training import metrics
from core.training.calibrate import calibration_set
from core.training.cards import card_path, read_card, update_card
from core.training.config import TrainConfig, read_config
from core.training.data.manifest import read_manifest
from core.training.data.testset import Sample, load_samples
from core.training.fakes import all_fakes
from core.training.nuisance import h264, jpeg
from core.training.prepare import prepare
from core.training.validation import ValidationSet, make_validation

log = logging.getLogger(__name__)
DOCS = ROOT / "docs" / "measured"
ROUNDS = 500
Scores = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure; ``group`` is the table it stands in."""

    group: str
    name: str
    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """Files of a test set with their score (mean over frames of calibrated P(fake))."""

    samples: Sequence[Sample]
    p: Scores

    @property
    def fake(self) -> npt.NDArray[np.bool_]:
        return np.array([s.item.fake for s in self.samples], dtype=bool)


class Evaluation:
    """Collects figures of one detector."""

    def __init__(self, card: Card, detector: FrameDetector) -> None:
        self.card = card
        self.detector = detector
        self.figures: list[Figure] = []

    def score(self, pixels: npt.NDArray[np.uint8]) -> Scores:
        """Calibrated P(fake) of uint8[N, S, S, 3]."""
        parts = [self.detector.logits(pixels[i : i + 64]) for i in range(0, len(pixels), 64)]
        return calibrated(np.concatenate(parts), self.card.calibration)

    def add(
        self,
        group: str,
        name: str,
        measure: metrics.Measure,
        fake: npt.NDArray[np.bool_],
        p: Scores,
        groups: Sequence[str] | None = None,
    ) -> None:
        found = metrics.bootstrap(measure, fake, p, groups, rounds=ROUNDS)
        if np.isfinite(found.value):
            value, low, high = (round(v, 4) for v in (found.value, found.low, found.high))
            self.figures.append(Figure(group, name, value, low, high, found.n))

    # --- pseudo-fakes of people that were not trained on ---------------------------------------------------------

    def held_out(self, sets: dict[str, ValidationSet]) -> None:
        """AUC of each pseudo-fake method, then all measures over all of them; intervals by identity."""
        fake, p, who = [], [], []
        for method, known in sets.items():
            scores = self.score(known.pixels)
            self.add("held-out identities", f"AUC {method}", metrics.auc, known.fake, scores, known.identity.tolist())
            fake.append(known.fake)
            p.append(scores)
            who.append(known.identity)
        self._all("held-out identities", np.concatenate(fake), np.concatenate(p), np.concatenate(who).tolist())

    def unseen(self, method: str, known: ValidationSet) -> None:
        """AUC of a pseudo-fake that the detector was not trained on."""
        p = self.score(known.pixels)
        self.add("methods not trained on", f"AUC {method}", metrics.auc, known.fake, p, known.identity.tolist())

    def _all(self, group: str, fake: npt.NDArray[np.bool_], p: Scores, who: Sequence[str], at: float = 0.5) -> None:
        for name, measure in _measures(at).items():
            self.add(group, name, measure, fake, p, who)

    # --- true generators -----------------------------------------------------------------------------------------

    def generators(self, modality: str, scored: Scored, threshold: float) -> None:
        """Each generator against all real files of the same kind; all together; alarms on the reals."""
        fake, group = scored.fake, f"true generators, {modality}"
        names = np.array([s.item.method for s in scored.samples])
        for method in sorted(set(names[fake].tolist())):
            chosen = ~fake | (names == method)
            self.add(group, f"AUC {method}", metrics.auc, fake[chosen], scored.p[chosen])
            mine = names == method
            self.add(group, f"mean P(fake) {method}", _mean, fake[mine], scored.p[mine])
        self._all(group, fake, scored.p, [s.item.sha256 for s in scored.samples])
        strict = partial(metrics.false_alarms, threshold=threshold)
        self.add(group, f"false alarms at {threshold:.2f}", strict, fake, scored.p)
        caught = partial(metrics.recall, threshold=threshold)
        self.add(group, f"recall at {threshold:.2f}", caught, fake, scored.p)

    def compression(self, known: ValidationSet) -> None:
        """By how much compression raises the mean P(fake) of real faces."""
        reals = known.pixels[~known.fake]
        who = known.identity[~known.fake].tolist()
        before = self.score(reals)
        for name, change in (("JPEG q40", partial(jpeg, quality=40)), ("H.264 CRF 32", partial(h264, crf=32))):
            after = self.score(np.stack([change(image) for image in reals]))
            rise = after - before
            none = np.zeros(len(rise), dtype=bool)
            self.add("compression of reals", f"rise of mean P(fake), {name}", _mean, none, rise, who)


def _mean(_: npt.NDArray[np.bool_], p: Scores) -> float:
    return float(p.mean()) if len(p) else float("nan")


def _measures(at: float) -> dict[str, metrics.Measure]:
    return {
        "AUC": metrics.auc,
        "EER": metrics.eer,
        "AP": metrics.average_precision,
        f"accuracy at {at:.2f}": partial(metrics.accuracy, threshold=at),
        f"false alarms at {at:.2f}": partial(metrics.false_alarms, threshold=at),
        f"recall at {at:.2f}": partial(metrics.recall, threshold=at),
        "Brier": metrics.brier,
        "ECE": metrics.ece,
        "TPR at 1 % FPR": partial(metrics.tpr_at, fpr_limit=0.01),
        "TPR at 5 % FPR": partial(metrics.tpr_at, fpr_limit=0.05),
    }


def score_files(evaluation: Evaluation, samples: Sequence[Sample]) -> Scored:
    """Files with at least one face, scored by the mean over their frames."""
    seen = [s for s in samples if len(s.pixels)]
    return Scored(seen, np.array([evaluation.score(s.pixels).mean() for s in seen]))


def evaluate(config: TrainConfig, data: Path, store: Path, *, command: str) -> tuple[Card, dict[str, Any]]:
    """Measure the shipped detector of ``config`` on held-out people and on true generators; update its card."""
    path = card_path(config.id)
    card = read_card(path)
    run = Evaluation(card, load_detector(card, SHIPPED_WEIGHTS / card.weights.file, "cpu"))
    prepared = prepare(config, data, store)
    sets = {m: make_validation(prepared.validation, config, seed=3, methods=(m,)) for m in config.fakes}
    run.held_out(sets)
    for method in sorted(set(all_fakes()) - set(config.fakes)):
        run.unseen(method, make_validation(prepared.validation, config, seed=3, methods=(method,)))
    run.compression(next(iter(sets.values())))
    known = calibration_set(config, data, store)
    calib_p = run.score(known.pixels)
    threshold = metrics.threshold_at(known.fake, calib_p, 0.01)
    run._all("calibration split", known.fake, calib_p, known.identity.tolist())
    files: list[dict[str, Any]] = []
    for modality in ("image", "video"):
        items = [i for i in read_manifest(data, modalities=(modality,)) if i.split == "test"]
        samples = load_samples(data, items, card.input, store)
        scored = score_files(run, samples)
        run.generators(modality, scored, threshold)
        files += _rows(scored)
        files += [_row(s, None) for s in samples if not len(s.pixels)]
    card = update_card(path, measured=[m.model_dump(mode="json") for m in _headline(run.figures, command)])
    facts: dict[str, Any] = {"detector": card.id, "weights_sha256": card.weights.sha256, "command": command}
    facts |= {"threshold_1pct": round(threshold, 4), "figures": [asdict(f) for f in run.figures], "files": files}
    return card, facts


def _rows(scored: Scored) -> list[dict[str, Any]]:
    return [_row(s, float(p)) for s, p in zip(scored.samples, scored.p, strict=True)]


def _row(sample: Sample, p: float | None) -> dict[str, Any]:
    item = sample.item
    return {"sha256": item.sha256, "source": item.source, "method": item.method, "fake": item.fake,
            "faces": len(sample.pixels), "p_fake": None if p is None else round(p, 4)}  # fmt: skip


_HEADLINES = {"AUC", "EER", "ECE", "false alarms at 0.50", "recall at 0.50", "TPR at 5 % FPR"}


def _headline(figures: Sequence[Figure], command: str) -> list[Metric]:
    """The figures that stand on the card: overall ones of each table, and the AUC of each true generator."""
    chosen = [
        f
        for f in figures
        if f.name in _HEADLINES or (f.name.startswith(("rise", "AUC ")) and "held-out" not in f.group)
    ]
    return [
        Metric(name=f.name, value=f.value, low=f.low, high=f.high, n=f.n, dataset=f.group, command=command)
        for f in chosen
        if np.isfinite(f.low) and np.isfinite(f.high)
    ]


_HEAD = "| measure | value | 95 % interval | n |"


def markdown(card: Card, facts: dict[str, Any]) -> str:
    """The figures as tables, for docs."""
    lines = [f"# {card.title} (`{card.id}`): measured", "", f"Printed by `{facts['command']}`.", ""]
    lines += [f"Weights sha256 `{card.weights.sha256}`.", "Intervals: 95 % bootstrap over identities or files.", ""]
    groups = list(dict.fromkeys(f["group"] for f in facts["figures"]))
    for group in groups:
        lines += [f"## {group[0].upper()}{group[1:]}", "", _HEAD, "|---|---|---|---|"]
        for f in facts["figures"]:
            if f["group"] == group:
                lines.append(f"| {f['name']} | {f['value']:.3f} | {f['low']:.3f} to {f['high']:.3f} | {f['n']} |")
        lines.append("")
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> None:
    """``python -m core.training.evaluate --config FILE --data FOLDER``."""
    parser = argparse.ArgumentParser(description="Measure a shipped detector; update its card and docs/measured.")
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--data", type=Path, default=os.environ.get("UNMASK_TRAINING_DATA"))
    parser.add_argument("--store", type=Path, default=Path("runs/crops"))
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    config = read_config(args.config)
    command = f"python -m core.cli evaluate {args.config.as_posix()}"
    card, facts = evaluate(config, Path(args.data), args.store, command=command)
    DOCS.mkdir(parents=True, exist_ok=True)
    (DOCS / f"{card.id}.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    (DOCS / f"{card.id}.md").write_text(markdown(card, facts), encoding="utf-8")
    log.info("%s", markdown(card, facts))


if __name__ == "__main__":
    main()
