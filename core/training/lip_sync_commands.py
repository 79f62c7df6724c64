"""The commands on training files of lips and speech."""

from __future__ import annotations

from core.training.lip_sync import run
from core.training.lip_sync_card import calibrate, evaluate, export

__all__ = ["calibrate", "evaluate", "export", "run"]
