"""What is shipped: weights that are the ones on their cards, golden logits, and the verdicts of the examples."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.examples import examples
from core.pipeline import analyse
from core.registry import Card, card, detector_ids, ensemble, ensemble_ids
from core.settings import SHIPPED_WEIGHTS, Settings, build_settings
from core.training.fakes import generator, vocoder
from core.training.golden import golden_logit
from core.types import Analysis, Label, Status
from core.weights.files import file_sha256, verified

SHIPPED = [name for name in detector_ids() if (SHIPPED_WEIGHTS / card(name).weights.file).is_file()]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return build_settings(data_dir=tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def results(settings: Settings) -> dict[str, Analysis]:
    """The analysis of each example by its file name's stem."""
    return {e.path.stem: analyse(e.path, settings) for e in examples(settings)}


def test_something_is_shipped() -> None:
    assert SHIPPED


@pytest.mark.parametrize("name", SHIPPED)
def test_weights_are_those_of_the_card_and_the_manifest(name: str, settings: Settings) -> None:
    path, spec = verified(card(name), settings), card(name).weights
    manifest = json.loads((SHIPPED_WEIGHTS / "manifest.json").read_text(encoding="utf-8"))
    assert manifest[name]["sha256"] == spec.sha256 == file_sha256(path)
    assert path.stat().st_size == spec.size_bytes == manifest[name]["size_bytes"]


@pytest.mark.parametrize("name", SHIPPED)
def test_the_golden_logit_is_reproduced(name: str, settings: Settings) -> None:
    golden = card(name).golden
    assert golden is not None, "a shipped detector has a golden value on its card"
    logit = golden_logit(card(name), verified(card(name), settings), golden.seed)
    assert logit == pytest.approx(golden.logit, abs=golden.tolerance)


@pytest.mark.parametrize("name", ensemble_ids())
def test_presets_name_detectors_that_are_there(name: str) -> None:
    assert {m.detector for m in ensemble(name).members} <= set(detector_ids())


def test_weights_are_safetensors_with_a_manifest_entry_each() -> None:
    files = {p.name for p in SHIPPED_WEIGHTS.iterdir() if p.is_file()} - {"manifest.json", "README.md"}
    assert files == {card(name).weights.file for name in SHIPPED}
    assert all(Path(name).suffix == ".safetensors" for name in files)


def test_generators_are_shipped_by_their_names() -> None:
    for kind in (generator, vocoder):
        assert {p.name for p in kind.FOLDER.iterdir()} == {f"{name}.safetensors" for name in kind.VARIANTS}


def test_the_real_example_is_not_called_fake(results: dict[str, Analysis]) -> None:
    assert results["portrait"].verdict.label in {Label.REAL, Label.UNCERTAIN}


def test_the_blended_example_scores_higher_than_the_real_one(results: dict[str, Analysis]) -> None:
    real, fake = results["portrait"].verdict.p_fake, results["portrait-self-blended"].verdict.p_fake
    assert real is not None and fake is not None and fake > real + 0.1


def test_cards_turned_upside_down_turn_the_examples_round(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that the test above would fail if a shipped card were of reversed polarity."""
    turned = {member.detector: _upside_down(card(member.detector)) for member in ensemble("default").members}
    monkeypatch.setattr("core.registry.card", lambda name: turned.get(name) or card(name))
    monkeypatch.setattr("core.fusion.combine.changed_members", lambda *members: [])
    files = {e.path.stem: e.path for e in examples(settings)}
    other = build_settings(data_dir=tmp_path)
    real, fake = (analyse(files[name], other).verdict.p_fake for name in ("portrait", "portrait-self-blended"))
    assert real is not None and fake is not None and fake < real - 0.1


def _upside_down(own: Card) -> Card:
    fit = own.calibration
    assert fit is not None, "the default preset has calibrated members only"
    by = {name: part.model_copy(update={"a": -part.a, "b": -part.b}) for name, part in (fit.by_quality or {}).items()}
    turned = fit.model_copy(update={"a": -fit.a, "b": -fit.b, "by_quality": by or None})
    return own.model_copy(update={"calibration": turned})


def test_the_landscape_is_not_applicable(results: dict[str, Analysis]) -> None:
    assert results["hills"].verdict.label is Label.NOT_APPLICABLE


@pytest.mark.parametrize("preset", ensemble_ids())
@pytest.mark.parametrize("stem", ["portrait", "talking-portrait", "computed-voice"])
def test_every_preset_runs_on_every_kind_of_example(preset: str, stem: str, settings: Settings) -> None:
    example = next(e for e in examples(settings) if e.path.stem == stem)
    analysis = analyse(example.path, settings.model_copy(update={"preset": preset}))
    assert {s.detector for s in analysis.scores} == {m.detector for m in ensemble(preset).members}
    assert all(s.status is not Status.ERROR for s in analysis.scores)
    assert all("python -m core.cli" in s.reason for s in analysis.scores if s.status is Status.UNAVAILABLE)
    assert analysis.verdict.reasons
    voted = [s for s in analysis.scores if s.status is Status.OK]
    assert (analysis.verdict.p_fake is None) == (analysis.verdict.label is Label.NOT_APPLICABLE)
    assert voted or analysis.verdict.label is Label.NOT_APPLICABLE


def test_the_talking_example_has_lanes_and_a_sync_curve(results: dict[str, Analysis]) -> None:
    talking = results["talking-portrait"]
    assert len(talking.tracks) == 1 and len(talking.timelines[0].t_s) >= 16
    curve = talking.sync[0]
    assert curve.status is Status.OK and curve.best_offset_ms is not None and abs(curve.best_offset_ms) <= 80
