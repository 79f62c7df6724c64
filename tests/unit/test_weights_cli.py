"""The command ``weights`` as a user meets it: output, exit codes, messages."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import yaml

from core import logs, registry
from core.cli import main
from core.settings import ROOT
from tests.unit.weights_samples import digest, make_card, payload
from tests.unit.weights_server import FileServer, serving_files

DATA = payload(50_000)


@pytest.fixture(autouse=True)
def logs_of_their_own() -> Iterator[None]:
    yield
    logs.reset()


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serving_files({"/net.pth": DATA}) as running:
        yield running


@pytest.fixture
def detectors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: FileServer) -> Iterator[Path]:
    """Two detectors: ``net`` can be downloaded, ``local`` cannot and nobody knows its hash."""
    folder = tmp_path / "configs" / "detectors"
    folder.mkdir(parents=True)
    net = make_card(DATA, url=f"{server.url}/net.pth", licence="CC BY-NC 4.0", non_commercial=True)
    local = make_card(DATA, file="own.pth", sha256="", how_to_get="train it").model_copy(update={"id": "local"})
    for card in (net, local):
        text = yaml.safe_dump(card.model_dump(mode="json"), allow_unicode=True)
        (folder / f"{card.id}.yaml").write_text(text, encoding="utf-8")
    monkeypatch.setattr(registry, "CONFIGS", tmp_path / "configs")
    monkeypatch.setenv("UNMASK_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.delenv("UNMASK_WEIGHTS_DIR", raising=False)
    monkeypatch.delenv("UNMASK_OFFLINE", raising=False)
    registry.card.cache_clear()
    yield tmp_path
    registry.card.cache_clear()


@pytest.mark.usefixtures("detectors")
def test_list_says_what_is_there_and_under_which_licence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["weights", "list"]) == 0
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split() == ["ID", "STATE", "SIZE", "WHERE", "LICENCE"]
    assert [row.split()[:2] for row in rows] == [["local", "missing"], ["net", "missing"]]
    assert "CC BY-NC 4.0 (not for commercial use)" in rows[1]


@pytest.mark.usefixtures("detectors")
def test_list_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["weights", "list", "--json"]) == 0
    local, net = json.loads(capsys.readouterr().out)
    assert (net["id"], net["state"], net["non_commercial"]) == ("net", "missing", True)
    assert net["files"][0]["sha256"] == digest(DATA)
    assert local["files"][0]["sha256"] is None and local["files"][0]["urls"] == []


@pytest.mark.usefixtures("detectors")
def test_a_mirror_that_is_not_there_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("UNMASK_WEIGHTS_DIR", "/surely/not/there")
    assert main(["weights", "list"]) == 0
    assert "/surely/not/there" in capsys.readouterr().err


def test_what_manages_weights_loads_no_network_library() -> None:
    modules = ("core.commands.weights", "core.weights.manage", "core.weights.words", "core.weights.keymap")
    code = f"import sys, importlib\nfor m in {modules!r}: importlib.import_module(m)\nsys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=120, check=False).returncode == 0


def test_a_broken_card_is_a_row(detectors: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (detectors / "configs" / "detectors" / "bad.yaml").write_text("id: bad\n")
    assert main(["weights", "list"]) == 0
    assert "card is wrong" in capsys.readouterr().out
    assert main(["weights", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["error"]["hint"]


def test_pull_needs_the_licence_then_downloads(detectors: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["weights", "pull", "net"]) == 1
    assert "--accept-licence" in capsys.readouterr().err
    assert main(["weights", "pull", "net", "--accept-licence"]) == 0
    out, err = capsys.readouterr()
    assert f"net: net.pth present, sha256 {digest(DATA)}" in out
    assert "licence CC BY-NC 4.0" in err and "100%" in err
    assert (detectors / "data" / "weights" / "net" / "net.pth").read_bytes() == DATA
    assert main(["weights", "list"]) == 0
    assert "download folder" in capsys.readouterr().out


@pytest.mark.usefixtures("detectors")
def test_one_that_fails_does_not_stop_the_others(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["weights", "pull", "local", "net", "--accept-licence"]) == 1
    out, err = capsys.readouterr()
    assert "net: net.pth present" in out and "train it" in err


@pytest.mark.usefixtures("detectors")
@pytest.mark.parametrize("command", [["pull", "nett"], ["info", "nett"], ["verify", "nett"]])
def test_a_name_that_is_not_there_is_wrong_usage(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["weights", *command]) == 2
    assert "Did you mean 'net'" in capsys.readouterr().err


@pytest.mark.usefixtures("detectors")
def test_offline_is_said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("UNMASK_OFFLINE", "true")
    assert main(["weights", "pull", "net", "--accept-licence"]) == 1
    assert "UNMASK_OFFLINE" in capsys.readouterr().err


def test_info_tells_everything(detectors: Path, server: FileServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["weights", "info", "net"]) == 0
    out = capsys.readouterr().out
    for part in ("Net (net): missing", digest(DATA), f"{server.url}/net.pth", "CC BY-NC 4.0", "not for commercial use"):
        assert part in out
    (detectors / "data" / "weights").mkdir(parents=True)
    (detectors / "data" / "weights" / "net.pth").write_bytes(b"wrong")
    assert main(["weights", "info", "net"]) == 0
    assert f"sha256 {digest(b'wrong')}" in capsys.readouterr().out


def test_add_is_refused_then_vouched_for(detectors: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = detectors / "mine.bin"
    mine.write_bytes(b"own weights")
    assert main(["weights", "add", str(mine), "--as", "local"]) == 1
    assert "--as local --trust" in capsys.readouterr().err
    assert main(["weights", "add", str(mine), "--as", "local", "--trust"]) == 0
    assert "vouched for by you" in capsys.readouterr().out
    assert main(["weights", "list"]) == 0
    assert "local  vouched for by you" in capsys.readouterr().out


def test_verify_tells_what_is_damaged(detectors: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["weights", "verify"]) == 0
    assert main(["weights", "verify", "net"]) == 1
    assert main(["weights", "pull", "net", "--accept-licence"]) == 0
    assert main(["weights", "verify", "net"]) == 0
    capsys.readouterr()
    (detectors / "data" / "weights" / "net" / "net.pth").write_bytes(DATA[:-1])
    assert main(["weights", "verify"]) == 1
    out = capsys.readouterr().out
    assert "damaged" in out and digest(DATA) in out and digest(DATA[:-1]) in out


def test_convert_writes_the_same_tensors(detectors: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save({"model": {"a": torch.ones(2)}, "epoch": 1}, detectors / "w.pth")
    out = detectors / "w.safetensors"
    assert main(["weights", "convert", str(detectors / "w.pth"), "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert "1 tensor, the same bit for bit" in said and "left out: epoch" in said
    assert out.is_file()
    assert main(["weights", "convert", str(detectors / "w.pth"), "--out", str(out)]) == 1
    assert main(["weights", "convert", "nothing-of-that-name"]) == 2


def test_names_cannot_steer_the_terminal(detectors: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hostile = detectors / "\x1b[31mred.pth"
    hostile.write_bytes(b"x")
    assert main(["weights", "add", str(hostile), "--as", "net"]) == 1
    assert main(["weights", "add", str(hostile) + "x", "--as", "net"]) == 2
    out, err = capsys.readouterr()
    assert "\x1b" not in out + err and "red.pth" in err
