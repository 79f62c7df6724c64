"""The commands on training files of voices."""

from __future__ import annotations

from core.training.tasks import run

__all__ = ["run"]
