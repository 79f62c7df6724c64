"""Folders of labelled media in the manifest of the trainers: what is refused, what is written, what stays as it was."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from core.cli import main
from core.errors import ConfigError
from core.training.data.adding import Added, Labelled, add_folder, check
from core.training.data.manifest import read_manifest
from core.training.data.readers import read_table
from tests import media

OLD = "path,modality,label,method,source,split,sha256,width\nold/a.png,image,real,pristine,lfw,train,{0},640\n"


@pytest.fixture
def root(tmp_path) -> Path:
    """A data folder with one listed file and a column of its own."""
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "manifest.csv").write_text(OLD.format("0" * 64))
    return folder


@pytest.fixture
def said(tmp_path) -> Labelled:
    folder = tmp_path / "mine"
    folder.mkdir()
    media.portrait(folder / "anna-1.png", size=64)
    media.portrait(folder / "anna-2.png", size=65)
    (folder / "notes.txt").write_text("no medium")
    return Labelled(folder, False, "own-phone", "own recordings", "anna")


def test_files_are_copied_and_listed_beside_the_old_ones(root, said) -> None:
    assert add_folder(root, said) == Added(2, 0)
    old, *new = read_manifest(root)
    assert old.identity == "lfw/a"
    assert {(one.identity, one.source, one.split, one.fake, one.licence) for one in new} == {
        ("anna", "own-phone", "train", False, "own recordings")
    }
    assert all((root / one.path).is_file() and one.path.startswith("added/own-phone/") for one in new)
    assert "640" in (root / "manifest.csv").read_text()
    assert len(read_table(root / "manifest.csv")) == 3
    assert add_folder(root, said) == Added(0, 2)


def test_files_inside_the_data_folder_stay_where_they_are(root, said) -> None:
    inside = root / "new"
    said.folder.rename(inside)
    add_folder(root, replace(said, folder=inside))
    assert {one.path for one in read_manifest(root)} == {"old/a.png", "new/anna-1.png", "new/anna-2.png"}


def test_a_missing_manifest_is_made(tmp_path, said) -> None:
    (tmp_path / "empty").mkdir()
    add_folder(tmp_path / "empty", said)
    assert len(read_manifest(tmp_path / "empty")) == 2


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"folder": Path("/not/there")}, "There is no folder"),
        ({"folder": Path("/")}, "holds the data folder"),
        ({"source": ""}, "source"),
        ({"source": "../up"}, "source"),
        ({"identity": "a b"}, "identity"),
        ({"licence": "  "}, "licence"),
        ({"fake": True}, "Fakes are not trained on"),
    ],
)
def test_what_makes_no_sense_is_refused_before_a_file_is_opened(root, said, change, says) -> None:
    with pytest.raises(ConfigError, match=says):
        check(root, replace(said, **change))


def test_an_empty_folder_and_a_missing_data_folder_are_told(root, said, tmp_path) -> None:
    (tmp_path / "none").mkdir()
    with pytest.raises(ConfigError, match="0 pictures"):
        check(root, replace(said, folder=tmp_path / "none"))
    with pytest.raises(ConfigError, match="no folder"):
        check(tmp_path / "gone", said)


@pytest.mark.parametrize("change", [{"fake": True, "split": "test"}, {"split": "calib", "identity": ""}])
def test_a_file_has_one_label_and_one_split(root, said, change) -> None:
    add_folder(root, said)
    before = (root / "manifest.csv").read_text()
    with pytest.raises(ConfigError, match="listed already as real for train|in train already"):
        add_folder(root, replace(said, **change))
    assert (root / "manifest.csv").read_text() == before


def test_nobody_may_be_in_two_splits(root, said) -> None:
    add_folder(root, said)
    for path in said.folder.glob("*.png"):
        path.unlink()
    media.portrait(said.folder / "other.png", size=66)
    with pytest.raises(ConfigError, match="'anna' is in train already"):
        add_folder(root, replace(said, split="test"))


def test_the_command_says_what_came_in(root, said, capsys) -> None:
    options = ["--label", "real", "--source", "own", "--licence", "mine", "--data", str(root)]
    assert main(["data", "add", str(said.folder), *options]) == 0
    assert "2 files were taken into" in capsys.readouterr().out
    assert main(["data", "add", str(said.folder / "gone"), *options]) != 0
    assert "There is no folder" in capsys.readouterr().err
