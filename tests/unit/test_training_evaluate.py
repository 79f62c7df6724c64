"""An evaluation from files to card, docs and report, with a detector whose answers are known."""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from safetensors.numpy import save_file

from core.detectors.base import FrameDetector
from core.errors import NotFoundError, WeightsError
from core.faces.align import template
from core.fusion.quality import QUALITY_BINS
from core.registry import Card
from core.training import cards, evaluate, heldout, tables
from core.training.config import TrainConfig
from core.training.data import crops, natives, testset
from core.training.data.faces import Found
from core.training.results import read_result
from core.types import RGB

SIDE = 200
POINTS = template(SIDE, 1.6)


class OneFace:
    """Finds the face that every picture of these tests has in its middle."""

    def largest(self, rgb: RGB) -> Found:
        low, high = POINTS.min(axis=0), POINTS.max(axis=0)
        side = (high - low).max() * 1.8
        centre = (low + high) / 2
        box = np.concatenate([centre - side / 2, centre + side / 2]).astype(np.float32)
        return Found(box, POINTS.astype(np.float32), 0.99)


class Fineness(FrameDetector):
    """Calls fake what is smooth: compression and blur raise its answer."""

    def __init__(self, card: Card) -> None:
        self.card = card
        self.seen = 0

    @property
    def memory_bytes(self) -> int:
        return 1

    def logits(self, crops: RGB) -> npt.NDArray[np.float32]:
        self.seen += len(crops)
        grain = np.abs(np.diff(crops.astype(np.float32), axis=2)).mean(axis=(1, 2, 3))
        return np.asarray(4.0 - grain, dtype=np.float32)


def picture(seed: int, grain: float) -> RGB:
    rng = np.random.default_rng(seed)
    coarse = rng.integers(60, 196, (8, 8, 3), dtype=np.uint8)
    smooth = cv2.resize(coarse, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC).astype(np.float32)
    return np.clip(smooth + rng.normal(0, grain, (SIDE, SIDE, 3)), 0, 255).astype(np.uint8)


