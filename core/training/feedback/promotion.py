"""Measure a fine-tuned network against the one before it, and let it take over only where it is better."""

from __future__ import annotations

import hashlib
import json
import logging
from collections import Counter, defaultdict
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import save_file
from torch import nn

from core.detectors.base import FrameDetector, load_detector
from core.detectors.network import NetworkDetector
from core.errors import ConfigError
from core.fusion.calibration import sigmoid
from core.registry import Card, card
from core.settings import Settings
from core.store.history import shared_store
from core.training import heldout
from core.training.calibrate import calibrate, calibration_set
from core.training.cards import write_card
from core.training.config import TrainConfig
from core.training.data.pairs import Pairs
from core.training.delong import Comparison, compare
from core.training.export import half
from core.training.feedback.material import Labelled, gather
from core.training.feedback.tuning import OnShare, Tuned, Tuning, fine_tune, inputs
from core.training.prepare import Prepared, prepare
from core.training.validation import ValidationSet, make_validation
from core.weights import versions
from core.weights.files import as_found, file_sha256

log = logging.getLogger(__name__)

FROZEN_PICTURES = 60
TOLERANCE = 0.01
"""How much AUC on the frozen set a new version may cost."""
LEVEL = 0.05


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a fine-tuning came to. ``old`` is the frozen set, ``new`` the labelled media kept for testing; ``first`` is
    the AUC after, ``second`` before."""

    promoted: bool
    reason: str
    number: str
    old: Comparison
    new: Comparison
    losses: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Places:
    """Where the training data lie and where face crops are kept."""

    data: Path
    store: Path


def judge(old: Comparison, new: Comparison, tolerance: float = TOLERANCE) -> tuple[bool, str]:
    """Whether a new version takes over, and why. ``first`` is after, ``second`` before."""
    if old.difference < -tolerance:
        return False, f"it costs {-old.difference:.3f} AUC on the frozen set; {tolerance:.3f} are allowed"
    if new.difference <= 0 or new.p_value >= LEVEL:
        return (
            False,
            f"AUC on the new labels changes by {new.difference:+.3f} (p = {new.p_value:.2g}), not surely better",
        )
    return True, f"AUC on the new labels rises by {new.difference:.3f} (p = {new.p_value:.2g})"


def finetune(
    config: TrainConfig,
    places: Places,
    settings: Settings,
    *,
    plan: Tuning | None = None,
    sole_reviewer: bool = False,
    on_share: OnShare = lambda _, __: None,
) -> Outcome:
    """Fine-tune the detector of ``config`` on the labels of the history, and promote it if it is better.

    Args:
        sole_reviewer: accept that one person gave all labels.
        on_share: told how far it is; may raise CancelledError to stop.

    Raises:
        TooFewLabelsError: too few labels of a class.
        NotFoundError: the data that the detector was first trained on are not there.
        ConfigError: it is no face detector of this project.
    """
    labelled = gather(shared_store(settings), settings, settings.data_dir / "faces", sole_reviewer=sole_reviewer)
    return finetune_on(config, labelled, prepare(config, places.data, places.store), places, settings, plan, on_share)


def finetune_on(
    config: TrainConfig,
    labelled: Labelled,
    prepared: Prepared,
    places: Places,
    settings: Settings,
    plan: Tuning | None = None,
    on_share: OnShare = lambda _, __: None,
) -> Outcome:
    """:func:`finetune` on labelled faces that are at hand."""
    plan = plan or Tuning()
    base, weights = as_found(card(config.id), settings)
    before = load_detector(base, weights, "cpu")
    if not isinstance(before, NetworkDetector):
        raise ConfigError(f"{base.title} cannot be fine-tuned.", hint="Take a face detector of this project.")
    tuned = fine_tune(before, labelled, Pairs(prepared.train, config), plan, on_share)
    place = versions.new_folder(config.id, settings)
    own = _write(base, tuned.network, place)
    after = load_detector(own, place / own.weights.file, "cpu")
    old = compared(after, before, frozen_set(config, places))
    new = compared(after, before, _test(labelled, base))
    promoted, reason = judge(old, new)
    if promoted:
        own = own.model_copy(
            update={"calibration": calibrate(own, calibration_set(config, places.data, places.store), place)}
        )
    write_card(own, place / "card.yaml")
    outcome = Outcome(promoted, reason, place.name, old, new, tuned.losses)
    _report(outcome, labelled, tuned, settings, place, config.id)
    if promoted:
        versions.use(config.id, place.name, settings)
    log.info("fine-tuning %s version %s: %s", config.id, place.name, reason)
    return outcome


def frozen_set(config: TrainConfig, places: Places) -> ValidationSet:
    """Held-out people of the first training and fakes made of them; the same for ever."""
    plain = heldout.neutral(config, config.input)
    few = heldout.thinned(heldout.held_out(config, places.data, places.store), FROZEN_PICTURES)
    sets = [make_validation(few, plain, seed=heldout.HELD_OUT_SEED, methods=(m,)) for m in sorted(config.fakes)]
    fields = ("pixels", "fake", "method", "source", "identity")
    return ValidationSet(**{name: np.concatenate([getattr(one, name) for one in sets]) for name in fields})


def _test(labelled: Labelled, base: Card) -> ValidationSet:
    rows = [row for row, test in zip(labelled.crops.rows, labelled.test, strict=True) if test]
    crops = labelled.crops.take(np.flatnonzero(labelled.test))
    return ValidationSet(
        inputs(crops, base.input),
        np.array([row.fake for row in rows]),
        np.array([row.method for row in rows]),
        np.array([row.source for row in rows]),
        labelled.group[labelled.test],
    )


def compared(after: FrameDetector, before: FrameDetector, known: ValidationSet) -> Comparison:
    """DeLong's test of both on the same pictures; the pictures of one file are averaged first."""
    first, second = (_per_item(one, known) for one in (after, before))
    fake = np.array([key[1] for key in first])
    return compare(fake, np.array(list(first.values())), np.array(list(second.values())))


