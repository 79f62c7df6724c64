"""Calibrate and measure a detector that listens: held-out speakers, generators it never heard, and codecs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from core.detectors.audio import AudioDetector, load_audio_detector
from core.errors import ConfigError
from core.fusion.calibration import calibrated
from core.registry import Calibration, Card, Metric
from core.settings import SHIPPED_WEIGHTS
from core.training import metrics, tables
from core.training.audio_task import divided
from core.training.calibrate import cross_fitted, fit_platt, fitted
from core.training.cards import card_path, read_card, update_card
from core.training.data.audio import copy_methods, make_audio_validation
from core.training.data.manifest import Item, read_manifest
from core.training.data.voices import Voice, build
from core.training.evaluate import Measurement, said_of
from core.training.nuisance.sound import SR_HZ, coded, telephone
from core.training.results import Result, from_facts
from core.training.tables import Figure
from core.training.tasks import TaskConfig
from core.training.tts import FOLDER
from core.training.validation import ValidationSet
from core.types import PCM

HEARD = f"{tables.GENERATORS}, audio"
CODED = "real speech on its way"
CODECS: dict[str, Callable[[PCM], PCM]] = {
    "as it is": lambda pcm: pcm,
    "MP3 64 kbit/s": partial(coded, codec="mp3", kbit_s=64),
    "MP3 32 kbit/s": partial(coded, codec="mp3", kbit_s=32),
    "AAC 32 kbit/s": partial(coded, codec="aac", kbit_s=32),
    "Opus 16 kbit/s": partial(coded, codec="opus", kbit_s=16),
    "telephone": telephone,
}
_BATCH = 16


# --- calibration -------------------------------------------------------------------------------------------------


def calibration_voices(config: TaskConfig, data: Path, store: Path) -> ValidationSet:
    """Real voices of the calibration split, each also as a pseudo-fake, and its recorded fakes."""
    items = [i for i in read_manifest(data, modalities=("audio",)) if i.split == "calib"]
    voices = build(data, items, store, copy_methods(config))
    return make_audio_validation(voices, config, config.samples, seed=2)


def fit(card: Card, weights: Path, known: ValidationSet) -> Calibration:
    """Platt scaling of the card's detector on ``known``; the ECE is cross-fitted by speaker.

    Raises:
        TooFewError: fewer than 50 real or 50 fake voices.
        ConfigError: the detector does not tell them apart: what it takes for fake is rather real.
    """
    logit = _logits(load_audio_detector(card, weights / card.weights.file, "cpu"), np.asarray(known.pixels, np.float32))
    a, b = fit_platt(logit, known.fake)
    if a <= 0.0:
        raise ConfigError(
            f"{card.title} ranks the voices of the calibration split no better than chance.",
            hint="Train it longer or on other data; it is not calibrated.",
        )
    return fitted(card, logit, known, (a, b), cross_fitted(logit, known.fake, known.identity))


def _logits(detector: AudioDetector, windows: PCM) -> npt.NDArray[np.float64]:
    parts = [detector.logits(windows[i : i + _BATCH]) for i in range(0, len(windows), _BATCH)]
    return np.concatenate(parts).astype(np.float64)


# --- evaluation --------------------------------------------------------------------------------------------------


class _Listener:
    """Scores voices and collects figures."""

    def __init__(self, card: Card, detector: AudioDetector) -> None:
        self.card, self.detector = card, detector
        self.figures: list[Figure] = []

    def p(self, pcm: PCM) -> float:
        """Mean over windows of calibrated P(fake)."""
        windows, _ = self.detector.windows(pcm, SR_HZ)
        return float(calibrated(_logits(self.detector, windows), self.card.calibration).mean())

    def known(self, title: str, known: ValidationSet) -> Result:
        """Single windows as a result."""
        p = calibrated(_logits(self.detector, np.asarray(known.pixels, np.float32)), self.card.calibration)
        names = tuple(f"{title}/{i}" for i in range(len(p)))
        methods, who = tuple(known.method.tolist()), tuple(known.identity.tolist())
        return Result(self.card.id, title, names, known.fake, p, methods, {}, who)

    def each_generator(self, group: str, result: Result) -> None:
        """AUC and EER of every method against all reals, and how its fakes are answered."""
        names = np.asarray(result.methods)
        for method in sorted(set(names[result.fake].tolist())):
            part = result.where(~result.fake | (names == method))
            self._named(group, method, tables.chosen(group, part, {"AUC", "EER", "recall"}))

    def _named(self, group: str, method: str, found: Sequence[Figure]) -> None:
        self.figures += [Figure(group, f"{f.name} {method}", f.value, f.low, f.high, f.n) for f in found]


def measure(config: TaskConfig, data: Path, store: Path, *, command: str) -> Measurement:
    """Measure the shipped detector of ``config``; update its card. Nothing is chosen on what is measured here."""
    path = card_path(config.id)
    card = read_card(path)
    weights = SHIPPED_WEIGHTS / card.weights.file
    run = _Listener(card, load_audio_detector(card, weights, "cpu"))
    threshold = _known_sets(run, config, data, store)
    voices = _test_voices(data, store)
    facts = {
        **said_of(card, weights, threshold, command),
        "files": [_row(voice, run.p(voice.samples())) for voice in voices],
    }
    heard = from_facts(facts)
    run.figures += tables.overall(HEARD, heard.at(0.5))
    run.figures += tables.chosen(HEARD, heard, {"recall", "false alarms"})
    run.each_generator(HEARD, heard.at(0.5))
    run.figures += tables.parts(f"{HEARD}, by source", heard.at(0.5), "source")
    _on_its_way(run, [v for v in voices if not v.row.fake])
    facts["figures"] = [asdict(f) for f in run.figures]
    measured = [m.model_dump(mode="json") for m in headline(run.figures, command)]
    return Measurement(update_card(path, measured=measured), facts, (heard,))


def _known_sets(run: _Listener, config: TaskConfig, data: Path, store: Path) -> float:
    """Held-out speakers and the calibration split; returns the threshold with at most 1 % false alarms there."""
    _, held, _ = divided(config, data, store)
    speakers = run.known(tables.HELD_OUT, make_audio_validation(held, config, config.samples))
    run.figures += tables.overall(tables.HELD_OUT, speakers)
    run.each_generator(tables.HELD_OUT, speakers)
    calibration = run.known(tables.CALIBRATION, calibration_voices(config, data, store))
    run.figures += tables.overall(tables.CALIBRATION, calibration)
    return min(metrics.threshold_at(calibration.fake, calibration.p, 0.01), 1.01)


def _test_voices(data: Path, store: Path) -> list[Voice]:
    """The test split, and what the text-to-speech engine read out that is kept for it."""
    heard = build(data, _of_test(data), store, ())
    spoken = store / FOLDER
    return heard + (build(spoken, _of_test(spoken), store, ()) if (spoken / "manifest.csv").is_file() else [])


def _of_test(root: Path) -> list[Item]:
    return [i for i in read_manifest(root, modalities=("audio",)) if i.split == "test"]


def _row(voice: Voice, p: float) -> dict[str, Any]:
    row = voice.row
    facts = {"sha256": row.sha256, "source": row.source, "modality": "audio", "method": row.method}
    return facts | {"identity": row.identity, "fake": row.fake, "p_fake": round(p, 6)}


def _on_its_way(run: _Listener, reals: Sequence[Voice]) -> None:
    """False alarms on real speech after codecs and a telephone line."""
    who = tuple(voice.row.identity for voice in reals)
    files = tuple(voice.row.sha256 for voice in reals)
    nobody = np.zeros(len(reals), dtype=bool)
    for name, change in CODECS.items():
        p = np.array([run.p(change(voice.samples())) for voice in reals])
        result = Result(run.card.id, name, files, nobody, p, ("bonafide",) * len(p), {}, who)
        run.figures += [
            Figure(CODED, f"{f.name}, {name}", f.value, f.low, f.high, f.n)
            for f in tables.chosen(CODED, result, {"false alarms"})
        ]


def headline(figures: Sequence[Figure], command: str) -> list[Metric]:
    """What stands on the card: the main measures of each table, each unseen generator, each codec."""
    main = {"AUC", "EER", "ECE", "false alarms at 0.50", "recall at 0.50"}
    kept = [f for f in figures if f.name in main or f.group == CODED or _of_a_generator(f)]
    facts: list[Mapping[str, Any]] = [asdict(f) for f in kept]
    return [Metric(dataset=f.pop("group"), command=command, **f) for f in map(dict, facts)]


def _of_a_generator(figure: Figure) -> bool:
    return figure.group == HEARD and figure.name.startswith(("AUC ", "EER "))
