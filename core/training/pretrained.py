"""A pretrained start: MobileNetV2 with ImageNet weights out of an int8 TFLite file (Apache-2.0), as float for timm."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from core.errors import WeightsError, WeightsMissingError

log = logging.getLogger(__name__)

INT8_SHA256 = "5d3137241276e79c86d14a74fe43581398ae0e815191d3dba45495b810840e8c"
INT8_NAME = "tf2_mobilenet_v2_1.0_224_ptq.tflite"
Arrays = tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]


def find_int8(folder: Path | None) -> Path:
    """The TFLite file below ``folder``, its hash checked.

    Raises:
        WeightsMissingError: it is not there.
        WeightsError: it is another file.
    """
    found = sorted(folder.rglob(INT8_NAME)) if folder is not None and folder.is_dir() else []
    if not found:
        raise WeightsMissingError(
            f"The pretrained start {INT8_NAME} was not found.",
            hint="Put it under UNMASK_WEIGHTS_DIR (google-coral/test_data, Apache-2.0), or set model.start: scratch.",
        )
    if hashlib.sha256(found[0].read_bytes()).hexdigest() != INT8_SHA256:
        raise WeightsError(f"{INT8_NAME} is not the known file (sha256).", hint="Fetch it again.")
    return found[0]


def read_convolutions(path: Path) -> list[Arrays]:
    """(weight, bias) of every convolution in graph order, dequantised to float32 and in PyTorch's layout."""
    import tflite

    model = tflite.Model.GetRootAsModel(path.read_bytes(), 0)
    graph = model.Subgraphs(0)
    kinds = {tflite.BuiltinOperator.CONV_2D, tflite.BuiltinOperator.DEPTHWISE_CONV_2D}
    kinds.add(tflite.BuiltinOperator.FULLY_CONNECTED)
    layers = []
    for number in range(graph.OperatorsLength()):
        operator = graph.Operators(number)
        kind = model.OperatorCodes(operator.OpcodeIndex()).BuiltinCode()
        if kind not in kinds:
            continue
        weight = _dequantise(model, graph.Tensors(operator.Inputs(1)))
        bias = _dequantise(model, graph.Tensors(operator.Inputs(2)))
        layers.append((_layout(weight, kind == tflite.BuiltinOperator.DEPTHWISE_CONV_2D), bias))
    return layers


def _dequantise(model: Any, tensor: Any) -> npt.NDArray[np.float32]:
    raw = model.Buffers(tensor.Buffer()).DataAsNumpy()
    kind = {9: np.int8, 2: np.int32, 3: np.uint8}[tensor.Type()]
    values = np.frombuffer(raw.tobytes(), dtype=kind).reshape(tensor.ShapeAsNumpy()).astype(np.float64)
    quant = tensor.Quantization()
    scale, zero = quant.ScaleAsNumpy().astype(np.float64), quant.ZeroPointAsNumpy().astype(np.float64)
    shape = [1] * values.ndim
    if scale.size > 1:
        shape[quant.QuantizedDimension()] = scale.size
    return ((values - zero.reshape(shape)) * scale.reshape(shape)).astype(np.float32)


def _layout(weight: npt.NDArray[np.float32], depthwise: bool) -> npt.NDArray[np.float32]:
    """TFLite OHWI (1HWC depthwise) to PyTorch OIHW."""
    if weight.ndim == 2:
        return weight
    order = (3, 0, 1, 2) if depthwise else (0, 3, 1, 2)
    return np.ascontiguousarray(weight.transpose(order))


def _conv_norm_pairs(net: nn.Module) -> Iterator[tuple[nn.Conv2d, nn.Module]]:
    """Convolutions of a timm MobileNetV2 in graph order, each with the normalisation after it."""
    convolutions = [m for m in net.modules() if isinstance(m, nn.Conv2d)]
    norms = [m for m in net.modules() if isinstance(m, nn.BatchNorm2d)]
    yield from zip(convolutions, norms, strict=True)


def load_int8(net: nn.Module, path: Path, samples: torch.Tensor) -> list[Arrays]:
    """Put the file's convolutions into ``net`` and set each normalisation so that the network computes what the file
    does: the file has its normalisation folded into weight and bias, so mean and variance are measured on ``samples``
    (normalised float[N, 3, S, S]) and then undone by the affine part.

    Returns:
        The file's layers, the classifier last (for checks).

    Raises:
        WeightsError: the file does not fit the network.
    """
    layers = read_convolutions(path)
    pairs = list(_conv_norm_pairs(net))
    if len(layers) != len(pairs) + 1:
        raise WeightsError(
            f"{path.name} has {len(layers)} layers, the network {len(pairs) + 1}.", hint="Use mobilenetv2_100."
        )
    hooks = []
    with torch.no_grad():
        for (conv, norm), (weight, bias) in zip(pairs, layers, strict=False):
            if tuple(conv.weight.shape) != weight.shape:
                raise WeightsError(
                    f"{path.name}: {weight.shape} for {tuple(conv.weight.shape)}.", hint="Wrong network."
                )
            conv.weight.copy_(torch.from_numpy(weight))
            hooks.append(norm.register_forward_pre_hook(_calibrator(torch.from_numpy(bias))))
        net.eval()
        net(samples)
    for hook in hooks:
        hook.remove()
    log.info("pretrained start: %d convolutions from %s", len(pairs), path.name)
    return layers


def _calibrator(bias: torch.Tensor) -> Any:
    """A hook that sets a normalisation from the batch that is about to pass through it."""

    def hook(norm: nn.BatchNorm2d, inputs: tuple[torch.Tensor, ...]) -> None:
        x = inputs[0]
        mean, variance = x.mean(dim=(0, 2, 3)), x.var(dim=(0, 2, 3), unbiased=False)
        assert norm.running_mean is not None and norm.running_var is not None
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(variance)
        norm.weight.copy_(torch.sqrt(variance + norm.eps))
        norm.bias.copy_(mean + bias)

    return hook
