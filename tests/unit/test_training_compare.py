"""Detectors beside each other and their ensemble."""

from __future__ import annotations

import json
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from core.errors import ConfigError, NotFoundError
from core.fusion.fits import seal
from core.registry import Ensemble
from core.training import cli_api, compare, metrics
from core.training.fused import fused, fused_all
from core.types import Modality

N = 40


def preset(*members: str, least: int = 1) -> Ensemble:
    return Ensemble.model_validate(
        {
            "id": "both",
            "title": "Both",
            "summary": "s",
            "members": [{"detector": m} for m in members],
            "min_members": least,
            "thresholds": {"fake": 0.8, "real": 0.1},
        }
    )


def facts(name: str, seed: int, *, people: int = 10) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    rows = []
    for i in range(N):
        fake = i % 2 == 1
        p = float(1 / (1 + np.exp(-rng.normal(1.2 if fake else -1.2, 1.5))))
        rows.append(
            {
                "sha256": f"{i:064x}",
                "source": "web",
                "modality": "video" if i < 24 else "image",
                "method": "gan" if fake else "pristine",
                "identity": f"web/{i}",
                "fake": fake,
                "faces": 1,
                "quality": "sharp",
                "p_fake": None if i == 0 and name == "b" else round(p, 6),
            }
        )
    held = {m: np.clip(np.tile([0.3, 0.6], people) + rng.normal(0, 0.2, 2 * people), 0, 1).tolist() for m in ("x", "y")}
    return {
        "detector": name,
        "title": name.upper(),
        "weights_sha256": "ab" * 32,
        "size_bytes": 2_500_000,
        "parameters": 1000,
        "command": "c",
        "threshold_1pct": 0.9,
        "files": rows,
        "robustness": [],
        "figures": [],
        "held_out": {"identities": [f"p{i}" for i in range(people)], "seen": ["x"], "p_fake": held},
    }


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    for seed, name in enumerate("ab"):
        (tmp_path / f"{name}.json").write_text(json.dumps(facts(name, seed)))
        (tmp_path / f"{name}.md").write_text("x")
    mean = {"mean": {"value": 0.91, "low": 0.88, "high": 0.93, "n": 400}}
    (tmp_path / "a-leave-one-out.json").write_text(json.dumps(mean))
    return tmp_path


def test_who_cannot_look_at_pictures_is_missing_from_a_fitted_sum() -> None:
    three = preset("a", "b", "voice").model_copy(update={"fusion": "logistic"})
    rule = {
        "kind": "logistic",
        "features": ("a", "b", "voice"),
        "coefficients": (1.0, 0.5, 2.0),
        "mean": (0.0,) * 3,
        "deviation": (1.0,) * 3,
        "presence": dict.fromkeys(("a", "b", "voice"), 0.0),
        "intercept": 0.0,
        "temperature": 1.0,
    }
    asked = {name: {"weights_sha256": None, "calibration": None} for name in ("a", "b", "voice")}
    known = {"preset": "both", "rule": rule, "detectors": asked, "n_real": 60, "n_fake": 60, "people": 9, "ece": 0.03}
    fit = seal(known | {"scores_sha256": "ab" * 32})
    odds = np.log(0.8 / 0.2) + 0.5 * np.log(0.6 / 0.4)
    np.testing.assert_allclose(fused_all(three, {"a": [0.8], "b": [0.6]}, fit), 1 / (1 + np.exp(-odds)), rtol=1e-4)


def test_the_ensemble_answers_as_the_workbench_fuses() -> None:
    both = preset("a", "b")
    assert fused(both, {"a": 0.2, "b": None}) == pytest.approx(0.2), "who did not answer does not vote"
    p = fused(both, {"a": 0.2, "b": 0.8})
    assert p is not None and 0.2 < p < 0.8
    assert fused(both, {"a": None, "b": None}) is None
    assert fused(preset("a", "b", least=2), {"a": 0.2, "b": None}) is None
    np.testing.assert_allclose(fused_all(both, {"a": [0.2, 0.9], "b": [0.8, 0.9]}), [p, 0.9])
    with pytest.raises(ValueError, match="more members"):
        fused_all(preset("a", "b", least=2), {"a": [0.2]})


