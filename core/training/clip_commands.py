"""The commands on training files of clips and of what a frame detector makes of their frames."""

from __future__ import annotations

from core.training.tasks import run

__all__ = ["run"]
