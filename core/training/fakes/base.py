"""What every pseudo-fake is: a seeded change of a real face crop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from core.errors import NotFoundError
from core.types import RGB

Points: TypeAlias = npt.NDArray[np.float32]
Mask: TypeAlias = npt.NDArray[np.float32]

Method = TypeVar("Method")


@dataclass(frozen=True, slots=True, eq=False)
class FaceCrop:
    """``pixels`` uint8[S, S, 3] RGB with the whole head in it and ``landmarks`` float32[5, 2] px."""

    pixels: RGB
    landmarks: Points


class Fake(Protocol):
    """A way to make a fake out of real material.

    ``name`` is the method in every table; ``needs_partner`` says that another person's crop is needed.
    """

    name: str
    needs_partner: bool

    def make(self, rng: np.random.Generator, face: FaceCrop, partner: FaceCrop | None = None) -> RGB:
        """The fake as uint8[S, S, 3], same size as ``face``; equal generators give equal pixels."""
        ...


def by_name(kind: str, methods: Mapping[str, Method], name: str) -> Method:
    """A method of a registry; ``kind`` is what its methods are called.

    Raises:
        NotFoundError: no such method; the hint lists them.
    """
    if name not in methods:
        raise NotFoundError(f"There is no {kind} '{name}'.", hint=f"There are: {', '.join(methods)}.")
    return methods[name]
