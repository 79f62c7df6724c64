"""Second looks: in the mirror, at other scales and with dropout; what they do to the range, and how they are told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from core import wording
from core.detectors.base import FrameDetector
from core.facts import SCALES, Head, Look, LookKind
from core.fusion.spread import spread, telling
from core.fusion.verdict import decide
from core.registry import Card, InputSpec, WeightsSpec, ensemble
from core.runtime.pool import ModelPool
from core.settings import Settings, build_settings
from core.stages.asking.answers import spoken
from core.stages.asking.looks import Again, Recut, second_looks
from core.stages.context import Context
from core.types import RGB, Modality, PersonResult, Thresholds
from tests.analyses import person, score

CARD = Card(
    id="stand-in",
    title="Stand-in",
    family="test",
    modality=Modality.IMAGE,
    implementation="core.detectors.timm_frame:TimmFrameDetector",
    architecture="none",
    summary="for tests",
    input=InputSpec(size=16),
    weights=WeightsSpec(file="x", size_bytes=1, licence="none", trained_on="nothing", how_to_get="nothing"),
)


class _Light(FrameDetector):
    """The brighter a crop, the higher its logit; with ``noise`` its dropout moves them."""

    memory_bytes = 1

    def __init__(self, noise: float = 0.0) -> None:
        self.noise, self.seen = noise, 0

    def logits(self, crops: RGB) -> npt.NDArray[np.float32]:
        self.seen += len(crops)
        return np.asarray(crops.mean(axis=(1, 2, 3)) / 64.0 - 2.0, np.float32)

    def draws(self, crops: RGB, passes: int) -> npt.NDArray[np.float32] | None:
        if not self.noise:
            return None
        steps = np.linspace(-1, 1, passes, dtype=np.float32)[:, None]
        return np.asarray(self.logits(crops) + self.noise * steps, np.float32)


def _settings(folder: Path, **wanted: int) -> Settings:
    return build_settings(data_dir=folder, uncertainty=wanted)


def _context(settings: Settings) -> Context:
    return Context(settings, ensemble("default"), ModelPool("cpu", 10**9))


def _crops(count: int = 12) -> RGB:
    ramp = np.linspace(20, 220, count).astype(np.uint8)
    return np.broadcast_to(ramp[:, None, None, None], (count, 16, 16, 3)).copy()


def _recut(bright: int) -> Recut:
    """Other scales of a picture show ``bright`` more of light."""
    return lambda i, room: np.clip(_crops()[i].astype(int) + bright, 0, 255).astype(np.uint8)


def _looked(detector: _Light, context: Context, bright: int = 0) -> tuple[Again, ...]:
    crops = _crops()
    logits = detector.logits(crops)
    detector.seen = 0
    return second_looks(detector, crops, logits, _recut(bright), context)


def test_a_few_pictures_are_looked_at_again_and_no_more(tmp_path: Path) -> None:
    detector = _Light()
    looks = _looked(detector, _context(_settings(tmp_path)))
    assert [look.kind for look in looks] == [LookKind.MIRROR, *SCALES]
    assert [len(look.which) for look in looks] == [4, 2, 2, 2] and detector.seen == 10
    assert _looked(detector, _context(_settings(tmp_path, mirrored=0, scales=0, dropout=0))) == ()
    assert detector.seen == 0


def test_those_that_stand_for_all_are_spread_over_the_answers() -> None:
    p = np.random.default_rng(0).permutation(33) / 32
    assert p[list(telling(p, 1))] == pytest.approx([0.5])
    assert sorted(p[list(telling(p, 4))]) == pytest.approx([0.125, 0.375, 0.625, 0.875])
    assert telling(p, 4) == tuple(sorted(telling(p, 4)))
    assert telling(p[:3], 3) == (0, 1, 2) == telling(p[:3], 20)
    assert telling(p, 0) == ()


def test_scales_that_disagree_widen_the_range_and_those_that_agree_do_not(tmp_path: Path) -> None:
    context = _context(_settings(tmp_path, mirrored=0, dropout=0))
    detector, crops, times = _Light(), _crops(), [float(i) for i in range(12)]
    logits = detector.logits(crops)

    def answer(bright: int) -> float:
        found = spoken(CARD, logits, times, 1, crops, again=_looked(detector, context, bright)).score
        assert found.spread is not None and len(found.looks) == 3
        return found.spread

    assert answer(0) == pytest.approx(0.0, abs=1e-6)
    assert answer(60) > 0.1


def test_dropout_is_told_by_how_far_its_passes_differ(tmp_path: Path) -> None:
    context = _context(_settings(tmp_path, mirrored=0, scales=0))
    quiet, loud = (_looked(_Light(noise), context) for noise in (0.1, 2.0))
    (small,), (large,) = (
        spoken(CARD, _Light().logits(_crops()), [0.0] * 12, 1, again=again).score.looks for again in (quiet, loud)
    )
    assert small.kind is large.kind is LookKind.DROPOUT and small.n == 2
    assert 0 < small.difference < large.difference
    assert _looked(_Light(0.0), context) == ()


def test_a_look_that_gives_no_number_is_left_out() -> None:
    broken = Again(LookKind.HALF, (0,), np.array([[np.nan]]))
    found = spoken(CARD, np.zeros(3, np.float32), [0.0, 1.0, 2.0], 1, again=(broken,)).score
    assert found.looks == () and found.spread is None and found.p_fake == pytest.approx(0.5)


def look(kind: LookKind, difference: float, p: float = 0.5) -> Look:
    return Look(kind, 2, p, 0.8, difference)


def test_causes_add_up_and_scales_count_by_their_mean_square() -> None:
    mirror, half = look(LookKind.MIRROR, 0.3), look(LookKind.HALF, 0.4)
    assert spread(()) is None
    assert spread((mirror,)) == pytest.approx(0.3)
    assert spread((mirror, half)) == pytest.approx(0.5)
    assert spread((half, look(LookKind.CLOSER, 0.4))) == pytest.approx(0.4)
    assert (spread((mirror, look(LookKind.WIDER, 0.0))) or 0) == pytest.approx(0.3)


# --- in words ------------------------------------------------------------------------------------------------------


def test_reasons_say_whether_the_scales_agree() -> None:
    steady = score("net-a", 0.8, looks=(look(LookKind.CLOSER, 0.05, 0.78), look(LookKind.HALF, 0.02, 0.79)))
    torn = score("net-b", 0.8, looks=(look(LookKind.WIDER, 0.05, 0.8), look(LookKind.HALF, 0.6, 0.2)))
    assert wording.scales([steady]) == ("Net A says the same at other scales (closer, wider, half the resolution).",)
    said = " ".join(wording.scales([steady, torn]))
    assert "Net B says otherwise at half the resolution (20%, at first 80%): its range is wider for it." in said
    assert "further away" not in said
    assert wording.scales([score("net-a", 0.8)]) == ()
    reasons = decide([person(1, 0.8)], [steady, torn], Thresholds(0.65, 0.35)).reasons
    assert sum("scales" in line or "resolution" in line for line in reasons) == 2


def test_who_did_not_vote_is_not_told_of() -> None:
    torn = score("stranger", 0.8, looks=(look(LookKind.HALF, 0.6),))
    assert not any("otherwise" in line for line in decide([person(1, 0.8)], [torn], Thresholds(0.65, 0.35)).reasons)


def test_heads_are_told_one_by_one() -> None:
    heads = (Head("motion", 0.9, (0.5,), (0.9,)), Head("fingerprint", 0.2, (0.5,), (0.2,)))
    said = wording.heads(score("net-a", 0.8, heads=heads))
    assert said.startswith("Net A adds up 2 heads: 90% by what happens over time and 20% by the fingerprint")
    assert "not calibrated" in said
    mine: PersonResult = replace(person(1, 0.8))
    assert said in decide([mine], [score("net-a", 0.8, heads=heads)], Thresholds(0.65, 0.35)).reasons
