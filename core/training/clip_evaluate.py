"""Measure a detector of clips: on people it was not trained on, and on true generators."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from core.detectors.clip import WindowDetector, load_clip_detector
from core.fusion.quality import bin_of, detail
from core.registry import Card
from core.settings import SHIPPED_WEIGHTS
from core.training import metrics, nuisance, tables
from core.training.cards import card_path, read_card, update_card
from core.training.clip_sets import calibration_set, for_input, held_out_set, seen, windows_to_test
from core.training.data.manifest import Item
from core.training.data.tracks import Window
from core.training.evaluate import Evaluation, Measurement, Scores, said_of
from core.training.heldout import evenly
from core.training.results import Result, from_facts
from core.training.tables import Figure
from core.training.tasks import TaskConfig
from core.training.validation import ValidationSet
from core.types import RGB

ORDER = "order of frames"
SOME = 40  # real windows that are compressed, and shuffled


class ClipEvaluation(Evaluation):
    """Collects figures of a detector of clips; items are windows uint8[T, S, S, 3]."""

    batch = 8

    def __init__(self, card: Card, detector: WindowDetector) -> None:
        super().__init__(card, cast(Any, detector))
        self.clips = detector

    def quality(self, pixels: npt.NDArray[np.uint8]) -> list[str]:
        return super().quality(pixels[:, pixels.shape[1] // 2])

    def people(self, known: ValidationSet) -> Result:
        """AUC of each method against all reals, then all measures; intervals by identity."""
        result = self.result(f"{self.card.title}: held-out people", known, self.score(known.pixels))
        names = np.asarray(result.methods)
        for method in sorted(set(names[result.fake].tolist())):
            found = tables.chosen(tables.HELD_OUT, result.where(~result.fake | (names == method)), {"AUC"})
            self.figures += [Figure(tables.HELD_OUT, f"AUC {method}", f.value, f.low, f.high, f.n) for f in found]
        self.figures += tables.overall(tables.HELD_OUT, result)
        return result

    def compressed(self, known: ValidationSet) -> None:
        """By how much compressing the windows of reals raises their mean P(fake)."""
        reals, who = _some_reals(known)
        before = self.score(reals)
        for name, change in _CHANGES.items():
            rise = self.score(np.stack([change(clip) for clip in reals])) - before
            self._mean(tables.INPUT_COMPRESSED, f"rise of mean P(fake), {name}", rise, who)

    def shuffled(self, known: ValidationSet) -> None:
        """By how much it raises P(fake), and the suspicion of unrest where there is one, to shuffle a real's frames."""
        reals, who = _some_reals(known)
        mixed = np.stack([clip[np.random.default_rng(i).permutation(len(clip))] for i, clip in enumerate(reals)])
        self._mean(ORDER, "rise of mean P(fake), frames shuffled", self.score(mixed) - self.score(reals), who)
        before, after = self._unrest(reals), self._unrest(mixed)
        if before is not None and after is not None:
            self._mean(ORDER, "mean unrest of reals", before, who)
            self._mean(ORDER, "rise of unrest, frames shuffled", after - before, who)
            self._mean(ORDER, "share of reals whose unrest rises", (after > before).astype(float), who)

    def _unrest(self, clips: RGB) -> Scores | None:
        parts = [self.clips.look(clips[i : i + self.batch]).unrest for i in range(0, len(clips), self.batch)]
        known = [part for part in parts if part is not None]
        return np.concatenate(known).astype(np.float64) if known else None

    def _mean(self, group: str, name: str, values: Scores, who: Sequence[str]) -> None:
        nobody = np.zeros(len(values), dtype=bool)
        found = metrics.bootstrap(lambda _, x: float(x.mean()), nobody, values, who, rounds=1000)
        self.figures.append(Figure(group, name, found.value, found.low, found.high, found.n).rounded())

    def file(self, item: Item, windows: Sequence[Window], config: TaskConfig) -> dict[str, Any]:
        """As it is kept in docs: what the file is, how good it is, and the mean answer over its windows."""
        clips = np.stack([seen(window, config) for window in windows]) if windows else None
        known = {k: getattr(item, k) for k in ("sha256", "source", "modality", "method", "identity", "fake")}
        if clips is None:
            return known | {"faces": 0, "face_px": None, "quality": "no face", "p_fake": None}
        middles = clips[:, clips.shape[1] // 2]
        return known | {
            "faces": len(clips),
            "face_px": round(float(np.median([w.row.face_px for w in windows])), 1),
            "quality": bin_of(float(np.median(detail(middles)))),
            "p_fake": round(float(self.score(clips).mean()), 6),
        }


def _every_frame(clip: RGB) -> RGB:
    return np.stack([nuisance.jpeg(frame, 40) for frame in clip])


_CHANGES: dict[str, Callable[[RGB], RGB]] = {
    "JPEG q40": _every_frame,
    "H.264 CRF 32": partial(nuisance.h264_clip, crf=32),
}


def _some_reals(known: ValidationSet) -> tuple[RGB, list[str]]:
    """Evenly spread real windows and whom they show."""
    chosen = evenly(np.nonzero(~known.fake)[0].tolist(), SOME)
    return known.pixels[chosen], known.identity[chosen].tolist()


def measure(config: TaskConfig, data: Path, store: Path, *, command: str) -> Measurement:
    """Measure the shipped detector of ``config`` on held-out people and on true generators; update its card."""
    path = card_path(config.id)
    card = read_card(path)
    weights = SHIPPED_WEIGHTS / card.weights.file
    run = ClipEvaluation(card, load_clip_detector(card, weights, "cpu"))
    known = for_input(held_out_set(config, data, store), config.input)
    on_people = run.people(known)
    run.compressed(known)
    run.shuffled(known)
    threshold = run.calibration(for_input(calibration_set(config, data, store), config.input))
    facts = {
        **said_of(card, weights, threshold, command),
        "files": [run.file(item, windows, config) for item, windows in windows_to_test(config, data, store)],
    }
    on_files = from_facts(facts)
    run.generators(on_files)
    facts |= {"figures": [asdict(f) for f in run.figures]}
    measured = [m.model_dump(mode="json") for m in tables.headline(run.figures, command)]
    return Measurement(update_card(path, measured=measured), facts, (on_files, on_people))
