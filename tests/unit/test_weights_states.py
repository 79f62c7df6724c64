"""Checkpoints are read without running what they hold, and converted bit for bit."""

from __future__ import annotations

import io
import math
import os
import zipfile
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import save_file

from core.errors import ConfigError, StorageError, WeightsError
from core.weights.files import fresh_sha256
from core.weights.states import convert, differences, read_checkpoint, read_state, same_bits

TYPES = (
    torch.float32, torch.float16, torch.bfloat16, torch.float64, torch.int64, torch.int32, torch.uint8, torch.bool,
)  # fmt: skip


def make_state(seed: int = 0) -> dict[str, torch.Tensor]:
    torch.manual_seed(seed)
    return {
        "z.weight": torch.randn(3, 4),
        "a.weight": torch.randn(2, 3, 3, 3).half(),
        "a.num_batches_tracked": torch.tensor(7),
        "odd": torch.tensor([math.nan, -0.0, math.inf, 1e-45]),
        "empty": torch.zeros(0, 3),
    }


def save(path: Path, stored, **options) -> Path:
    torch.save(stored, path, **options)
    return path


# --- reading -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("new", [True, False], ids=["zip", "old"])
@pytest.mark.parametrize("name", ["w.pth", "w.safetensors", "w.model"])
def test_torch_files_are_known_by_content_not_by_name(tmp_path: Path, new: bool, name: str) -> None:
    state = make_state()
    path = save(tmp_path / name, OrderedDict(state), _use_new_zipfile_serialization=new)
    assert differences(read_state(path), state) == []


def test_safetensors_are_known_by_content(tmp_path: Path) -> None:
    state = make_state()
    save_file(state, tmp_path / "w.pth")
    assert sorted(read_state(tmp_path / "w.pth")) == sorted(state)


def test_a_header_that_begins_like_a_pickle_is_still_safetensors(tmp_path: Path) -> None:
    for length in range(1, 200):
        path = tmp_path / "w.safetensors"
        save_file({"a": torch.ones(1)}, path, metadata={"x": "y" * length})
        if path.read_bytes()[0] == 0x80:
            break
    else:
        pytest.fail("no header of that length")
    assert read_state(path)["a"] == 1


@pytest.mark.parametrize(
    ("stored", "root"),
    [
        (lambda s: {"state_dict": s, "epoch": 3}, ("state_dict",)),
        (lambda s: {"model": s, "optimizer": {"state": {0: {"exp_avg": torch.ones(2)}}}}, ("model",)),
        (lambda s: {"net": {"params": s}}, ("net", "params")),
    ],
)
def test_weights_are_found_inside(tmp_path: Path, stored, root: tuple[str, ...]) -> None:
    path = save(tmp_path / "w.pth", stored(make_state()))
    assert differences(read_state(path), make_state()) == []
    assert differences(read_state(path, root), make_state()) == []


def test_two_places_with_weights_must_be_told_apart(tmp_path: Path) -> None:
    path = save(tmp_path / "w.pth", {"model": make_state(), "ema": make_state(1)})
    with pytest.raises(ConfigError, match="'model', 'ema'") as caught:
        read_state(path)
    assert "--root" in caught.value.hint
    assert differences(read_state(path, ("ema",)), make_state(1)) == []
    with pytest.raises(WeightsError, match="no weights under 'other'"):
        read_state(path, ("other",))


@pytest.mark.parametrize("stored", [{}, {"epoch": 3}, [1, 2], "text", torch.zeros(3)])
def test_a_file_without_weights_by_name_is_refused(tmp_path: Path, stored) -> None:
    with pytest.raises(WeightsError, match="no weights"):
        read_state(save(tmp_path / "w.pth", stored))


class Marked:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, where: Path) -> None:
        self.where = where

    def __reduce__(self):
        return (os.mkdir, (str(self.where),))


@pytest.mark.parametrize("new", [True, False], ids=["zip", "old"])
def test_a_file_that_brings_code_is_not_opened(tmp_path: Path, new: bool) -> None:
    stored = {"a": torch.zeros(1), "b": Marked(tmp_path / "ran")}
    path = save(tmp_path / "w.pth", stored, _use_new_zipfile_serialization=new)
    with pytest.raises(WeightsError, match="run code") as caught:
        read_checkpoint(path)
    assert "safetensors" in caught.value.hint
    assert not (tmp_path / "ran").exists()


def test_a_whole_model_is_not_opened(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="run code"):
        read_checkpoint(save(tmp_path / "w.pth", torch.nn.Linear(2, 2)))


