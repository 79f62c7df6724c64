"""What both front ends say about weights."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from core.errors import ConfigError
from core.registry import InputSpec, Metric
from core.settings import Settings, build_settings
from core.types import Modality
from core.weights import trusted, words
from core.weights.files import Presence, find
from core.weights.manage import Entry
from tests.unit.weights_samples import digest, make_card

DATA = b"the right bytes"
URL = "https://example.org/net.pth"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "mirror").mkdir()
    return build_settings(data_dir=tmp_path / "data", weights_dir=tmp_path / "mirror")


def entry(settings: Settings, **weights) -> Entry:
    card = make_card(DATA, **weights)
    return Entry(card.id, card, find(card, settings))


@pytest.mark.parametrize(
    ("weights", "command"),
    [
        ({"how_to_get": "train it"}, "train it"),
        ({"url": URL}, "python -m core.cli weights pull net"),
        ({"urls": (URL,)}, "python -m core.cli weights pull net"),
        ({"url": URL, "non_commercial": True}, "python -m core.cli weights pull net --accept-licence"),
        ({"url": URL, "sha256": ""}, "python -m core.cli weights pull net --trust"),
    ],
)
def test_the_command_that_gets_what_is_missing(settings: Settings, weights: dict, command: str) -> None:
    assert words.command(entry(settings, **weights)) == command


def test_nothing_has_to_be_done_for_what_is_here(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "mirror" / "net.pth").write_bytes(DATA)
    assert words.command(entry(settings, url=URL)) == ""
    assert words.usable(entry(settings))


def test_a_file_nobody_vouched_for_is_told_with_its_hash(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "mirror" / "net.pth").write_bytes(DATA)
    found = entry(settings, sha256="")
    assert words.command(found) == "python -m core.cli weights add FILE --as net --trust"
    rows = words.file_rows(found, settings)
    assert ("sha256", "not published") in rows and ("sha256 here", digest(DATA)) in rows
    trusted.vouch(settings, "net", "net.pth", digest(DATA), len(DATA))
    assert "vouched for by you, folder of your own" in words.file_rows(entry(settings, sha256=""), settings)[0][1]


def test_no_row_names_a_folder_of_the_machine(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "mirror" / "net.pth").write_bytes(b"wrong")
    rows = words.file_rows(entry(settings), settings)
    assert ("sha256 here", hashlib.sha256(b"wrong").hexdigest()) in rows
    assert str(tmp_path) not in str(rows)


def test_every_state_is_explained() -> None:
    assert set(words.STATE_SUMMARIES) == set(Presence)


def test_the_headline_counts_those_that_can_run(settings: Settings, tmp_path: Path) -> None:
    broken = Entry("broken", error=ConfigError("It is wrong.", hint="Correct it."))
    missing = entry(settings)
    (tmp_path / "mirror" / "net.pth").write_bytes(DATA)
    assert words.headline([broken, missing, entry(settings)]) == "1 of 3 detectors can run on this machine."
    assert words.command(broken) == ""


def test_a_licence_says_if_it_forbids_commercial_use() -> None:
    assert words.licence(make_card(licence="CC BY-NC", non_commercial=True)) == "CC BY-NC (not for commercial use)"
    assert words.licence(make_card()) == "MIT"


def test_only_a_detector_of_faces_has_a_smallest_face() -> None:
    card = make_card()
    asked = {
        "box": InputSpec(size=64, crop="box"),
        "whole": InputSpec(size=64, crop="whole"),
    }
    facts = {name: dict(words.facts(card.model_copy(update={"input": spec}))) for name, spec in asked.items()}
    assert facts["box"]["Smallest face"] == "40 px" and "Smallest face" not in facts["whole"]
    assert "Smallest face" not in dict(words.facts(card.model_copy(update={"modality": Modality.AUDIO})))
    assert facts["box"]["Trained on"] == "nothing" and facts["box"]["Licence"] == "MIT"


def test_figures_are_told_by_what_they_were_measured_on() -> None:
    def figure(name: str, dataset: str) -> Metric:
        return Metric(name=name, value=0.9, low=0.8, high=0.95, n=10, dataset=dataset, command="x")

    a, b, c = figure("AUC", "these"), figure("AUC of some", "those"), figure("ECE", "these")
    card = make_card().model_copy(update={"measured": (a, b, c)})
    assert words.main_figures(card) == [a]
    assert words.measured_by_data(card) == {"these": [a, c], "those": [b]}


def test_the_main_figures_are_told_in_a_line_with_interval_and_n() -> None:
    def figure(dataset: str, value: float) -> Metric:
        return Metric(name="AUC", value=value, low=value - 0.1, high=value + 0.1, n=1200, dataset=dataset, command="x")

    measured = (figure("true people", 0.9), figure("tools, image", 0.6), figure("tools, video", 0.5))
    card = make_card().model_copy(update={"measured": measured})
    assert words.auc(card, "true people") == "0.900 [0.800, 1.000], n 1,200"
    assert words.auc(card, "tools") == "pictures 0.600 [0.500, 0.700], n 1,200; clips 0.500 [0.400, 0.600], n 1,200"
    assert words.auc(card, "true") == "–"
