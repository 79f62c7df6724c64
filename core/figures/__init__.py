"""Every Plotly figure of the workbench; both front ends draw these and nothing else.

A figure takes an :class:`~core.types.Analysis` and a theme. Where there is nothing to draw it says why.
"""

from core.figures.consensus import consensus_bars
from core.figures.inside import attention, heads
from core.figures.judged import confusion_table, judged_reliability, judged_roc
from core.figures.quality import face_quality
from core.figures.several import probabilities, side_by_side, verdict_counts
from core.figures.sound import sound_over_time
from core.figures.spectrogram import sound_heat
from core.figures.style import Theme, dark_colours
from core.figures.sync import shown_curves, sync_curve, sync_over_time
from core.figures.timeline import timeline
from core.figures.verdict import verdict_bar

__all__ = [
    "Theme",
    "attention",
    "confusion_table",
    "consensus_bars",
    "dark_colours",
    "face_quality",
    "heads",
    "judged_reliability",
    "judged_roc",
    "probabilities",
    "side_by_side",
    "shown_curves",
    "sound_heat",
    "sound_over_time",
    "sync_curve",
    "sync_over_time",
    "timeline",
    "verdict_bar",
    "verdict_counts",
]
