"""Export, calibration and figures of the network of lips and speech."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeAlias

import numpy as np

from core.detectors.lip_sync import LipSyncDetector
from core.errors import NotFoundError, WeightsMissingError
from core.networks.lip_sync import SIDE
from core.registry import Calibration, Card, InputSpec, Metric, WeightsSpec
from core.settings import SHIPPED_WEIGHTS, get_settings
from core.training import sync_evaluate as measure
from core.training.calibrate import calibrate_plainly, left_out
from core.training.cards import card_path, read_card, update_card
from core.training.data import talking
from core.training.data.manifest import read_manifest
from core.training.data.talking import Talk
from core.training.evaluate import DOCS
from core.training.export import ship_card, write_half
from core.training.lip_sync import LipSyncConfig, fold_file, folds_of, read_lip_sync, talks_of
from core.training.validation import ValidationSet
from core.types import Modality

_LICENCE = (
    "MIT; its encoders are those of LR-ASD (weights MIT, trained on AVA-ActiveSpeaker); the licences of the clips are "
    "named under trained_on"
)
_Scenes: TypeAlias = Callable[[Sequence[Talk]], list[measure.Scene]]

_FORGED = "true training clips against forged test clips"
_FOLDS = "training clips, each by a network trained without that person"


def export(config_path: Path, *, out: Path) -> Card:
    """Write weights, manifest entry and card of the run in ``out``.

    Raises:
        WeightsMissingError: the run has no weights yet.
    """
    config = read_lip_sync(config_path)
    best = out / "best.safetensors"
    if not best.is_file():
        raise WeightsMissingError(f"There are no trained weights in {out}.", hint="Train first.")
    target = SHIPPED_WEIGHTS / f"{config.id}.safetensors"
    sha256 = write_half(best, target)
    text = json.loads((out / "data.json").read_text(encoding="utf-8"))["text"]
    card = Card(
        id=config.id,
        title=config.title,
        family="lips and speech",
        modality=Modality.AUDIO_VISUAL,
        implementation="core.detectors.lip_sync:LipSyncDetector",
        architecture="lip-sync",
        options={"width": config.width, "kernel": config.kernel},
        summary=config.summary,
        input=InputSpec(size=SIDE),
        weights=WeightsSpec(
            file=target.name,
            sha256=sha256,
            size_bytes=target.stat().st_size,
            licence=_LICENCE,
            trained_on=f"{text} Contrastively, against shifts of up to 0.6 s and the speech of others; no fake used. "
            f"{config.steps} steps of {config.batch} windows.",
            how_to_get=f"python -m core.cli train {config_path.as_posix()}",
        ),
    )
    return ship_card(card, SHIPPED_WEIGHTS, card_path(card.id))


def _scenes(config: LipSyncConfig, talks: Sequence[Talk], out: Path) -> list[measure.Scene]:
    """Stretches of the training clips, each seen by the network that was trained without its fold."""
    folds, card = folds_of(config), read_card(card_path(config.id))
    scenes = []
    for fold in sorted(set(folds.values())):
        file = fold_file(out, fold)
        if not file.is_file():
            raise WeightsMissingError(f"{file} is missing.", hint="Train first.")
        detector = LipSyncDetector(card, file, "cpu")
        for talk in talks:
            if folds[talk.item.sha256] == fold:
                scenes += measure.scenes_by_both(talk, detector)
    return scenes


def calibrate(config_path: Path, *, data: Path, store: Path) -> Card:
    """Fit P(fake) on windows of true sound against windows of foreign sound and write it into the card.

    Raises:
        TooFewError: fewer than 50 windows of a class.
    """
    config = read_lip_sync(config_path)
    talks = talks_of(config, data, store)
    scenes = _scenes(config, talks, store.parent / config.id)
    rows = measure.told(list(measure.vote_rows(scenes, measure.foreign_sounds(talks))))
    none = np.zeros((len(rows.fake), 0), np.uint8)
    method = np.where(rows.fake, "foreign sound", "true")
    known = ValidationSet(none, rows.fake, method, rows.clip, rows.person)
    card = read_card(card_path(config.id))
    fit: Calibration = calibrate_plainly(card, rows.score, known)
    return update_card(card_path(config.id), calibration=fit.model_dump(mode="json"))


def evaluate(config_path: Path, *, data: Path, store: Path, html: Path) -> Card:
    """Measure; writes the card and ``docs/measured/<id>.{json,md}``. ``html`` stays unwritten: there is one table."""
    config = read_lip_sync(config_path)
    command = f"python -m core.cli evaluate {config_path.as_posix()}"
    card = read_card(card_path(config.id))
    talks = talks_of(config, data, store)
    shipped = LipSyncDetector(card, SHIPPED_WEIGHTS / card.weights.file, "cpu")
    forged, real = _others(data, store, fake=True), _others(data, store, fake=False)
    by_fold: _Scenes = partial(_scenes, config, out=store.parent / config.id)

    def both(talks: Sequence[Talk]) -> list[measure.Scene]:
        return [scene for talk in talks for scene in measure.scenes_by_both(talk, shipped)]

    def motion(talks: Sequence[Talk]) -> list[measure.Scene]:
        return [scene for talk in talks for scene in measure.scenes_by_motion(talk)]

    tables = {
        "network and correlation": _table(by_fold, both, talks, forged, real, _FOLDS, command),
        "correlation alone": _table(motion, motion, talks, forged, real, "training clips", command),
    }
    ours = tables["network and correlation"]
    facts = {name: [m.model_dump(mode="json") for m in found] for name, found in tables.items()}
    (DOCS / f"{config.id}.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    (DOCS / f"{config.id}.md").write_text(page(config.title, tables, command), encoding="utf-8")
    return update_card(card_path(config.id), measured=[m.model_dump(mode="json") for m in ours])


def _table(
    known: _Scenes,
    others: _Scenes,
    talks: Sequence[Talk],
    forged: Sequence[Talk],
    real: Sequence[Talk],
    dataset: str,
    command: str,
) -> list[Metric]:
    """All figures of one measure, which sees the training clips by ``known`` and the other splits by ``others``."""
    scenes = known(talks)
    told = measure.against_foreign(scenes, measure.foreign_sounds(talks))
    # Many clips do not come in time, so what a shifted clip shows is also held against what it shows as it comes, and
    # what one window shows against what the next one does: a chance peak would move along, but not stand in both.
    first, second = (known([measure.window_of(talk, number) for talk in talks]) for number in (0, 1))
    later = measure.shifts_found(measure.shown_lags(first), measure.own_lags(second))
    elsewhere = others(real)
    made = others(forged)
    table = [
        *_shifts(scenes, dataset, command),
        measure.area(told, "AUC, sound of other clips", dataset, command),
    ]
    if later:
        more = " of the offset that another window of the clip shows"
        table.append(measure.share_found(later, dataset, command, more))
    if made:
        table.append(
            measure.area(measure.against_new_lips(scenes, made), "AUC, new lips (test split)", _FORGED, command)
        )
    if elsewhere:
        table += _shifts(elsewhere, "true clips of the other splits", command)
    return table


def _shifts(scenes: Sequence[measure.Scene], dataset: str, command: str) -> list[Metric]:
    """Shifts found, as if all clips came in time, and counted from what each shows as it comes."""
    shown = measure.shown_lags(scenes)
    follows = measure.shifts_found(shown, measure.own_lags(scenes))
    return [
        measure.share_found(measure.shifts_found(shown), dataset, command),
        measure.share_found(follows, dataset, command, " of the offset that the clip shows as it comes"),
    ]


def _others(data: Path, store: Path, *, fake: bool) -> list[Talk]:
    """Clips with sound of the other splits: forged ones of test, or true ones of people who were not trained on."""
    items = [
        item
        for item in read_manifest(data, modalities=["video"])
        if item.fake == fake
        and item.split in (("test",) if fake else ("calib", "test"))
        and item.sha256 not in left_out()
    ]
    try:
        return talking.build(data, items, store, get_settings())
    except NotFoundError:
        return []


def page(title: str, tables: dict[str, list[Metric]], command: str) -> str:
    """The figures as a page."""
    lines = [f"# {title}", "", f"Measured by `{command}`; intervals of 95 %.", ""]
    for name, found in tables.items():
        lines += [f"## {name.capitalize()}", "", "| Measure | Value | Interval | n | Data |", "|---|---|---|---|---|"]
        lines += [f"| {m.name} | {m.value:.3f} | {m.low:.3f} … {m.high:.3f} | {m.n} | {m.dataset} |" for m in found]
        lines.append("")
    return "\n".join(lines)
