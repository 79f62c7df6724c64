"""The backends themselves: each makes a call from a network, exporting it first where that is needed."""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Callable, Sequence
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch

from core.runtime.machine import fast_bfloat16

Forward: TypeAlias = Callable[[torch.Tensor], tuple[torch.Tensor, ...]]
_Array: TypeAlias = npt.NDArray[np.float32]

_PACKAGES = ("torch", "openvino", "onnxruntime", "onnxruntime-gpu")
_PROVIDERS = {"tensorrt": "TensorrtExecutionProvider", "cuda": "CUDAExecutionProvider", "cpu": "CPUExecutionProvider"}
_LAID_OUT = ("channels-last", "bfloat16", "float16")
_BFLOAT16, _INT8 = "openvino-bfloat16", "openvino-int8"
REDUCED = ("bfloat16", "float16", _BFLOAT16, _INT8)
_LARGE = 512  # rows and columns of a matrix whose products are worth rounding
_GROUP = "128"  # values of an input that share one scale


def offered(device: str) -> tuple[str, ...]:
    """Backends that this machine has for ``device``, torch first."""
    cuda, bfloat16 = device.startswith("cuda"), fast_bfloat16(device)
    names = ["torch"]
    if cuda or device == "cpu":
        names.append("channels-last")
        names += ["bfloat16"] if bfloat16 else []
        names += ["float16"] if cuda else []
        if device == "cpu" and find_spec("openvino"):
            names += ["openvino", *([_BFLOAT16] if bfloat16 else []), _INT8]
        names += ["onnxruntime"] if _PROVIDERS["cuda" if cuda else "cpu"] in _providers() else []
        names += ["tensorrt"] if cuda and _PROVIDERS["tensorrt"] in _providers() else []
    return tuple(names)


def suits(backend: str, module: torch.nn.Module) -> bool:
    """Whether ``backend`` may be faster for ``module``: 8 bits only where most weights are those of large products."""
    if backend != _INT8:
        return True
    large = sum(m.weight.numel() for m in module.modules() if isinstance(m, torch.nn.Linear) and _is_large(m.weight))
    return 2 * large > sum(p.numel() for p in module.parameters())


def _is_large(matrix: torch.Tensor | npt.NDArray[Any]) -> bool:
    return matrix.ndim == 2 and min(matrix.shape) >= _LARGE


def only_kept(backend: str, file: Path) -> None:
    """Remove the exports of ``file`` that ``backend`` does not use."""
    for part in file.parent.glob(f"{file.name}.*"):
        if not part.name.startswith(f"{file.name}.{_exported_as(backend)}."):
            part.unlink(missing_ok=True)


def _exported_as(backend: str) -> str:
    """The backend whose export ``backend`` reads: values become bfloat16 only when they are loaded."""
    return "openvino" if backend == _BFLOAT16 else backend


@lru_cache(maxsize=1)
def versions() -> str:
    """The engines that are installed, with their versions."""
    found = []
    for package in _PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found)


def build(
    backend: str, module: torch.nn.Module, example: torch.Tensor, free: Sequence[int], device: str, file: Path
) -> Forward:
    """``module`` by a backend of :func:`offered`.

    Args:
        example: inputs that fit.
        free: dimensions of the inputs whose length may change.
        file: where an export is kept, or is taken from if it is there; each engine adds its name and ending.
    """
    if backend in ("openvino", _BFLOAT16, _INT8):
        file = file.with_name(f"{file.name}.{_exported_as(backend)}.xml")
        return _openvino(module, example, free, file, backend)
    if backend in ("onnxruntime", "tensorrt"):
        return _onnxruntime(module, example, free, file.with_name(f"{file.name}.{backend}.onnx"), device, backend)
    relaid(module, backend)
    return _torch(module, backend, device)


def relaid(module: torch.nn.Module, backend: str) -> None:
    """Lay the kernels of ``module`` out in memory as the backend likes them."""
    layout = torch.channels_last if backend in _LAID_OUT else torch.contiguous_format
    module.to(memory_format=layout)


