"""MesoNet (Afchar et al., 2018, arXiv:1809.00888) from the authors' Keras files."""

from __future__ import annotations

import re
from pathlib import Path
from typing import ClassVar

import torch

from core.detectors.hdf5 import Arrays, read_hdf5
from core.detectors.network import NetworkDetector
from core.errors import ConfigError
from core.networks.mesonet import Meso4, MesoInception4
from core.weights.keymap import key_map
from core.weights.keys import load_strictly

_NETWORKS = {"meso4": Meso4, "meso-inception4": MesoInception4}
_KERAS = re.compile(r"(?:.*/)?([a-z0-9_]*[a-z]d?)_(\d+)/([a-z_]+)(?::0)?")


class MesoNetDetector(NetworkDetector):
    """The network says how real a face is; the sign is turned here."""

    side: ClassVar[int | None] = 256

    def build(self) -> torch.nn.Module:
        if self.card.architecture not in _NETWORKS:
            raise ConfigError(
                f"There is no MesoNet called '{self.card.architecture}'.", hint=f"There are: {', '.join(_NETWORKS)}."
            )
        return _NETWORKS[self.card.architecture]()

    def fill(self, weights: Path) -> None:
        state = counted(read_hdf5(weights))
        load_strictly(self.network, state, weights.name, key_map(self.card.weights.key_map))

    def fake_logit(self, outputs: torch.Tensor) -> torch.Tensor:
        return -outputs[:, 0]


def counted(arrays: Arrays) -> dict[str, torch.Tensor]:
    """Keras' weights by kind and place: ``conv2d_10/conv2d_10/kernel:0`` is ``conv2d.2.kernel`` where the file's
    convolutions are numbered 8, 9, 10. The numbers count up over everything a Keras process ever made, so they begin
    anywhere, and sorted as text they would stand in the wrong order. Other names stay as they are.
    """
    parsed = {name: _KERAS.fullmatch(name) for name in arrays}
    numbers: dict[str, set[int]] = {}
    for found in parsed.values():
        if found:
            numbers.setdefault(found[1], set()).add(int(found[2]))
    places = {kind: {number: i for i, number in enumerate(sorted(them))} for kind, them in numbers.items()}
    return {
        f"{m[1]}.{places[m[1]][int(m[2])]}.{m[3]}" if (m := parsed[name]) else name: torch.from_numpy(values)
        for name, values in arrays.items()
    }
