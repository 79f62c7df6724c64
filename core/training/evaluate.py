"""Measure a detector and write the figures into its card and into docs: one command for every number."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from core.detectors.base import FrameDetector, load_detector
from core.errors import WeightsError
from core.fusion.calibration import calibrated
from core.fusion.quality import bin_of, detail, quality_bins
from core.registry import Card
from core.settings import ROOT, SHIPPED_WEIGHTS
from core.training import heldout, metrics, nuisance, tables
from core.training.calibrate import calibration_set
from core.training.cards import card_path, read_card, update_card
from core.training.config import TrainConfig
from core.training.data.crops import Crops
from core.training.data.manifest import read_manifest
from core.training.data.natives import Native, load_natives
from core.training.data.testset import Sample, load_samples
from core.training.fakes import all_fakes
from core.training.report import write_report
from core.training.results import Result, curve_facts, from_facts
from core.training.robustness import Curve, curves, on_square
from core.training.tables import Figure, markdown
from core.training.validation import ValidationSet
from core.types import RGB

log = logging.getLogger(__name__)
DOCS = ROOT / "docs" / "measured"
Scores = npt.NDArray[np.float64]
COMPRESSIONS: dict[str, Callable[[RGB], RGB]] = {
    "JPEG q40": partial(nuisance.jpeg, quality=40),
    "H.264 CRF 32": partial(nuisance.h264, crf=32),
}


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """A file of a test set and the mean over its frames of calibrated P(fake); None without a face."""

    sample: Sample
    p: float | None

    def row(self) -> dict[str, Any]:
        """As it is kept in docs: what the file is, how good it is, and the answer."""
        item, found = self.sample.item, self.p is not None
        pixels = self.sample.pixels
        return {
            "sha256": item.sha256,
            "source": item.source,
            "modality": item.modality,
            "method": item.method,
            "identity": item.identity,
            "fake": item.fake,
            "faces": len(pixels),
            "face_px": round(float(np.median(self.sample.face_px)), 1) if found else None,
            "quality": bin_of(float(np.median(detail(pixels)))) if found else "no face",
            "p_fake": None if self.p is None else round(self.p, 6),
        }


class Evaluation:
    """Collects figures of one detector. Equal pictures are scored once, ``batch`` at a time."""

    batch = 64

    def __init__(self, card: Card, detector: FrameDetector) -> None:
        self.card = card
        self.detector = detector
        self.figures: list[Figure] = []
        self._known: dict[bytes, float] = {}

    def score(self, pixels: npt.NDArray[np.uint8]) -> Scores:
        """Calibrated P(fake) of uint8[N, S, S, 3]."""
        keys = [hashlib.blake2b(one.tobytes(), digest_size=16).digest() for one in pixels]
        new = {key: i for i, key in enumerate(keys) if key not in self._known}
        if new:
            places = list(new.values())
            parts = [
                self.detector.logits(pixels[places[i : i + self.batch]]) for i in range(0, len(places), self.batch)
            ]
            p = calibrated(np.concatenate(parts), self.card.calibration, pixels[places])
            self._known |= dict(zip(new, p.tolist(), strict=True))
        return np.array([self._known[key] for key in keys], dtype=np.float64)

    def quality(self, pixels: npt.NDArray[np.uint8]) -> list[str]:
        """The quality bin of each item."""
        return [str(name) for name in quality_bins(pixels)]

    def result(self, title: str, known: ValidationSet, p: Scores) -> Result:
        """Pictures of ``known`` as a result, an item a picture."""
        names = tuple(f"{title}/{i}" for i in range(len(p)))
        slices = {"source": tuple(known.source.tolist()), "quality": tuple(self.quality(known.pixels))}
        who = tuple(known.identity.tolist())
        return Result(self.card.id, title, names, known.fake, p, tuple(known.method.tolist()), slices, who)

    # --- pseudo-fakes of people that were not trained on ---------------------------------------------------------

    def held_out(self, sets: Mapping[str, ValidationSet], group: str = tables.HELD_OUT) -> Result:
        """AUC of each pseudo-fake method, then all measures over all of them; intervals by identity."""
        for method, known in sets.items():
            self._auc(group, method, known)
        together = _joined(list(sets.values()))
        result = self.result(f"{self.card.title}: held-out people", together, self.score(together.pixels))
        self.figures += tables.overall(group, result)
        self.figures += tables.parts(f"{group}, by quality", result, "quality")
        return result

    def unseen(self, sets: Mapping[str, ValidationSet]) -> None:
        """AUC of pseudo-fakes that the detector was not trained on."""
        for method, known in sets.items():
            self._auc(tables.UNSEEN, method, known)

    def _auc(self, group: str, method: str, known: ValidationSet) -> None:
        found = tables.chosen(group, self.result(method, known, self.score(known.pixels)), {"AUC"})
        self.figures += [Figure(group, f"AUC {method}", f.value, f.low, f.high, f.n) for f in found]

    def calibration(self, known: ValidationSet) -> float:
        """All measures on the calibration split; returns the threshold with at most 1 % false alarms there."""
        p = self.score(known.pixels)
        self.figures += tables.overall(tables.CALIBRATION, self.result("calibration", known, p))
        return min(metrics.threshold_at(known.fake, p, 0.01), 1.01)

    # --- compression and other nuisances -------------------------------------------------------------------------

    def rises(self, natives: Sequence[Native]) -> None:
        """By how much compressing real files raises their mean P(fake)."""
        who = [one.item.identity for one in natives]

        def inputs(change: Callable[[RGB], RGB] | None) -> npt.NDArray[np.uint8]:
            changed = (one.rgb if change is None else _changed(change, one.rgb) for one in natives)
            return np.stack([n.input(rgb, self.card.input) for n, rgb in zip(natives, changed, strict=True)])

        self._rises(tables.FILES_COMPRESSED, inputs, who)

    def input_rises(self, known: ValidationSet) -> None:
        """The same with the compression applied to the detector's small input, which is harsher."""
        reals = known.pixels[~known.fake]

        def inputs(change: Callable[[RGB], RGB] | None) -> npt.NDArray[np.uint8]:
            return reals if change is None else np.stack([change(image) for image in reals])

        self._rises(tables.INPUT_COMPRESSED, inputs, known.identity[~known.fake].tolist())

    def _rises(
        self, group: str, inputs: Callable[[Callable[[RGB], RGB] | None], npt.NDArray[np.uint8]], who: Sequence[str]
    ) -> None:
        before = self.score(inputs(None))
        nobody = np.zeros(len(before), dtype=bool)
        for name, change in COMPRESSIONS.items():
            rise = self.score(inputs(change)) - before
            found = metrics.bootstrap(lambda _, x: float(x.mean()), nobody, rise, who, rounds=1000)
            figure = Figure(group, f"rise of mean P(fake), {name}", found.value, found.low, found.high, found.n)
            self.figures.append(figure.rounded())

    def robustness(self, pictures: heldout.CurvePictures) -> tuple[Curve, ...]:
        """P(fake) and AUC against each nuisance, applied before the detector's input is cut."""
        cut = partial(pictures.cut, spec=self.card.input)
        return curves(pictures.pictures, pictures.fake, self.score, cut=cut, groups=pictures.identity, batch=64)

    # --- true generators -----------------------------------------------------------------------------------------

    def files(self, samples: Sequence[Sample]) -> list[dict[str, Any]]:
        """A row for each file, with the mean over its frames."""
        return [Scored(s, float(self.score(s.pixels).mean()) if len(s.pixels) else None).row() for s in samples]

    def generators(self, result: Result) -> None:
        """Pictures and clips apart: all measures, decisions at the threshold, each generator, source and quality."""
        kinds = np.asarray(result.slices["modality"])
        for kind in sorted(set(kinds.tolist())):
            group, part = f"{tables.GENERATORS}, {kind}", result.where(kinds == kind)
            self.figures += tables.overall(group, part.at(0.5))
            self.figures += tables.chosen(group, part, {"recall", "false alarms", "precision", "F1"})
            names = np.asarray(part.methods)
            for method in sorted(set(names[part.fake].tolist())):
                self._generator(group, method, part.where(~part.fake | (names == method)))
            self.figures += tables.parts(f"{group}, by source", part, "source")
            self.figures += tables.parts(f"{group}, by quality", part, "quality")

    def _generator(self, group: str, method: str, part: Result) -> None:
        found = tables.chosen(group, part, {"AUC"})
        self.figures += [Figure(group, f"AUC {method}", f.value, f.low, f.high, f.n) for f in found]
        mine = part.where(part.fake)
        mean = metrics.bootstrap(lambda _, p: float(p.mean()), mine.fake, mine.p, mine.groups or None, rounds=1000)
        self.figures.append(Figure(group, f"mean P(fake) {method}", mean.value, mean.low, mean.high, mean.n).rounded())


