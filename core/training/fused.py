"""What an ensemble says where its members' answers are known: by the rules that the workbench fuses with."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from core.errors import ConfigError
from core.fusion.combine import EvidenceRule, fuse_person
from core.fusion.fits import FusionFit
from core.registry import Ensemble
from core.types import Modality, Score, Status

_ENOUGH = EvidenceRule(min_frames=1, sampled=1)


def fused(preset: Ensemble, answers: Mapping[str, float | None], fit: FusionFit | None = None) -> float | None:
    """P(fake) of ``preset`` from its members' calibrated P(fake); None where too few of them answered.

    Args:
        answers: by detector id; None where a member did not answer, members not named did not run.
        fit: of the preset; None takes the weighted mean.
    """
    scores = [_score(m.detector, answers[m.detector]) for m in preset.members if m.detector in answers]
    return fuse_person(None, scores, (), preset, _ENOUGH, fit=fit).p_fake


def restricted(preset: Ensemble, detectors: Collection[str]) -> Ensemble:
    """``preset`` as it is asked about what those of its members alone can judge, say faces: no more of them are needed
    than there are.

    Raises:
        ConfigError: none of them is a member.
    """
    count = sum(m.detector in detectors for m in preset.members)
    if not count:
        raise ConfigError(f"No member of '{preset.id}' looks at pictures.", hint="Name another preset.")
    return preset.model_copy(update={"min_members": min(preset.min_members, count)})


def fused_all(
    preset: Ensemble, answers: Mapping[str, Sequence[float]], fit: FusionFit | None = None
) -> npt.NDArray[np.float64]:
    """The same for N items that all members named answered: float64[N]."""
    rows = zip(*answers.values(), strict=True)
    found = [fused(preset, dict(zip(answers, row, strict=True)), fit) for row in rows]
    if any(p is None for p in found):
        raise ValueError(f"{preset.id} needs more members than {', '.join(answers)}")
    return np.array(found, dtype=np.float64)


def _score(detector: str, p: float | None) -> Score:
    status = Status.NOT_APPLICABLE if p is None else Status.OK
    return Score(
        detector, detector, Modality.IMAGE, status, p_fake=p, raw=p, n=1, reason="no face" if p is None else ""
    )