def collection(root: Path) -> dict[str, str]:
    """Twelve people to train on (half of them held out), eight to calibrate on, and a test set; sha256 by path."""
    rows: list[dict[str, str]] = []

    def put(split: str, source: str, label: str, number: int, grain: float) -> None:
        path = Path("image") / split / source / label / f"{source}__p{number}.png"
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(root / path), picture(len(rows), grain)[:, :, ::-1])
        sha = hashlib.sha256((root / path).read_bytes()).hexdigest()
        method = "pristine" if label == "real" else "blur-gan"
        row = {"path": path.as_posix(), "modality": "image", "label": label, "method": method, "source": source}
        rows.append(row | {"split": split, "sha256": sha, "licence": "free"})

    for i in range(12):
        put("train", "camera", "real", i, 9.0)
    for i in range(8):
        put("calib", "other", "real", i, 9.0)
    for i in range(6):
        put("test", "web", "real", i, 9.0 if i else 1.0)
        put("test", "web", "fake", 10 + i, 2.0)
    with (root / "manifest.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return {row["path"]: row["sha256"] for row in rows}


def config() -> TrainConfig:
    return TrainConfig.model_validate(
        {
            "id": "tiny",
            "title": "Tiny",
            "summary": "For tests.",
            "input": {"size": 64},
            "data": {"split_file": "tiny.json"},
            "fakes": {"low-res": 1, "self-blend": 1},
            "model": {"architecture": "test_resnet"},
            "optim": {"epochs": 1, "pairs_per_epoch": 4, "lr": 1e-3},
        }
    )


def card_facts(size: int) -> dict[str, Any]:
    return {
        "id": "tiny",
        "title": "Tiny",
        "family": "f",
        "modality": "image",
        "implementation": "core.detectors.timm_frame:TimmFrameDetector",
        "architecture": "none",
        "summary": "s",
        "input": {"size": 64},
        "weights": {
            "file": "tiny.safetensors",
            "sha256": "ab" * 32,
            "size_bytes": size,
            "licence": "MIT",
            "trained_on": "nothing",
            "how_to_get": "train",
        },
    }


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("evaluation")
    hashes = collection(root)
    train = sorted(sha for path, sha in hashes.items() if "/train/" in path)
    split = {sha: "val" if i % 2 else "train" for i, sha in enumerate(train)}
    (root / "splits").mkdir()
    (root / "splits" / "tiny.json").write_text(json.dumps({"files": split}))
    save_file(
        {"conv.weight": np.zeros((2, 3), np.float32), "bn.running_mean": np.zeros(5, np.float32)},
        root / "tiny.safetensors",
    )
    cards.write_card(Card.model_validate(card_facts(32)), root / "tiny.yaml")
    return root


@pytest.fixture(scope="module")
def measured(place: Path) -> Any:
    """The evaluation, its detector and the folder with everything it wrote."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (crops, natives, testset):
            patch.setattr(module, "Finder", OneFace)
        patch.setattr(evaluate, "card_path", lambda _: place / "tiny.yaml")
        patch.setattr(evaluate, "SHIPPED_WEIGHTS", place)
        detector = Fineness(cards.read_card(place / "tiny.yaml"))
        patch.setattr(evaluate, "load_detector", lambda *_: detector)
        patch.setattr(heldout, "SPLITS", place / "splits")
        patch.setattr(heldout.held_out_items, "__defaults__", (place / "splits",))
        patch.setattr(evaluate, "all_fakes", lambda: {"low-res": 0, "self-blend": 0, "swap": 0})
        found = evaluate.evaluate(config(), place, place / "store", command="the command")
        evaluate.write(found, place / "run" / "report.html", place / "docs")
    return found, detector


def test_rows_of_files_say_what_a_file_is(measured: Any) -> None:
    found, _ = measured
    assert len(found.facts["files"]) == 12
    row = next(row for row in found.facts["files"] if row["fake"])
    assert (row["modality"], row["source"], row["method"], row["faces"]) == ("image", "web", "blur-gan", 1)
    assert row["identity"].startswith("web/p1")
    assert {row["quality"] for row in found.facts["files"]} <= set(QUALITY_BINS)
    assert 0.0 <= row["p_fake"] <= 1.0
    assert found.facts["parameters"] == 6, "running statistics are not learned"


def figures(found: Any, group: str) -> dict[str, tables.Figure]:
    return {f.name: f for f in (tables.Figure(**row) for row in found.facts["figures"]) if f.group == group}


def test_tables_of_people_methods_and_generators(measured: Any) -> None:
    found, _ = measured
    people = figures(found, tables.HELD_OUT)
    wanted = {
        "AUC low-res",
        "AUC self-blend",
        "AUC",
        "precision at 0.50",
        "F1 at 0.50",
        "error at 80 % coverage at 0.50",
    }
    assert wanted <= set(people)
    assert people["AUC"].n == 2 * people["AUC low-res"].n == 24
    assert people["AUC low-res"].value > 0.6, "low resolution is smooth, and smooth is what the detector calls fake"
    assert set(figures(found, tables.UNSEEN)) == {"AUC swap"}
    images = figures(found, "true generators, image")
    answers = [(row["p_fake"], row["fake"]) for row in found.facts["files"]]
    wins = [r < f for r, is_fake in answers if not is_fake for f, other in answers if other]
    assert images["AUC"].value == pytest.approx(np.mean(wins), abs=1e-4)
    assert images["AUC blur-gan"].value == images["AUC"].value
    assert "AUC web" in figures(found, "true generators, image, by source")
    assert any(name.startswith("false alarms") for name in figures(found, "true generators, image, by quality"))


def test_compression_is_measured_on_files_and_on_inputs(measured: Any) -> None:
    found, _ = measured
    files, inputs = figures(found, tables.FILES_COMPRESSED), figures(found, tables.INPUT_COMPRESSED)
    assert set(files) == set(inputs) == {f"rise of mean P(fake), {name}" for name in evaluate.COMPRESSIONS}
    assert files["rise of mean P(fake), JPEG q40"].n == 12, "six held-out people and six real test files"
    assert files["rise of mean P(fake), JPEG q40"].value > 0.02


def test_robustness_curves_stand_in_the_facts(measured: Any) -> None:
    found, _ = measured
    curves = {one["name"]: one for one in found.facts["robustness"]}
    assert {"jpeg", "webp", "h264", "scale", "blur", "noise", "darker", "brighter"} == set(curves)
    assert curves["blur"]["points"][-1]["p_real"] > curves["blur"]["points"][0]["p_real"]
    assert all(one["real"] + one["fake"] <= 300 for one in curves.values())


def test_held_out_scores_are_kept_for_comparisons(measured: Any) -> None:
    held = measured[0].facts["held_out"]
    assert set(held["p_fake"]) == {"low-res", "self-blend", "swap"}
    assert held["seen"] == ["low-res", "self-blend"]
    assert all(len(row) == 2 * len(held["identities"]) for row in held["p_fake"].values())


def test_equal_pictures_are_scored_once(measured: Any) -> None:
    _, detector = measured
    before = detector.seen
    run = evaluate.Evaluation(detector.card, detector)
    same = np.repeat(np.random.default_rng(0).integers(0, 255, (2, 64, 64, 3), dtype=np.uint8), 3, axis=0)
    p = run.score(same)
    assert detector.seen - before == 2
    np.testing.assert_allclose(p, np.repeat(run.score(same[::3]), 3))


def test_card_docs_and_report_are_written(measured: Any, place: Path) -> None:
    found, _ = measured
    card = cards.read_card(place / "tiny.yaml")
    assert card == found.card
    names = {(m.dataset, m.name) for m in card.measured}
    assert (tables.FILES_COMPRESSED, "rise of mean P(fake), JPEG q40") in names
    assert (tables.HELD_OUT, "AUC") in names
    assert not any("by source" in dataset for dataset, _ in names)
    text = (place / "docs" / "tiny.md").read_text(encoding="utf-8")
    assert "## Robustness" in text and "| jpeg | 40 quality |" in text
    result = read_result(place / "docs" / "tiny.json")
    assert set(result.slices) == {"source", "modality", "quality"}
    assert len(result.curves) == 8
    page = (place / "run" / "report.html").read_text(encoding="utf-8")
    for heading in ("Receiver operating", "Reliability", "Robustness", "By quality", "held-out people"):
        assert heading in page


def test_what_cannot_be_measured_says_why(place: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no split file"):
        heldout.held_out_items(config(), place, tmp_path)
    (tmp_path / "x.safetensors").write_bytes(b"no")
    with pytest.raises(WeightsError, match="not a safetensors file"):
        evaluate.parameters(tmp_path / "x.safetensors")


def test_pictures_are_thinned_evenly() -> None:
    assert heldout.evenly(range(10), 4) == [0, 3, 6, 9]
    assert heldout.evenly(range(3), 4) == [0, 1, 2]
    assert heldout.evenly([], 4) == []


def test_a_part_is_coded_as_within_the_whole_picture() -> None:
    from core.training.nuisance import jpeg

    grain = np.random.default_rng(1).integers(0, 255, (480, 640, 3), dtype=np.uint8)
    rgb = np.asarray(cv2.GaussianBlur(grain, (0, 0), 2), dtype=np.uint8)
    box = np.array([301, 203, 371, 290], np.float32)
    part, face = natives.part_of(rgb, Found(box, POINTS[:5].astype(np.float32), 0.9))
    x, y = round(301 - face.box[0]), round(203 - face.box[1])
    assert x % 16 == y % 16 == 0
    height, width = part.shape[:2]
    whole = jpeg(rgb, 40)[y : y + height, x : x + width]
    inner = (slice(0, height // 16 * 16 - 16), slice(0, width // 16 * 16 - 16))
    assert np.abs(whole.astype(int) - jpeg(part, 40)).astype(float)[inner].mean() < 0.05