def _per_item(detector: FrameDetector, known: ValidationSet) -> dict[tuple[str, bool, str, int], float]:
    """Mean P(fake) of each person, class and method; pictures that stand alone keep a number of their own."""
    pixels = known.pixels
    logit = np.concatenate([detector.logits(pixels[i : i + 64]) for i in range(0, len(pixels), 64)])
    p = sigmoid(logit)
    sums: dict[tuple[str, bool, str, int], list[float]] = {}
    for i, (who, fake, method) in enumerate(zip(known.identity, known.fake, known.method, strict=True)):
        alone = 0 if known.source[i] == "feedback" else i
        sums.setdefault((str(who), bool(fake), str(method), alone), []).append(float(p[i]))
    return {key: float(np.mean(values)) for key, values in sums.items()}


def _write(base: Card, network: nn.Module, place: Path) -> Card:
    """The weights of a version and its card, still without a calibration."""
    file = place / f"{base.id}.safetensors"
    save_file(half(network.state_dict()), file)
    title = base.title.split(" (version ")[0]
    weights = base.weights.model_copy(
        update={
            "file": file.name,
            "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
            "size_bytes": file.stat().st_size,
            "trained_on": f"{base.weights.trained_on} Then fine-tuned on this machine's labels (version {place.name}).",
        }
    )
    changes: dict[str, Any] = {"title": f"{title} (version {place.name})", "weights": weights, "calibration": None}
    return base.model_copy(update=changes | {"golden": None, "measured": (), "reported": {}})


def _report(
    outcome: Outcome, labelled: Labelled, tuned: Tuned, settings: Settings, place: Path, detector_id: str
) -> None:
    used = [v for v in labelled.votes if not v.held and v.weight > 0]
    shares: defaultdict[str, float] = defaultdict(float)
    for vote in used:
        for who in vote.reviewers or ("unnamed",):
            shares[who] += vote.weight / max(1, len(vote.reviewers))
    total = sum(shares.values()) or 1.0
    facts = {
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "made_from": versions.current(detector_id, settings),
        "promoted": outcome.promoted,
        "reason": outcome.reason,
        "old": asdict(outcome.old),
        "new": asdict(outcome.new),
        "test_media": len(np.unique(labelled.group[labelled.test])),
        "train_media": len(np.unique(labelled.group[~labelled.test])),
        "fake": sum(v.fake for v in used),
        "real": sum(not v.fake for v in used),
        "held_back": dict(Counter(v.held for v in labelled.votes if v.held)),
        "shares": {who: round(weight / total, 3) for who, weight in sorted(shares.items())},
        "losses": tuned.losses,
        "sha256": file_sha256(place / f"{detector_id}.safetensors"),
    }
    (place / "report.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