def _changed(change: Callable[[RGB], RGB], rgb: RGB) -> RGB:
    return on_square(lambda _, picture, __: change(picture), np.random.default_rng(0), rgb, 0.0)


def _joined(sets: Sequence[ValidationSet]) -> ValidationSet:
    fields = ("pixels", "fake", "method", "source", "identity")
    return ValidationSet(**{name: np.concatenate([getattr(one, name) for one in sets]) for name in fields})


# --- the whole evaluation ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Measurement:
    """What an evaluation found: the updated card, what stands in docs, and the results behind the report."""

    card: Card
    facts: dict[str, Any]
    results: tuple[Result, ...]


def said_of(card: Card, weights: Path, threshold: float, command: str) -> dict[str, Any]:
    """What the facts of every evaluation begin with."""
    return {
        "detector": card.id,
        "title": card.title,
        "weights_sha256": card.weights.sha256,
        "size_bytes": card.weights.size_bytes,
        "parameters": parameters(weights),
        "command": command,
        "threshold_1pct": round(threshold, 4),
    }


def evaluate(config: TrainConfig, data: Path, store: Path, *, command: str) -> Measurement:
    """Measure the shipped detector of ``config`` on held-out people and on true generators; update its card."""
    path = card_path(config.id)
    card = read_card(path)
    weights = SHIPPED_WEIGHTS / card.weights.file
    run = Evaluation(card, load_detector(card, weights, "cpu"))
    crops = heldout.held_out(config, data, store)
    on_people, held, curve = _people(run, config, crops)
    run.rises(load_natives(data, heldout.real_files(config, data), store))
    threshold = run.calibration(calibration_set(config, data, store))
    facts = {
        **said_of(card, weights, threshold, command),
        "files": run.files(_test_samples(card, data, store)),
        "robustness": [curve_facts(one) for one in curve],
    }
    on_files = from_facts(facts)
    run.generators(on_files)
    facts |= {"figures": [asdict(f) for f in run.figures], "held_out": held}
    measured = [m.model_dump(mode="json") for m in tables.headline(run.figures, command)]
    return Measurement(update_card(path, measured=measured), facts, (on_files, on_people))


