"""SyncNet, second version (Chung and Zisserman, 2016, doi:10.1007/978-3-319-54427-4_19): mouths and speech in one
space."""

from __future__ import annotations

import torch
from torch import Tensor, nn

WIDTH = 1024


def _conv2(before: int, after: int, kernel: int | tuple[int, int] = 3, padding: int = 1) -> tuple[nn.Module, ...]:
    return nn.Conv2d(before, after, kernel, padding=padding), nn.BatchNorm2d(after), nn.ReLU()


def _conv3(
    before: int, after: int, kernel: tuple[int, int, int], stride: int = 1, padding: int = 0
) -> tuple[nn.Module, ...]:
    conv = nn.Conv3d(before, after, kernel, (1, stride, stride), (0, padding, padding))
    return conv, nn.BatchNorm3d(after), nn.ReLU()


def _readout() -> nn.Sequential:
    return nn.Sequential(nn.Linear(512, 512), nn.BatchNorm1d(512), nn.ReLU(), nn.Linear(512, WIDTH))


class SyncNet(nn.Module):
    """Two encoders, each to float[N, 1024]; the closer, the better mouth and speech fit."""

    def __init__(self) -> None:
        super().__init__()
        # Identities stand where the published numbering counts a pooling of one by one.
        self.netcnnaud = nn.Sequential(
            *_conv2(1, 64), nn.Identity(), *_conv2(64, 192), nn.MaxPool2d(3, (1, 2)),
            *_conv2(192, 384), *_conv2(384, 256), *_conv2(256, 256), nn.MaxPool2d(3, 2), *_conv2(256, 512, (5, 4), 0),
        )  # fmt: skip
        self.netcnnlip = nn.Sequential(
            *_conv3(3, 96, (5, 7, 7), 2), nn.MaxPool3d((1, 3, 3), (1, 2, 2)),
            *_conv3(96, 256, (1, 5, 5), 2, 1), nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1)),
            *_conv3(256, 256, (1, 3, 3), 1, 1), *_conv3(256, 256, (1, 3, 3), 1, 1), *_conv3(256, 256, (1, 3, 3), 1, 1),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2)), *_conv3(256, 512, (1, 6, 6)),
        )  # fmt: skip
        self.netfcaud, self.netfclip = _readout(), _readout()

    def speech(self, cepstra: Tensor) -> Tensor:
        """Cepstra float[N, 13, 20] of 0.2 s to embeddings."""
        out: Tensor = self.netfcaud(self.netcnnaud(cepstra[:, None]).flatten(1))
        return out

    def mouths(self, frames: Tensor) -> Tensor:
        """Faces float[N, T, 3, 224, 224], BGR in [0, 255], T >= 5 in order, to embeddings of every five in a row,
        float[N * (T - 4), 1024]."""
        maps = self.netcnnlip(frames.transpose(1, 2))
        out: Tensor = self.netfclip(maps.transpose(1, 2).flatten(0, 1).flatten(1))
        return out

    def forward(self, cepstra: Tensor, frames: Tensor) -> tuple[Tensor, Tensor]:
        return self.speech(cepstra), self.mouths(frames)


def pairwise_distances(mouths: Tensor, speech: Tensor, reach: int) -> Tensor:
    """Distances float[T, 2 * reach + 1] between mouths float[T, W] and speech float[T, W] at shifts -reach … +reach;
    outside the recording there is the zero vector."""
    padded = torch.nn.functional.pad(speech, (0, 0, reach, reach))
    shifted = padded.unfold(0, 2 * reach + 1, 1).transpose(1, 2)
    return torch.nn.functional.pairwise_distance(mouths[:, None], shifted)
