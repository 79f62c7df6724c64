"""What the commands share."""

from __future__ import annotations

import argparse
from typing import TypeAlias

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def fraction(text: str) -> float:
    """An argument in [0, 1]."""
    value = float(text)
    if not 0.0 <= value <= 1.0:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")
    return value


def printable(text: str) -> str:
    """Text that cannot steer a terminal: control characters and the like become question marks."""
    return "".join(c if c.isprintable() else "?" for c in text)
