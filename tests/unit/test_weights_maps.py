"""The shipped key maps on files of the published layout, by names and shapes alone: no memory is used for values."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import timm
import torch

from core.weights.keymap import key_map
from core.weights.keys import audit

State = dict[str, torch.Tensor]


def network(name: str) -> torch.nn.Module:
    with torch.device("meta"):
        return timm.create_model(name, num_classes=2)


def meta(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.empty(shape, dtype=dtype, device="meta")


# --- Xception ------------------------------------------------------------------------------------------------------

XCEPTION = key_map("deepfakebench-xception")


@pytest.fixture(scope="module")
def xception() -> torch.nn.Module:
    return network("legacy_xception")


@pytest.fixture
def xception_file(xception: torch.nn.Module) -> State:
    """283 names: the network's under another prefix and head, and seven that are never used."""
    state = {f"backbone.{n.replace('fc.', 'last_linear.')}": v for n, v in xception.state_dict().items()}
    state |= {f"backbone.adjust_channel.0.{n}": meta(512) for n in ("weight", "bias")}
    state |= {f"backbone.adjust_channel.1.{n}": meta(512) for n in ("weight", "bias", "running_mean", "running_var")}
    return state | {"backbone.adjust_channel.1.num_batches_tracked": meta(dtype=torch.int64)}


def test_xception_fits(xception: torch.nn.Module, xception_file: State) -> None:
    report = audit(xception_file, xception, XCEPTION)
    assert len(xception_file) == 283
    assert report.ok and len(report.matched) == 276
    assert [len(names) for names in report.dropped.values()] == [7]


def test_f3net_given_to_xception_is_refused_by_name(xception: torch.nn.Module, xception_file: State) -> None:
    f3net = {n.replace("last_linear", "last_linear.1"): v for n, v in xception_file.items() if "adjust" not in n}
    f3net |= {"backbone.conv1.weight": meta(32, 12, 3, 3), "FAD_head._DCT_all": meta(256, 256)}
    report = audit(f3net, xception, XCEPTION)
    assert report.missing == ("fc.bias", "fc.weight")
    assert report.wrong_shape == ("conv1.weight (32×12×3×3 instead of 32×3×3×3)",)
    assert set(report.unexpected) == {
        "FAD_head._DCT_all",
        "backbone.last_linear.1.bias (as last_linear.1.bias)",
        "backbone.last_linear.1.weight (as last_linear.1.weight)",
    }


# --- EfficientNet-B4 -----------------------------------------------------------------------------------------------

EFFICIENTNET = key_map("deepfakebench-efficientnet-b4")
_PARTS = {
    "conv_pw": "_expand_conv", "conv_dw": "_depthwise_conv", "conv_pwl": "_project_conv", "bn1": "_bn0", "bn2": "_bn1",
    "bn3": "_bn2", "se.conv_reduce": "_se_reduce", "se.conv_expand": "_se_expand",
}  # fmt: skip
_FIRST = _PARTS | {"conv_pw": "_project_conv", "bn1": "_bn1", "bn2": "_bn2"}
_ENDS = {"conv_stem": "_conv_stem", "bn1": "_bn0", "conv_head": "_conv_head", "bn2": "_bn1"}


def published(names: list[str]) -> Iterator[str]:
    """The published file's names for the network's, block by block, told from the blocks' places."""
    blocks: dict[str, int] = {}
    for name in names:
        if found := re.fullmatch(r"blocks\.(\d+\.\d+)\.(.+)\.(\w+)", name):
            place = blocks.setdefault(found[1], len(blocks))
            parts = _FIRST if found[1].startswith("0.") else _PARTS
            yield f"backbone.efficientnet._blocks.{place}.{parts[found[2]]}.{found[3]}"
        elif name.startswith("classifier."):
            yield name.replace("classifier", "backbone.last_layer")
        else:
            part, _, leaf = name.rpartition(".")
            yield f"backbone.efficientnet.{_ENDS[part]}.{leaf}"


@pytest.fixture(scope="module")
def efficientnet() -> torch.nn.Module:
    return network("efficientnet_b4")


@pytest.fixture
def efficientnet_file(efficientnet: torch.nn.Module) -> State:
    state = efficientnet.state_dict()
    return dict(zip(published(list(state)), state.values(), strict=True))


def test_efficientnet_fits_name_by_name(efficientnet: torch.nn.Module, efficientnet_file: State) -> None:
    report = audit(efficientnet_file, efficientnet, EFFICIENTNET)
    assert report.ok and len(report.matched) == len(efficientnet_file) == 706
    names = list(efficientnet.state_dict())
    assert dict(report.matched) == dict(zip(published(names), names, strict=True))
    assert dict(report.matched)["backbone.efficientnet._blocks.2._expand_conv.weight"] == "blocks.1.0.conv_pw.weight"


@pytest.mark.parametrize("block", [0, 7, 31])
def test_a_key_less_or_renamed_is_named(efficientnet: torch.nn.Module, efficientnet_file: State, block: int) -> None:
    name = f"backbone.efficientnet._blocks.{block}._depthwise_conv.weight"
    renamed = {n.replace("_depthwise_conv", "_depth_conv") if n == name else n: v for n, v in efficientnet_file.items()}
    report = audit(renamed, efficientnet, EFFICIENTNET)
    assert len(report.unexpected) == 1 and f"_blocks.{block}._depth_conv.weight" in report.unexpected[0]
    assert len(report.missing) == 1 and report.missing[0].endswith("conv_dw.weight")
    del efficientnet_file[name]
    report = audit(efficientnet_file, efficientnet, EFFICIENTNET)
    assert not report.ok and len(report.missing) == 1 and report.missing[0].endswith("conv_dw.weight")