def _people(run: Evaluation, config: TrainConfig, crops: Crops) -> tuple[Result, dict[str, Any], tuple[Curve, ...]]:
    """Held-out people: figures, scores by method for comparisons, robustness curves."""
    plain = heldout.neutral(config, run.card.input)
    sets = heldout.held_out_sets(crops, plain, sorted(config.fakes))
    result = run.held_out(sets)
    others = heldout.held_out_sets(crops, plain, sorted(set(all_fakes()) - set(config.fakes)))
    run.unseen(others)
    run.input_rises(next(iter(sets.values())))
    everything = {**sets, **others}
    held = {
        "identities": next(iter(sets.values())).identity.tolist()[::2],
        "seen": sorted(sets),
        "p_fake": {name: [round(p, 4) for p in run.score(everything[name].pixels)] for name in sorted(everything)},
    }
    return result, held, run.robustness(heldout.curve_pictures(crops, plain, sorted(config.fakes)))


def _test_samples(card: Card, data: Path, store: Path) -> list[Sample]:
    items = [i for i in read_manifest(data) if i.split == "test"]
    return load_samples(data, items, card.input, store)


def parameters(weights: Path) -> int:
    """Learned values in a safetensors file: all tensors but the running statistics of normalisation.

    Raises:
        WeightsError: the file is not safetensors.
    """
    from safetensors import SafetensorError, safe_open

    buffers = ("running_mean", "running_var", "num_batches_tracked")
    try:
        with safe_open(weights, framework="np") as file:
            shapes = {key: file.get_slice(key).get_shape() for key in file.keys()}  # noqa: SIM118 (not a mapping)
    except (SafetensorError, OSError) as exc:
        raise WeightsError(f"{weights.name} is not a safetensors file.", hint="Export the detector again.") from exc
    return sum(int(np.prod(shape)) for key, shape in shapes.items() if not key.endswith(buffers))


def write(found: Measurement, html: Path, docs: Path = DOCS) -> None:
    """Write ``docs/<id>.json`` and ``.md``, and the report with its figures to ``html``."""
    docs.mkdir(parents=True, exist_ok=True)
    name = found.card.id
    (docs / f"{name}.json").write_text(compact(found.facts) + "\n", encoding="utf-8")
    (docs / f"{name}.md").write_text(markdown(found.card, found.facts), encoding="utf-8")
    write_report(found.results, html, heading=f"{found.card.title}: evaluation", rounds=tables.ROUNDS)


def compact(facts: Mapping[str, Any]) -> str:
    """JSON with a line for each figure, file and curve point, and one for each list of numbers."""
    lines = []
    for key, value in facts.items():
        if isinstance(value, list) and value:
            rows = ",\n  ".join(json.dumps(one, ensure_ascii=False) for one in value)
            lines.append(f" {json.dumps(key)}: [\n  {rows}\n ]")
        elif isinstance(value, dict) and value:
            rows = ",\n  ".join(f"{json.dumps(k)}: {json.dumps(v, ensure_ascii=False)}" for k, v in value.items())
            lines.append(f" {json.dumps(key)}: {{\n  {rows}\n }}")
        else:
            lines.append(f" {json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}")
    return "{\n" + ",\n".join(lines) + "\n}"
