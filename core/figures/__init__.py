"""Every Plotly figure of the workbench; both front ends draw these and nothing else.

A figure takes an :class:`~core.types.Analysis` and a theme. Where there is nothing to draw it says why.
"""

from core.figures.consensus import consensus_bars
from core.figures.quality import face_quality
from core.figures.spectrogram import sound_heat
from core.figures.style import Theme, dark_colours
from core.figures.sync import sync_curve
from core.figures.timeline import timeline
from core.figures.verdict import verdict_bar

__all__ = ["Theme", "consensus_bars", "dark_colours", "face_quality", "sound_heat", "sync_curve", "timeline", "verdict_bar"]