def test_a_line_for_each_detector_and_the_ensemble(docs: Path) -> None:
    found = compare.compare(["a", "b"], preset("a", "b"), ["a", "b"], docs, command="the command")
    lines = found.summary.splitlines()
    assert [line.split(" | ")[0] for line in lines[2:5]] == ["| preset `both` (a, b)", "| `a` A", "| `b` B"]
    cells = lines[3].strip("| ").split(" | ")
    rows = [row for row in facts("a", 0)["files"] if row["modality"] == "video"]
    auc = metrics.auc(np.array([r["fake"] for r in rows]), np.array([r["p_fake"] for r in rows]))
    assert cells[1:3] == ["1,000", "2.5"]
    assert cells[4] == "0.910 [0.880, 0.930] n=400"
    assert cells[5].startswith(f"{auc:.3f} [") and cells[5].endswith("n=24")
    alarms = np.mean([r["p_fake"] >= 0.8 for r in rows if not r["fake"]])
    assert cells[7].startswith(f"{alarms:.3f} [") and cells[7].endswith("n=12")
    assert lines[2].split(" | ")[1:3] == ["2,000", "5.0"]
    assert "0.80 and more" in found.summary and "`the command`" in found.summary
    for file in docs.glob("*-leave-one-out.json"):
        file.unlink()
    without = compare.compare(["a", "b"], preset("a", "b"), ["a", "b"], docs, command="the command").summary
    assert "left out" in lines[0] and "left out" not in without.splitlines()[0], "no column without a figure"


def test_the_ensemble_is_measured_on_files_that_a_member_answered(docs: Path) -> None:
    a, b = (compare.read_entry(name, docs) for name in "ab")
    assert a is not None and b is not None
    both = compare.ensemble_entry(preset("a", "b"), ["a", "b"], {"a": a, "b": b})
    assert len(both.files.files) == N
    place = both.files.files.index("0" * 64)
    assert both.files.p[place] == a.files.p[0], "the other member found no face there"
    assert both.held is not None and set(both.held.p) == {"x", "y"}
    result = both.held.result("both", both.held.seen)
    assert result.fake.tolist()[:4] == [False, True, False, True]
    assert result.groups[:4] == ("p0", "p0", "p1", "p1")


def test_people_of_another_split_are_not_fused(docs: Path) -> None:
    (docs / "b.json").write_text(json.dumps(facts("b", 1, people=6)))
    a, b = (compare.read_entry(name, docs) for name in "ab")
    assert a is not None and b is not None
    assert compare.ensemble_entry(preset("a", "b"), ["a", "b"], {"a": a, "b": b}).held is None
    assert "–" in compare._diversity([a, b])


def test_errors_that_are_alike_correlate(docs: Path) -> None:
    a = compare.read_entry("a", docs)
    assert a is not None
    same, both, n = compare.error_correlation(a.files, a.files)
    assert same == pytest.approx(1.0) and n == N
    assert both == pytest.approx(np.mean(np.abs(a.files.p - a.files.fake) > 0.5))
    few = a.files.where(np.arange(N) < 2)
    assert math.isnan(compare.error_correlation(a.files, few)[0])


def test_the_page_compares_pairs_and_names_what_was_not_measured(docs: Path) -> None:
    (docs / "voice.json").write_text(json.dumps({"detector": "voice", "figures": []}))
    text = compare.compare(["a", "b", "c", "voice"], preset("a"), ["a"], docs, command="x").page
    assert "[a](a.md), [b](b.md)" in text
    assert "because no scores of faces are kept for them: c, voice." in text
    assert "| a − b | clips |" in text and "| a − b | pictures |" in text
    assert "| a, b |" in text


def test_what_was_never_measured(docs: Path) -> None:
    with pytest.raises(NotFoundError, match="c of the preset"):
        compare.compare(["a"], preset("a", "c"), ["a", "c"], docs, command="x")
    (docs / "b.json").write_text("{")
    with pytest.raises(ConfigError, match="not readable JSON"):
        compare.read_entry("b", docs)


def test_the_command_writes_every_document(docs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from core import registry
    from core.training import evaluate

    root = docs / "root"
    (root / "docs").mkdir(parents=True)
    for path in (root / "README.md", root / "docs" / "detectors.md"):
        path.write_text("a <!-- measured --> b <!-- /measured --> c")
    monkeypatch.setattr(evaluate, "DOCS", docs)
    monkeypatch.setattr(cli_api, "ROOT", root)
    monkeypatch.setattr(registry, "ensemble", lambda _: preset("a", "b", "voice", least=3))
    kinds = {"voice": Modality.AUDIO}
    monkeypatch.setattr(registry, "card", lambda name: SimpleNamespace(modality=kinds.get(name, Modality.IMAGE)))
    configs = [docs / "a.yaml", docs / "b.yaml"]
    for path in configs:
        path.write_text(f"id: {path.stem}\n")
    summary = cli_api.compare(configs, ensemble="both", html=docs / "r.html")
    for path in (root / "README.md", root / "docs" / "detectors.md", docs / "README.md"):
        assert summary.strip() in path.read_text(encoding="utf-8")
    assert "Differences of AUC" in (docs / "r.html").read_text(encoding="utf-8")
    (docs / "a.yaml").write_text("title: none")
    with pytest.raises(ConfigError, match="has no id"):
        cli_api.compare(configs, ensemble="both")
