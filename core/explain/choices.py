"""What of an analysis can be explained. Imports no network library."""

from __future__ import annotations

from core import registry
from core.errors import WorkbenchError
from core.types import Analysis, Modality, Status


def frame_detectors(analysis: Analysis) -> dict[str, str]:
    """Titles of the detectors that judged single frames of it, by id."""
    return _answered(analysis, Modality.IMAGE)


def sound_detectors(analysis: Analysis) -> dict[str, str]:
    """Titles of the detectors that listened to it, by id."""
    return _answered(analysis, Modality.AUDIO)


def _answered(analysis: Analysis, modality: Modality) -> dict[str, str]:
    titles = {s.detector: s.title for s in analysis.scores if s.status is Status.OK and s.modality is modality}
    return {detector: title for detector, title in titles.items() if _has_card(detector)}


def _has_card(detector: str) -> bool:
    try:
        registry.card(detector)
    except WorkbenchError:
        return False
    return True