def _torch(module: torch.nn.Module, backend: str, device: str) -> Forward:
    kind = {"bfloat16": torch.bfloat16, "float16": torch.float16}.get(backend)

    def ask(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        if backend in _LAID_OUT and x.ndim == 4:
            x = x.contiguous(memory_format=torch.channels_last)
        with torch.inference_mode(), torch.autocast(device.split(":")[0], kind, enabled=kind is not None):
            return _several(module(x))

    return ask


def _openvino(module: torch.nn.Module, example: torch.Tensor, free: Sequence[int], file: Path, backend: str) -> Forward:
    import openvino

    int8, bfloat16 = backend == _INT8, backend != "openvino" and fast_bfloat16("cpu")
    core = openvino.Core()
    if not file.is_file():
        shape = [-1 if i in free else length for i, length in enumerate(example.shape)]
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            model = openvino.convert_model(module, example_input=example, input=shape)
        if int8:
            _rounded(model)
        _written(file, lambda fresh: openvino.save_model(model, fresh, compress_to_fp16=False))
    compiled = core.compile_model(
        core.read_model(file),
        "CPU",
        {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": "bf16" if bfloat16 else "f32",
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
            **({"DYNAMIC_QUANTIZATION_GROUP_SIZE": _GROUP} if int8 else {}),
        },
    )
    lock = threading.Lock()  # one request, whose buffers the next call takes

    def ask(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        with lock:
            answer = compiled(x.numpy(force=True))
            return tuple(torch.from_numpy(np.array(answer[i])) for i in range(len(compiled.outputs)))

    return ask


def _rounded(model: Any) -> None:
    """Large matrices of an OpenVINO model to int8, each output with a scale of its own. What they are multiplied with
    is rounded while it runs, so nothing has to be calibrated (Dettmers et al., 2022, arXiv:2208.07339, section 2)."""
    from openvino import opset13 as ops

    for node in model.get_ordered_ops():
        matrix = node.input_value(1).get_node() if node.get_type_name() == "MatMul" else None
        if matrix is None or matrix.get_type_name() != "Constant" or not _is_large(matrix.data):
            continue
        inputs = 1 if node.get_attributes()["transpose_b"] else 0
        scale = np.maximum(np.abs(matrix.data).max(axis=inputs, keepdims=True), 1e-12) / 127
        whole = ops.constant(np.round(matrix.data / scale).astype(np.int8))
        product = ops.multiply(ops.convert(whole, "f32"), ops.constant(scale.astype(np.float32)))
        node.input(1).replace_source_output(product.output(0))


def _onnxruntime(
    module: torch.nn.Module, example: torch.Tensor, free: Sequence[int], file: Path, device: str, backend: str
) -> Forward:
    import onnxruntime

    if not file.is_file():
        _written(file, lambda fresh: _exported(module, example, free, fresh))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    first = "tensorrt" if backend == "tensorrt" else device.split(":")[0]
    wanted = [_PROVIDERS[first], *([_PROVIDERS["cuda"]] if first == "tensorrt" else []), _PROVIDERS["cpu"]]
    session = onnxruntime.InferenceSession(str(file), options, providers=list(dict.fromkeys(wanted)))
    name = session.get_inputs()[0].name

    def ask(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        outputs: list[_Array] = session.run(None, {name: x.numpy(force=True)})
        return tuple(torch.from_numpy(np.asarray(out)) for out in outputs)

    return ask


def _exported(module: torch.nn.Module, example: torch.Tensor, free: Sequence[int], file: Path) -> None:
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module,
            (example,),
            str(file),
            input_names=["x"],
            dynamic_axes={"x": {i: f"d{i}" for i in free}},
            dynamo=False,
        )


def _written(file: Path, write: Callable[[Path], Any]) -> None:
    """A file, with those that belong to it, that is there whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = file.with_name(f"{os.getpid()}-{threading.get_ident()}-{file.name}")
    try:
        write(fresh)
        for part in fresh.parent.glob(f"{fresh.stem}.*"):
            if part.suffix != file.suffix:
                part.replace(file.with_suffix(part.suffix))
        fresh.replace(file)
    finally:
        for part in fresh.parent.glob(f"{fresh.stem}.*"):
            part.unlink(missing_ok=True)


@lru_cache(maxsize=1)
def _providers() -> tuple[str, ...]:
    """What ONNX Runtime can run on; nothing where it, or what exports to it, is not installed."""
    if not (find_spec("onnxruntime") and find_spec("onnx")):
        return ()
    import onnxruntime

    return tuple(onnxruntime.get_available_providers())


def _several(outputs: Any) -> tuple[torch.Tensor, ...]:
    return (outputs,) if isinstance(outputs, torch.Tensor) else tuple(outputs)
