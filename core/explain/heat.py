"""Heat maps of frame detectors: class activation maps on the logit of P(fake), by the ``grad-cam`` library.

Grad-CAM (Selvaraju et al., 2017, arXiv:1610.02391), Grad-CAM++ (Chattopadhyay et al., 2018, arXiv:1710.11063),
Layer-CAM (Jiang et al., 2021, TIP 30), Score-CAM (Wang et al., 2020, arXiv:1910.01279) and Eigen-CAM (Muhammad and
Yeasin, 2020, arXiv:2008.00299).
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from pytorch_grad_cam import EigenCAM, GradCAM, GradCAMPlusPlus, LayerCAM, ScoreCAM
from pytorch_grad_cam.base_cam import BaseCAM
from torch import Tensor, nn

from core.detectors.base import FrameDetector, load_detector
from core.detectors.network import NetworkDetector
from core.errors import ConfigError
from core.explain.layers import Spot, spot
from core.explain.methods import METHODS, Method
from core.faces.align import crop_matrix
from core.registry import Card, InputSpec
from core.types import RGB, Face

Heat = npt.NDArray[np.float32]

_BATCH = 16


class _QuietScoreCAM(ScoreCAM):
    """Score-CAM that draws no progress bar into the server's log."""

    def get_cam_weights(
        self, input_tensor: Tensor, target_layer: Any, targets: Any, activations: Any, grads: Any
    ) -> npt.NDArray[np.float32]:
        maps = torch.from_numpy(np.asarray(activations)).to(input_tensor)
        masks = nn.functional.interpolate(maps, size=input_tensor.shape[-2:], mode="bilinear", align_corners=True)[0]
        low, high = masks.amin(dim=(1, 2), keepdim=True), masks.amax(dim=(1, 2), keepdim=True)
        masks = (masks - low) / (high - low + 1e-8)
        with torch.no_grad():
            scores = [self.model(input_tensor * part[:, None])[:, 0] for part in masks.split(_BATCH)]
        weights: npt.NDArray[np.float32] = torch.cat(scores).softmax(dim=0).cpu().numpy()[None]
        return weights


class _SteadyEigenCAM(EigenCAM):
    """Eigen-CAM by a decomposition that fits large maps, its sign that of the mean activation and not of chance."""

    def get_cam_image(
        self, input_tensor: Tensor, target_layer: Any, targets: Any, activations: Any, grads: Any, eigen_smooth: bool
    ) -> npt.NDArray[np.float32]:
        maps = np.asarray(activations, np.float32)[0]
        rows = maps.reshape(len(maps), -1).T
        rows = rows - rows.mean(axis=0)
        direction = np.linalg.eigh(rows.T @ rows)[1][:, -1]
        projection = rows @ direction
        sign = 1.0 if float(projection @ rows.sum(axis=1)) >= 0 else -1.0
        return np.asarray(sign * projection, np.float32).reshape(1, *maps.shape[1:])


_CAMS: dict[Method, type[BaseCAM]] = {
    "layercam": LayerCAM,
    "gradcam": GradCAM,
    "gradcam++": GradCAMPlusPlus,
    "scorecam": _QuietScoreCAM,
    "eigencam": _SteadyEigenCAM,
}


class _FakeLogit(nn.Module):
    """A detector's network with its logit of P(fake) as the only output, float[N, 1]."""

    def __init__(self, detector: NetworkDetector) -> None:
        super().__init__()
        self.network = detector.network
        self._scored = detector.scored

    def forward(self, x: Tensor) -> Tensor:
        return self._scored(x)[:, None]


def _logit(output: Tensor) -> Tensor:
    return output[0]


def methods_of(detector: FrameDetector) -> tuple[Method, ...]:
    """The methods that can explain ``detector``, the best first."""
    if not isinstance(detector, NetworkDetector):
        return ()
    return tuple(method for method in METHODS if method != "own" or _own_map(detector) is not None)


def heat_map(detector: FrameDetector, crop: RGB, method: Method) -> Heat:
    """Where ``detector`` sees signs of a fake.

    Args:
        detector: one that no other thread uses meanwhile: its layers are listened to.
        crop: uint8[S, S, 3], cut as the detector's card says.
        method: one of :func:`methods_of`.

    Returns:
        float32[S, S] in [0, 1]; relative to the crop's brightest place, except for ``own``, which is P(fake).

    Raises:
        ConfigError: the detector cannot be explained this way.
    """
    if not isinstance(detector, NetworkDetector):
        raise ConfigError("This detector cannot be explained by a heat map.", hint="Choose another detector.")
    if method == "own":
        return _own_heat(detector, crop)
    network = _FakeLogit(detector).eval()
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    x = detector.normalised(crop[None])
    place: Spot = spot(network, detector.card.architecture, x, "network.")
    cam = _CAMS[method](model=network, target_layers=[place.layer], reshape_transform=place.reshape)
    try:
        with torch.inference_mode(False), torch.enable_grad():
            heat = cam(input_tensor=x.clone().requires_grad_(True), targets=[_logit])[0]
    finally:
        cam.activations_and_grads.release()
    return np.nan_to_num(np.asarray(heat, np.float32)).clip(0.0, 1.0)


def _own_heat(detector: NetworkDetector, crop: RGB) -> Heat:
    ask = _own_map(detector)
    if ask is None:
        raise ConfigError(
            f"{detector.card.title} does not judge places one by one.", hint="Choose one of the other methods."
        )
    size = crop.shape[:2][::-1]
    return np.asarray(cv2.resize(ask(crop[None])[0], size, interpolation=cv2.INTER_LINEAR), np.float32).clip(0.0, 1.0)


def _own_map(detector: NetworkDetector) -> Any:
    """How to ask for P(fake) of every place, crops uint8[N, S, S, 3] to float32[N, h, w]; None where it has none."""
    for name in ("patch_map", "alteration_map"):
        if hasattr(detector, name):
            return getattr(detector, name)
    votes = getattr(detector.network, "patches", None)
    if votes is None:
        return None

    @torch.inference_mode()
    def patches(crops: RGB) -> Heat:
        logits = votes(detector.normalised(crops))
        out: Heat = logits.sigmoid().reshape(len(crops), *logits.shape[-2:]).float().cpu().numpy()
        return out

    return patches


class Explainer:
    """A detector of its own for explanations, asked by one thread at a time."""

    def __init__(self, card: Card, weights: Path, device: str) -> None:
        self.detector = load_detector(card, weights, device)
        self._lock = threading.Lock()

    @property
    def memory_bytes(self) -> int:
        return self.detector.memory_bytes

    @property
    def methods(self) -> tuple[Method, ...]:
        return methods_of(self.detector)

    def heat_map(self, crop: RGB, method: Method) -> Heat:
        """As :func:`heat_map`."""
        with self._lock:
            return heat_map(self.detector, crop, method)


def onto_frame(heat: Heat, shape: tuple[int, ...], face: Face, spec: InputSpec) -> Heat:
    """A crop's heat where it lies in the picture: float32[S, S] to float32[H, W], 0 outside the crop.

    Args:
        shape: of the picture, [H, W, ...].
        face: whose crop it is.
        spec: how it was cut.
    """
    matrix = crop_matrix(shape, face, spec)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(heat, matrix, (shape[1], shape[0]), flags=flags), np.float32)
