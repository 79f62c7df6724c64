"""Fine-tuning learns what people said, forgets little, takes over only if better, and can be undone."""

from __future__ import annotations

import hashlib
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from core.detectors.timm_frame import TimmFrameDetector
from core.errors import CancelledError
from core.faces.align import template
from core.networks.frame import create
from core.registry import Card, InputSpec, card
from core.training.config import TrainConfig
from core.training.data.crops import STORE_PX, STORE_SCALE, CropRow, Crops
from core.training.data.pairs import Pairs
from core.training.delong import Comparison
from core.training.feedback.material import Labelled, TooFewLabelsError, _both_sides, divided
from core.training.feedback.promotion import compared, judge
from core.training.feedback.tuning import Tuning, fine_tune, inputs
from core.training.validation import ValidationSet
from core.types import RGB

POINTS = tuple((float(x), float(y)) for x, y in template(STORE_PX, STORE_SCALE))


def _faces(n: int, seed: int) -> RGB:
    coarse = np.random.default_rng(seed).integers(40, 216, (n, 8, 8, 3), dtype=np.uint8)
    return np.stack([cv2.resize(c, (STORE_PX, STORE_PX), interpolation=cv2.INTER_CUBIC) for c in coarse])


def _row(name: str, fake: bool) -> CropRow:
    sha256 = hashlib.sha256(name.encode()).hexdigest()
    return CropRow(sha256, 0.0, fake, "striped", "feedback", sha256, "train", "image", 90.0, POINTS)


def _labelled(n: int = 40) -> Labelled:
    """Reals, and fakes with stripes."""
    real, fake = _faces(n, 1), _faces(n, 2)
    fake[:, ::4] = np.clip(fake[:, ::4].astype(int) + 110, 0, 255).astype(np.uint8)
    rows = tuple(_row(f"{kind}{i}", kind == "f") for kind in "rf" for i in range(n))
    crops = Crops(np.concatenate([real, fake]), rows)
    group = np.array([row.sha256 for row in rows])
    fakes = np.array([row.fake for row in rows])
    return Labelled(crops, np.ones(2 * n), divided(group, fakes), group, ())


def _config() -> TrainConfig:
    return TrainConfig.model_validate(
        {
            "id": "tiny",
            "title": "Tiny",
            "summary": "For tests.",
            "input": {"size": 64},
            "fakes": {"up-sampling": 1},
            "model": {"architecture": "cnn4"},
            "optim": {"epochs": 1, "pairs_per_epoch": 16, "lr": 1e-3},
        }
    )


class Small(TimmFrameDetector):
    """A four-block CNN with weights from a seed."""

    def fill(self, weights: Path) -> None:
        torch.manual_seed(0)
        self.network = create("cnn4")


def _detector() -> Small:
    base: Card = card("face-lite")
    return Small(base.model_copy(update={"architecture": "cnn4", "input": InputSpec(size=64)}), Path(__file__), "cpu")


def _pairs() -> Pairs:
    rows = tuple(CropRow(f"o{i}", 0.0, False, "x", "lfw", f"o{i}", "train", "image", 90.0, POINTS) for i in range(6))
    return Pairs(Crops(_faces(6, 3), rows), _config())


def test_it_learns_the_labels_and_leaves_the_first_network_alone() -> None:
    before, labelled = _detector(), _labelled()
    kept = {k: v.clone() for k, v in before.network.state_dict().items()}
    heard: list[float] = []
    plan = Tuning(steps=60, batch=12, rate=5e-3, share=1.0, replay_pairs=6)
    tuned = fine_tune(before, labelled, _pairs(), plan, lambda share, _: heard.append(share))
    assert all(torch.equal(kept[k], v) for k, v in before.network.state_dict().items())
    assert tuned.losses[-1] < tuned.losses[0]
    assert heard == sorted(heard)
    assert heard[-1] == pytest.approx(1.0)
    after = _detector()
    after.network = tuned.network
    crops = labelled.crops.take(np.flatnonzero(labelled.test))
    known = ValidationSet(
        inputs(crops, after.card.input),
        labelled.fake[labelled.test],
        np.full(len(crops), "striped"),
        np.full(len(crops), "feedback"),
        labelled.group[labelled.test],
    )
    found = compared(after, before, known)
    assert found.first > 0.9 > found.second
    assert judge(Comparison(0.8, 0.8, 0.0, 0.0, 0.0, 0.0, 1.0), found)[0]


def test_only_the_last_share_of_the_network_learns() -> None:
    before = _detector()
    tuned = fine_tune(before, _labelled(), _pairs(), Tuning(steps=3, batch=4, share=0.2, replay_pairs=4))
    same = [torch.equal(a, b) for a, b in zip(before.network.parameters(), tuned.network.parameters(), strict=True)]
    assert same[0]
    assert not same[-1]
    buffers = zip(before.network.buffers(), tuned.network.buffers(), strict=True)
    assert all(torch.equal(a, b) for a, b in buffers)


def test_it_can_be_stopped() -> None:
    def stop(share: float, _: str) -> None:
        if share > 0.5:
            raise CancelledError("Stopped.", hint="Start again.")

    with pytest.raises(CancelledError):
        fine_tune(_detector(), _labelled(), _pairs(), Tuning(steps=10, batch=4, replay_pairs=2), stop)


@pytest.mark.parametrize(
    ("old", "gain", "p", "promoted"),
    [(0.0, 0.2, 0.001, True), (-0.02, 0.2, 0.001, False), (0.0, 0.02, 0.4, False), (0.0, -0.2, 0.001, False)],
)
def test_only_a_sure_gain_that_costs_little_is_promoted(old: float, gain: float, p: float, promoted: bool) -> None:
    found, reason = judge(
        Comparison(0.8 + old, 0.8, old, old, old, 0.0, 1.0), Comparison(0.7 + gain, 0.7, gain, 0.0, 0.0, 0.0, p)
    )
    assert found is promoted
    assert reason


def test_later_labels_move_no_group_from_test_to_training() -> None:
    names = np.array([hashlib.sha256(str(i).encode()).hexdigest() for i in range(60)])
    fake = np.arange(60) % 2 == 0
    few = divided(names[:30], fake[:30])
    assert (divided(names, fake)[:30] == few).all()
    assert 5 < few.sum() < 20


def test_too_few_of_a_class_is_said() -> None:
    with pytest.raises(TooFewLabelsError):
        _both_sides(_labelled(6))
