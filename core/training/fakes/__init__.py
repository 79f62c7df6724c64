"""Pseudo-fakes: fakes made from real faces, so that a detector can be trained where no true deepfake may be used."""

from __future__ import annotations

from core.training.fakes.animate import Animate
from core.training.fakes.base import FaceCrop, Fake, by_name
from core.training.fakes.lowres import LowRes
from core.training.fakes.mouth import Mouth
from core.training.fakes.parts import Parts
from core.training.fakes.restore import Restore
from core.training.fakes.resynthesis import Motion, Rerender, Resynthesis
from core.training.fakes.sbi import SelfBlend
from core.training.fakes.splice import Splice
from core.training.fakes.swap import Swap
from core.training.fakes.upsample import UpSampling

__all__ = ["Fake", "FaceCrop", "all_fakes", "fake"]


def all_fakes() -> dict[str, Fake]:
    """Every method by its name."""
    made: tuple[Fake, ...] = (
        SelfBlend(),
        Swap(),
        Swap(gradient=True),
        Mouth(),
        Parts(),
        LowRes(),
        UpSampling(),
        Splice(),
        Animate(),
        Restore(),
        Resynthesis(),
        Resynthesis("re-synthesis-shuffle", ("shuffle-4",)),
        Motion(),
        Rerender(),
    )
    return {method.name: method for method in made}


def fake(name: str) -> Fake:
    """A method by name.

    Raises:
        NotFoundError: no such method.
    """
    return by_name("pseudo-fake", all_fakes(), name)