def test_a_script_is_not_opened(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "w.pt", "w") as out:
        for name, data in (("constants.pkl", b"x"), ("data.pkl", b"x"), ("version", b"3"), ("code/a.py", b"")):
            out.writestr(f"w/{name}", data)
    with pytest.raises(WeightsError):
        read_checkpoint(tmp_path / "w.pt")


def _whole() -> bytes:
    out = io.BytesIO()
    torch.save(make_state(), out)
    return out.getvalue()


@given(st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_the_bytes_it_is_an_error_with_a_hint(tmp_path: Path, data: st.DataObject) -> None:
    whole = _whole()
    kind = data.draw(st.sampled_from(["noise", "cut", "pickle", "header", "empty"]))
    noise = data.draw(st.binary(max_size=60))
    bad = {
        "noise": noise,
        "cut": whole[: data.draw(st.integers(1, len(whole) - 30))],
        "pickle": b"\x80\x02" + noise,
        "header": len(noise).to_bytes(8, "little") + b"{" + noise,
        "empty": b"",
    }[kind]
    path = tmp_path / "w.pth"
    path.write_bytes(bad)
    with pytest.raises(WeightsError) as caught:
        read_state(path)
    assert caught.value.hint


# --- conversion ----------------------------------------------------------------------------------------------------


def test_conversion_keeps_every_bit_and_the_order(tmp_path: Path) -> None:
    source = save(tmp_path / "w.pth", {"model": make_state(), "epoch": 3})
    done = convert(source, tmp_path / "w.safetensors")
    assert differences(read_state(done.path), make_state()) == []
    assert list(read_state(done.path)) == list(make_state())
    assert (done.tensors, done.left_out) == (5, ("epoch",))
    assert (done.sha256, done.source_sha256) == (fresh_sha256(done.path), fresh_sha256(source))
    with safe_open(done.path, framework="pt") as file:
        assert file.metadata()["source_sha256"] == done.source_sha256
    assert sorted(p.name for p in tmp_path.iterdir()) == ["w.pth", "w.safetensors"]


@given(
    st.dictionaries(
        st.text(min_size=1, max_size=12).filter(lambda t: "\0" not in t and t.isprintable() and t != "__metadata__"),
        st.tuples(st.sampled_from(TYPES), st.lists(st.integers(0, 4), max_size=4), st.integers(0, 2**31)),
        min_size=1,
        max_size=6,
    )
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_state_survives_conversion(tmp_path: Path, drawn) -> None:
    state = {}
    for name, (dtype, shape, seed) in drawn.items():
        torch.manual_seed(seed)
        value = torch.randn(shape) * 50
        state[name] = (value > 0) if dtype is torch.bool else value.abs().to(dtype)
    (tmp_path / "w.safetensors").unlink(missing_ok=True)
    done = convert(save(tmp_path / "w.pth", state), tmp_path / "w.safetensors")
    assert differences(read_state(done.path, ()), state) == []


def test_shared_and_strided_tensors_are_written_out(tmp_path: Path) -> None:
    one = torch.randn(4, 4)
    state = {"a": one, "tied": one, "view": one[1:], "turned": one.T}
    done = convert(save(tmp_path / "w.pth", state), tmp_path / "w.safetensors")
    assert differences(read_state(done.path), state) == []


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    source = save(tmp_path / "w.pth", make_state())
    with pytest.raises(StorageError, match="is there already"):
        convert(source, source)


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot be written"):
        convert(save(tmp_path / "w.pth", make_state()), tmp_path / "none" / "w.safetensors")


def test_a_difference_of_one_bit_is_seen() -> None:
    zero, one = torch.zeros(2), torch.ones(2)
    assert not same_bits(zero, -zero)
    assert not same_bits(one, one.double())
    assert not same_bits(zero, torch.zeros(1, 2))
    assert same_bits(torch.tensor(math.nan), torch.tensor(math.nan))
    assert differences({"a": zero, "b": one}, {"a": zero, "b": zero}) == ["b"]
    assert differences({"a": zero}, {"b": zero}) == ["a", "b"]
    assert differences({"a": zero, "b": zero}, {"b": zero, "a": zero}) == ["the order of the names"]


def test_what_was_converted_wrongly_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from core.weights import states

    def lossy(tensors, path, metadata):
        save_file({name: value * 1.5 if value.is_floating_point() else value for name, value in tensors.items()}, path)

    monkeypatch.setattr(states, "save_file", lossy)
    with pytest.raises(WeightsError, match="differs"):
        convert(save(tmp_path / "w.pth", make_state()), tmp_path / "w.safetensors")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["w.pth"]
