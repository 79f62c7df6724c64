"""Key maps and the audit: whatever does not fit is refused and named."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from core.errors import ConfigError, NotFoundError, WeightsError
from core.weights import keymap
from core.weights.keymap import SAME_NAMES, KeyMap, key_map
from core.weights.keys import audit, load_file_strictly, load_strictly, resolve
from core.weights.states import convert


def make_network(seed: int = 0) -> nn.Module:
    """Every parameter and buffer has a shape of its own, but for the counters."""
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5), nn.ReLU(), nn.Conv2d(5, 7, 1), nn.BatchNorm2d(7), nn.Linear(7, 2)
    )


NETWORK = make_network()
NAMES = sorted(NETWORK.state_dict())
MATRICES = [name for name in NAMES if NETWORK.state_dict()[name].ndim == 2]


def state() -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in make_network(1).state_dict().items()}


def make_map(*rules: dict, **more) -> KeyMap:
    return KeyMap.model_validate({"id": "made", "summary": "made for tests", "rules": rules, **more})


# --- fuzzed: whatever is wrong is refused and named ----------------------------------------------------------------


def refused(broken: dict[str, torch.Tensor], kind: str, name: str, key_map: KeyMap = SAME_NAMES) -> None:
    """The audit names it, loading raises, and the network keeps what it had."""
    network = make_network()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    report = audit(broken, network, key_map)
    assert not report.ok
    assert any(name in entry for entry in getattr(report, kind)), report
    with pytest.raises(WeightsError) as caught:
        load_strictly(network, broken, "w.pth", key_map)
    assert name in caught.value.message and "w.pth" in caught.value.message
    assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())


@given(st.sampled_from(NAMES))
@settings(deadline=None, max_examples=25)
def test_a_dropped_key_is_named(name: str) -> None:
    broken = state()
    del broken[name]
    refused(broken, "missing", name)


@given(st.sampled_from(NAMES), st.text(min_size=1, max_size=8).filter(str.isprintable))
@settings(deadline=None, max_examples=25)
def test_a_renamed_key_is_named_on_both_sides(name: str, tail: str) -> None:
    broken = state()
    broken[name + tail] = broken.pop(name)
    if name + tail in NAMES:
        return
    refused(broken, "missing", name)
    refused(broken, "unexpected", name + tail)


@given(st.text(min_size=1, max_size=20).filter(lambda t: t.isprintable() and t not in NAMES))
@settings(deadline=None, max_examples=25)
def test_an_extra_key_is_named(name: str) -> None:
    refused(state() | {name: torch.zeros(2)}, "unexpected", name)


@given(st.sampled_from([n for n in NAMES if NETWORK.state_dict()[n].ndim >= 2]), st.data())
@settings(deadline=None, max_examples=25)
def test_a_transposed_tensor_is_named(name: str, data: st.DataObject) -> None:
    broken = state()
    value = broken[name]
    a, b = data.draw(st.permutations(range(value.ndim)))[:2]
    if value.shape[a] == value.shape[b]:
        return
    broken[name] = value.transpose(a, b).contiguous()
    refused(broken, "wrong_shape", name)


@given(st.sampled_from([n for n in NAMES if NETWORK.state_dict()[n].ndim >= 1]), st.integers(-1, 3))
@settings(deadline=None, max_examples=25)
def test_a_tensor_of_another_shape_is_named(name: str, more: int) -> None:
    broken = state()
    value = broken[name]
    changed = value[:-1] if more < 0 else value.reshape(*value.shape, *[1] * more)
    if changed.shape == value.shape:
        return
    broken[name] = changed
    refused(broken, "wrong_shape", name)


@given(st.sampled_from(NAMES), st.sampled_from([torch.int32, torch.int64, torch.bool, torch.uint8, torch.complex64]))
@settings(deadline=None, max_examples=40)
def test_a_tensor_of_the_wrong_kind_of_number_is_named(name: str, dtype: torch.dtype) -> None:
    broken = state()
    if broken[name].dtype == dtype:
        return
    broken[name] = broken[name].to(dtype)
    refused(broken, "wrong_dtype", name)


@given(st.sampled_from([n for n in NAMES if "tracked" in n]), st.sampled_from([torch.float32, torch.float16]))
@settings(deadline=None, max_examples=10)
def test_a_counter_of_fractions_is_named(name: str, dtype: torch.dtype) -> None:
    broken = state()
    broken[name] = broken[name].to(dtype)
    refused(broken, "wrong_dtype", name)


@given(st.permutations(NAMES), st.sets(st.sampled_from(NAMES), max_size=4))
@settings(deadline=None, max_examples=25)
def test_what_fits_is_loaded_in_any_order_and_float_width(order: list[str], halved: set[str]) -> None:
    source = state()
    given_ = {n: source[n].half() if n in halved and source[n].is_floating_point() else source[n] for n in order}
    network = make_network()
    report = load_strictly(network, given_, "w.pth")
    assert report.ok and len(report.matched) == len(NAMES) and report.faults == ""
    for name, value in network.state_dict().items():
        assert torch.equal(value, given_[name].to(value.dtype))


def test_float64_is_taken_only_where_the_map_says_so() -> None:
    wide = {n: v.double() if v.is_floating_point() else v for n, v in state().items()}
    refused(wide, "wrong_dtype", "0.weight")
    assert audit(wide, make_network(), make_map(floats=["float64"])).ok


def test_the_report_counts_all_kinds() -> None:
    report = audit({"x": torch.zeros(1)}, make_network())
    assert report.summary.startswith("0 matched, 0 dropped by rule, 0 filled, 16 missing, 1 unexpected")
    assert "(16 in all)" in report.faults


# --- rules ---------------------------------------------------------------------------------------------------------


def loaded(given_: dict[str, torch.Tensor], key_map: KeyMap):
    network = make_network()
    report = load_strictly(network, given_, "w.pth", key_map)
    assert all(torch.equal(value, state()[name]) for name, value in network.state_dict().items())
    return report


def test_a_prefix_is_stripped() -> None:
    given_ = {f"module.net.{n}": v for n, v in state().items()}
    strip = [{"rule": "strip_prefix", "prefix": prefix} for prefix in ("module.", "net.")]
    report = loaded(given_, make_map(*strip))
    assert ("module.net.0.weight", "0.weight") in report.matched


def test_rules_apply_in_order() -> None:
    prefixed = {f"a.b.{n}": v for n, v in state().items()}
    wrong = make_map({"rule": "strip_prefix", "prefix": "b."}, {"rule": "strip_prefix", "prefix": "a."})
    refused(prefixed, "unexpected", "a.b.0.weight (as b.0.weight)", wrong)


def test_names_are_rewritten_by_expression() -> None:
    given_ = {n.replace("5.", "head."): v for n, v in state().items()}
    loaded(given_, make_map({"rule": "rename", "keys": r"head\.(.*)", "to": r"5.\1"}))


def test_a_rename_has_to_match_the_whole_name() -> None:
    given_ = {n.replace("5.", "head.5."): v for n, v in state().items()}
    refused(given_, "unexpected", "head.5.weight", make_map({"rule": "rename", "keys": "head", "to": ""}))


def test_what_is_dropped_is_reported_with_its_reason() -> None:
    rule = {"rule": "drop", "keys": r"adjust\..*", "reason": "unused"}
    report = loaded(state() | {"adjust.a": torch.zeros(1), "adjust.b": torch.zeros(1)}, make_map(rule))
    assert report.dropped == {"unused": ("adjust.a", "adjust.b")}
    refused(state() | {"adjusted": torch.zeros(1)}, "unexpected", "adjusted", make_map(rule))


def test_a_drop_cannot_hide_what_the_network_needs() -> None:
    refused(state(), "missing", "5.weight", make_map({"rule": "drop", "keys": r"5\..*", "reason": "r"}))


def test_values_are_transformed() -> None:
    given_ = state()
    given_["5.weight"] = given_["5.weight"].T
    given_["0.weight"] = given_["0.weight"].permute(2, 3, 1, 0)
    given_["1.bias"] = -given_["1.bias"]
    given_["4.bias"] = given_["4.bias"].reshape(1, 7)
    loaded(
        given_,
        make_map(
            {"rule": "transform", "keys": r"5\.weight", "how": "transpose"},
            {"rule": "transform", "keys": r"0\.weight", "how": "permute", "axes": [3, 2, 0, 1]},
            {"rule": "transform", "keys": r"1\.bias", "how": "negate"},
            {"rule": "transform", "keys": r"4\.bias", "how": "reshape", "axes": [7]},
        ),
    )


@pytest.mark.parametrize(
    "rule",
    [
        {"how": "transpose", "keys": r"5\.bias"},
        {"how": "permute", "keys": r"5\.bias", "axes": [1, 0]},
        {"how": "reshape", "keys": r"5\.bias", "axes": [3]},
    ],
)
def test_a_transform_that_does_not_apply_is_named(rule: dict) -> None:
    refused(state(), "unexpected", "5.bias", make_map({"rule": "transform", **rule}))


def test_low_rank_parts_are_folded() -> None:
    given_ = state()
    u, s, v = torch.randn(2, 1), torch.randn(1), torch.randn(1, 7)
    whole = given_["5.weight"].double()
    given_["5.main"] = (whole - (u.double() * s.double()) @ v.double()).float()
    del given_["5.weight"]
    parts = {"5.U": u, "5.S": s, "5.V": v}
    rule = {"rule": "fold_low_rank", "main": ".main", "u": ".U", "s": ".S", "v": ".V", "to": ".weight"}
    network = make_network()
    load_strictly(network, given_ | parts, "w.pth", make_map(rule))
    torch.testing.assert_close(network.state_dict()["5.weight"].double(), whole, atol=1e-6, rtol=0)
    for name in parts:
        rest = {key: value for key, value in parts.items() if key != name}
        refused(given_ | rest, "unexpected", "5.main", make_map(rule))
        refused(given_ | rest, "missing", "5.weight", make_map(rule))
    refused(given_ | parts | {"5.U": torch.randn(3, 1)}, "unexpected", "5.U", make_map(rule))


def test_counters_that_old_files_lack_are_filled_and_weights_never() -> None:
    rule = {"rule": "fill", "keys": ".*num_batches_tracked", "reason": "not written by old versions"}
    given_ = {n: v for n, v in state().items() if "tracked" not in n}
    report = audit(given_, make_network(), make_map(rule))
    assert report.ok and report.filled == ("1.num_batches_tracked", "4.num_batches_tracked")
    del given_["1.running_mean"]
    refused(given_, "missing", "1.running_mean", make_map({"rule": "fill", "keys": ".*", "reason": "r"}))


def test_two_tensors_may_not_claim_one_name() -> None:
    given_ = state() | {"other.weight": torch.zeros(2, 7)}
    rule = {"rule": "rename", "keys": r"other\.weight", "to": "5.weight"}
    refused(given_, "unexpected", "2 tensors claim this name", make_map(rule))


# --- in order ------------------------------------------------------------------------------------------------------

IN_ORDER = make_map({"rule": "in_order", "keys": r"old_\d+\..*"})


def old_names() -> dict[str, torch.Tensor]:
    return {f"old_{i}.{n.rpartition('.')[2]}": v for i, (n, v) in enumerate(state().items())}


def test_names_are_matched_in_order() -> None:
    assert len(loaded(old_names(), IN_ORDER).matched) == len(NAMES)


@given(st.integers(0, len(NAMES) - 1))
@settings(deadline=None, max_examples=20)
def test_in_order_a_dropped_key_is_named_by_what_it_was_for(i: int) -> None:
    given_ = old_names()
    del given_[[*given_][i]]
    report = audit(given_, make_network(), IN_ORDER)
    assert not report.ok and len(report.missing) == 1
    want = make_network().state_dict()
    lost, named = want[[*want][i]], want[report.missing[0]]
    assert (lost.shape, lost.dtype) == (named.shape, named.dtype)


@given(st.integers(0, len(NAMES) - 1), st.sampled_from(["x", "old_3.other", "old.weight"]))
@settings(deadline=None, max_examples=20)
def test_in_order_a_renamed_key_is_named(i: int, new: str) -> None:
    given_ = {(new if k == i else n): v for k, (n, v) in enumerate(old_names().items())}
    refused(given_, "unexpected", new, IN_ORDER)


@given(st.integers(0, len(NAMES)), st.sampled_from(["old_99.weight", "extra"]))
@settings(deadline=None, max_examples=20)
def test_in_order_an_extra_key_is_named(i: int, name: str) -> None:
    items = list(old_names().items())
    refused(dict([*items[:i], (name, torch.zeros(9, 9)), *items[i:]]), "unexpected", name, IN_ORDER)


def test_in_order_two_that_changed_places_are_noticed() -> None:
    items = list(old_names().items())
    items[0], items[7] = items[7], items[0]
    assert not audit(dict(items), make_network(), IN_ORDER).ok


def test_in_order_a_wrong_shape_is_named() -> None:
    given_ = old_names()
    given_["old_0.weight"] = given_["old_0.weight"].transpose(0, 1)
    refused(given_, "wrong_shape", "0.weight (3×5×3×3 instead of 5×3×3×3)", IN_ORDER)


def test_order_survives_conversion(tmp_path: Path) -> None:
    torch.save(old_names(), tmp_path / "w.pth")
    convert(tmp_path / "w.pth", tmp_path / "w.safetensors")
    network = make_network()
    load_file_strictly(network, tmp_path / "w.safetensors", IN_ORDER)
    assert all(torch.equal(value, state()[name]) for name, value in network.state_dict().items())


# --- maps as files -------------------------------------------------------------------------------------------------


@pytest.fixture
def configs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "keymaps").mkdir()
    monkeypatch.setattr(keymap, "CONFIGS", tmp_path)
    return tmp_path / "keymaps"


def test_a_map_is_found_by_name(configs: Path) -> None:
    (configs / "bench.yaml").write_text(
        "id: bench\nsummary: s\nroot: [model]\nrules:\n"
        "- {rule: strip_prefix, prefix: 'backbone.'}\n- {rule: drop, keys: 'a\\..*', reason: unused}\n"
    )
    found = key_map("bench")
    assert (found.root, [rule.rule for rule in found.rules]) == (("model",), ["strip_prefix", "drop"])
    assert key_map(None) is SAME_NAMES
    with pytest.raises(NotFoundError, match="Did you mean 'bench'"):
        key_map("benhc")


@pytest.mark.parametrize(
    "rules",
    [
        "- {rule: dance}",
        "- {rule: drop, keys: a}",
        "- {rule: drop, keys: a, reason: ''}",
        "- {rule: rename, keys: '(', to: a}",
        "- {rule: transform, keys: a, how: invert}",
        "- {rule: strip_prefix, prefix: ''}",
        "- {rule: in_order}",
        "- {rule: drop, keys: a, reason: r, extra: 1}",
        "- 3",
        "[",
        "- !!python/object/apply:os.getcwd []",
    ],
)
def test_a_wrong_map_is_refused(configs: Path, rules: str) -> None:
    (configs / "bad.yaml").write_text(f"id: bad\nsummary: s\nrules:\n{rules}\n")
    with pytest.raises(ConfigError, match=r"bad\.yaml"):
        key_map("bad")


def test_a_rename_to_a_group_that_is_not_there_is_told() -> None:
    with pytest.raises(ConfigError, match="not possible"):
        audit(state(), make_network(), make_map({"rule": "rename", "keys": r"5\.(.*)", "to": r"\2"}))


@pytest.mark.parametrize("name", keymap.key_map_ids())
def test_a_shipped_map_is_sound(name: str) -> None:
    assert key_map(name).id == name


def test_a_file_is_read_where_its_map_says(tmp_path: Path) -> None:
    torch.save({"model": state(), "epoch": 1}, tmp_path / "w.pth")
    load_file_strictly(make_network(), tmp_path / "w.pth", make_map(root=["model"]))
    with pytest.raises(WeightsError, match="no weights under ''"):
        load_file_strictly(make_network(), tmp_path / "w.pth")


def test_nothing_is_changed_in_what_was_read() -> None:
    given_ = state()
    resolve(given_, make_network().state_dict(), make_map({"rule": "transform", "keys": ".*", "how": "negate"}))
    assert all(torch.equal(given_[name], value) for name, value in state().items())
