"""The preset of four: it runs with those that are here, says who is missing, and goes on without a wrong file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from core import pipeline
from core.registry import card, ensemble
from core.settings import Settings, build_settings
from core.types import Analysis, Label, Score, Status
from core.weights import trusted
from core.weights.files import fresh_sha256
from tests.unit.plugin_samples import EfficientNetB4, Reference, Xception
from tests.unit.test_plugin_deepfakebench import F3Net

XCEPTION, EFFICIENTNET, F3NET, EFFORT = (
    "deepfakebench-xception",
    "deepfakebench-efficientnet-b4",
    "deepfakebench-f3net",
    "effort-clip",
)
Place = Callable[[str, Reference], None]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    folder = tmp_path / "weights"
    folder.mkdir()
    return build_settings(data_dir=tmp_path / "data", weights_dir=folder, preset="forensics4")


@pytest.fixture
def place(settings: Settings) -> Place:
    """Put a file where a detector looks for it, and vouch for it."""

    def put(name: str, reference: Reference) -> None:
        assert settings.weights_dir is not None
        file = reference.save(settings.weights_dir / card(name).weights.file)
        trusted.vouch(settings, name, file.name, fresh_sha256(file), file.stat().st_size)

    return put


def made(kind: Callable[[], Reference], bias: float) -> Reference:
    """A network of the published layout that says about the same of every picture: sigmoid(2 * bias)."""
    reference = kind()
    head = next(name.removesuffix(".bias") for name in reference.state if "last_l" in name and name.endswith(".bias"))
    reference.state[f"{head}.weight"] *= 1e-4
    reference.state[f"{head}.bias"] = torch.tensor([-bias, bias])
    return reference


def b4() -> Reference:
    return EfficientNetB4("backbone.efficientnet.", "backbone.last_layer", padded_stem=False)


def rows(analysis: Analysis) -> dict[str, Score]:
    return {score.detector: score for score in analysis.scores}


def test_the_preset_is_the_published_one() -> None:
    preset = ensemble("forensics4")
    assert [(m.detector, m.weight) for m in preset.members] == [
        (name, 0.25) for name in (XCEPTION, EFFICIENTNET, F3NET, EFFORT)
    ]
    assert (preset.fusion, preset.min_members) == ("weighted_mean", 2)
    assert (preset.limits.fake, preset.limits.real) == (0.5, 0.5)


def test_it_runs_with_those_that_are_here_and_says_who_is_missing(
    settings: Settings, place: Place, samples: Callable[..., Path]
) -> None:
    place(XCEPTION, made(Xception, 1.0))
    place(EFFICIENTNET, made(b4, -0.25))
    analysis = pipeline.analyse(samples("portrait", "a.png"), settings)
    found = rows(analysis)
    assert {name: row.status for name, row in found.items()} == {
        XCEPTION: Status.OK,
        EFFICIENTNET: Status.OK,
        F3NET: Status.UNAVAILABLE,
        EFFORT: Status.UNAVAILABLE,
    }
    p_fake = [found[name].p_fake or 0.0 for name in (XCEPTION, EFFICIENTNET)]
    np.testing.assert_allclose(p_fake, [1 / (1 + np.exp(-2.0)), 1 / (1 + np.exp(0.5))], atol=0.03)
    assert analysis.verdict.p_fake == pytest.approx(np.mean(p_fake))
    assert analysis.verdict.label is Label.FAKE and not analysis.verdict.calibrated
    assert [c.weight for c in analysis.verdict.contributions] == [0.5, 0.5]
    reasons = " ".join(analysis.verdict.reasons)
    for name in (F3NET, EFFORT):
        assert card(name).title in reasons
        assert card(name).weights.how_to_get in found[name].reason


def test_one_alone_is_not_enough(settings: Settings, place: Place, samples: Callable[..., Path]) -> None:
    place(XCEPTION, made(Xception, 1.0))
    analysis = pipeline.analyse(samples("portrait", "a.png"), settings)
    assert rows(analysis)[XCEPTION].status is Status.OK
    assert analysis.verdict.p_fake is None and analysis.verdict.label is Label.NOT_APPLICABLE
    reasons = " ".join(analysis.verdict.reasons)
    assert "only 1 of the 2 detectors needed" in reasons and "weights pull deepfakebench-f3net" in reasons


def test_a_wrong_file_is_a_row_that_says_why_and_the_others_go_on(
    settings: Settings, place: Place, samples: Callable[..., Path]
) -> None:
    """F3-Net's file in the place of Xception's, one key of EfficientNet renamed: both refused by name."""
    renamed = made(b4, 0.5)
    renamed.state["backbone.efficientnet._bn1.wait"] = renamed.state.pop("backbone.efficientnet._bn1.weight")
    place(XCEPTION, made(F3Net, 1.0))
    place(EFFICIENTNET, renamed)
    place(F3NET, made(F3Net, -1.0))
    analysis = pipeline.analyse(samples("portrait", "a.png"), settings)
    found = rows(analysis)
    assert [found[n].status for n in (XCEPTION, EFFICIENTNET, F3NET)] == [Status.ERROR, Status.ERROR, Status.OK]
    assert "FAD_head" in found[XCEPTION].reason and "xception_best.pth" in found[XCEPTION].reason
    assert "_bn1.wait" in found[EFFICIENTNET].reason
    assert found[F3NET].p_fake == pytest.approx(1 / (1 + np.exp(2.0)), abs=0.03)
    assert found[XCEPTION].p_fake is None and analysis.verdict.p_fake is None


def test_a_file_nobody_vouched_for_is_not_opened(
    settings: Settings, samples: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert settings.weights_dir is not None
    made(Xception, 1.0).save(settings.weights_dir / card(XCEPTION).weights.file)
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("opened"))
    row = rows(pipeline.analyse(samples("portrait", "a.png"), settings))[XCEPTION]
    assert row.status is Status.ERROR and "vouched" in row.reason
