"""Presets beside their best members: figures, and honest words about them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from core import registry
from core.errors import ConfigError, NotFoundError
from core.fusion.fits import Asked, FusionFit
from core.registry import Ensemble
from core.training import preset_commands
from core.training.fit_fusion import fit_preset
from core.training.fusion_media import Medium
from core.training.fusion_scores import WITH_SOUND, Answers
from core.training.presets import Measure, _and_joined, _check, _group, _row, brief, measure, page, sentence, state_of
from tests.unit.test_fit_fusion import answers, preset


def measured(made: Ensemble, given: Answers, fit: FusionFit | None = None) -> Measure:
    group = _group(made, fit, "picture", "held-out people, pseudo-fakes", given)
    assert group is not None
    return measure(group)


def mean_of(*members: str) -> Ensemble:
    return preset("weighted_mean", *members)


def test_two_that_err_apart_are_better_together_and_the_page_says_so() -> None:
    found = measured(mean_of("a", "b"), answers({"a": 0.8, "b": 0.8}))
    assert found.best in ("a", "b") and found.against is not None
    assert found.against.difference > 0 and found.against.p_value < 0.05
    assert "better than" in sentence(found)
    assert found.falls and found.coverage.error_at(0.8) < found.coverage.error_at(1.0)
    said = {"fake": [False] * 4 + [True] * 4, "p_fake": [0.1, 0.2, 0.3, 0.91, 0.4, 0.89, 0.9, 0.95], "line": 0.9}
    text = page([{"row": _row(found, None), "sentence": sentence(found), **said}])
    assert "| t | weighted mean | pictures, held-out people" in text and "160 + 160" in text
    assert "| 0.250 [0.046, 0.699] | 0.500 [0.150, 0.850] |" in text
    short = brief([{"row": _row(found, None), **said}]).splitlines()
    assert short[0].endswith("| fakes called fake | reals called fake |")
    assert short[2].startswith("| pictures, held-out people") and short[2].endswith(
        "[0.150, 0.850] | 0.250 [0.046, 0.699] |"
    )


def test_a_member_that_guesses_makes_the_mean_worse_and_the_page_says_so() -> None:
    found = measured(mean_of("good", "blind"), answers({"good": 2.0, "blind": 0.0}))
    assert found.best == "good" and "**worse**" in sentence(found)
    one = measured(mean_of("good"), answers({"good": 1.0}))
    assert "one member alone" in sentence(one)


def test_the_fit_heals_what_the_mean_spoils() -> None:
    made = preset("logistic", "good", "blind")
    fit = fit_preset(made, answers({"good": 1.2, "blind": 0.0})).fit
    fresh = answers({"good": 1.2, "blind": 0.0}, seed=9)
    fitted, plain = measured(made, fresh, fit), measured(made, fresh)
    assert fitted.auc is not None and plain.auc is not None and fitted.auc.value > plain.auc.value
    assert fitted.ece is not None and fitted.ece.value < 0.12


def test_clips_and_voices_are_measured_as_if_one_file_held_both() -> None:
    given = answers({"face": 1.0}, voice=1.0, pairs=60)
    clips = tuple(
        replace(r, medium=replace(r.medium, kind="clip")) if r.medium.kind == "picture" else r for r in given.rows
    )
    both = _and_joined(replace(given, rows=clips)).rows[len(clips) :]
    assert {r.medium.kind for r in both} == {WITH_SOUND} and len(both) == 120
    assert sum(r.medium.fake for r in both) == 60
    assert {v.detector for r in both for v in r.votes} == {"face", "voice"} and all(len(r.votes) == 2 for r in both)
    assert len({r.medium.method for r in both}) == 1, "the made-up answers name one method of each"
    group = _group(mean_of("face", "voice"), None, WITH_SOUND, "x", replace(given, rows=both))
    assert group is not None and group.kind == "clips with a voice"
    assert not _and_joined(answers({"face": 1.0})).rows[320:], "without voices there is nothing to join"


def test_reversed_polarity_shows_in_the_figures() -> None:
    found = measured(mean_of("a"), answers({"a": -1.5}))
    assert found.auc is not None and found.auc.value < 0.1


def test_too_few_files_give_no_figures() -> None:
    few = answers({"a": 1.0}, pairs=4)
    assert _group(mean_of("a"), None, "picture", "x", few) is None
    assert _group(mean_of("a"), None, "clip", "x", answers({"a": 1.0})) is None


def test_members_that_changed_since_the_fit_are_not_measured() -> None:
    made, given = preset("logistic", "a"), answers({"a": 1.0})
    fit = fit_preset(made, given).fit
    stale = Answers(given.rows, {"a": Asked(weights_sha256="b" * 64, calibration=None)}, 0)
    with pytest.raises(ConfigError, match="not as it was"):
        _check(made, fit, stale)


def test_fusing_writes_fit_and_thresholds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = preset("logistic", "a", "b")
    given = answers({"a": 1.5, "b": 1.5})
    (tmp_path / "ensembles").mkdir()
    file = tmp_path / "ensembles" / "t.yaml"
    file.write_text(
        "id: t\ntitle: t\nsummary: t\nmembers: [{detector: a}, {detector: b}]\nfusion: logistic\n"
        "thresholds: {fake: 0.9, real: 0.0}\n"
    )
    monkeypatch.setattr(registry, "ensemble", lambda _: made)
    monkeypatch.setattr(preset_commands, "CONFIGS", tmp_path)
    monkeypatch.setattr(preset_commands, "recipe", lambda *_: None)
    monkeypatch.setattr(preset_commands, "make_media", lambda *_: [Medium("x", "picture", False, "-", "-")])
    monkeypatch.setattr(preset_commands, "ask_all", lambda *_: given)
    monkeypatch.setattr(preset_commands, "fit_path", lambda name: tmp_path / f"{name}.json")
    where: dict[str, Any] = {"data": tmp_path, "store": tmp_path, "work": tmp_path, "false_alarms": 0.01, "alpha": 0.05}
    said = preset_commands.fuse("t", **where, may_call_real=False)
    assert "n=320" in said and (tmp_path / "t.json").is_file()
    limits = Ensemble.model_validate(yaml.safe_load(file.read_text())).limits
    assert limits.real == 0.0 and 0.5 < limits.fake <= 1.0
    with pytest.raises(ConfigError, match="fixed weights"):
        monkeypatch.setattr(registry, "ensemble", lambda _: mean_of("a"))
        preset_commands.fuse("t", **where, may_call_real=False)


def test_the_commands_name_what_is_missing(tmp_path: Path) -> None:
    from core.cli import main

    with pytest.raises(NotFoundError):
        registry.ensemble("nothing")
    assert main(["fuse", "gated4", "--data", str(tmp_path)]) == 2
    assert main(["announce", str(tmp_path / "none.yaml")]) == 2


def test_figures_stay_until_what_they_are_of_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preset_commands, "DOCS", tmp_path)
    monkeypatch.setattr(preset_commands, "ROOT", tmp_path)
    readme = tmp_path / "README.md"
    readme.write_text("<!-- preset -->old<!-- /preset -->")
    monkeypatch.setattr(preset_commands, "recipe", lambda *_, **__: None)
    asked: list[str] = []

    def groups_of(made: Ensemble, *_: Any) -> list[Any]:
        asked.append(made.id)
        given = answers({"a": 0.8, "b": 0.8})
        return [_group(mean_of("a", "b").model_copy(update={"id": made.id}), None, "picture", "x", given)]

    monkeypatch.setattr(preset_commands, "groups_of", groups_of)
    where: dict[str, Any] = {"data": tmp_path, "store": tmp_path, "work": tmp_path}
    assert "| truevision |" in preset_commands.measure_presets(["truevision"], **where)
    both = preset_commands.measure_presets(["forensics4"], **where)
    assert "| truevision |" in both and "| forensics4 |" in both and asked == ["truevision", "forensics4"]
    assert "| files |" in readme.read_text() and "old" not in readme.read_text()
    assert "160 + 160" not in readme.read_text()  # it shows the default preset alone
    monkeypatch.setattr(preset_commands, "state_of", lambda made, fit: f"other {made.id}")
    later = preset_commands.measure_presets(["forensics4"], **where)
    assert "| truevision |" not in later and "| forensics4 |" in later
    (tmp_path / "presets.json").write_text("[")
    with pytest.raises(ConfigError, match="not readable JSON"):
        preset_commands.measure_presets(["forensics4"], **where)


def test_other_members_are_another_state() -> None:
    one, two = registry.ensemble("truevision"), registry.ensemble("forensics4")
    assert state_of(one, None) == state_of(one, None) != state_of(two, None)
