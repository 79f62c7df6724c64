"""What the commands share."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TypeAlias

from core.errors import NotFoundError

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"

_RATES = ("false_alarms", "alpha")


def fraction(text: str) -> float:
    """An argument in [0, 1]."""
    value = float(text)
    if not 0.0 <= value <= 1.0:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")
    return value


def data_root(named: Path | str | None = None) -> Path:
    """The folder with training media: the named one, else that of ``$UNMASK_TRAINING_DATA``, else ``data``."""
    return Path(named or os.environ.get("UNMASK_TRAINING_DATA") or "data")


def media_folder(args: argparse.Namespace) -> Path:
    """The folder with training media that ``--data`` or the environment names.

    Raises:
        NotFoundError: there is no manifest in it.
    """
    folder = data_root(args.data)
    if not (folder / "manifest.csv").is_file():
        raise NotFoundError(
            f"There is no manifest.csv in '{folder}'.", hint="Name the folder with the media: --data FOLDER."
        )
    return folder


def add_data(parser: argparse.ArgumentParser) -> None:
    """The argument that :func:`media_folder` and :func:`data_root` read."""
    parser.add_argument(
        "--data", type=Path, metavar="FOLDER", help="folder with manifest.csv ($UNMASK_TRAINING_DATA, else data)"
    )


def add_rates(parser: argparse.ArgumentParser) -> None:
    """The two rates that thresholds of a preset are fitted for."""
    before = "by default as before, else"
    parser.add_argument(
        "--false-alarms", type=fraction, metavar="SHARE", help=f"of reals called fake, at most ({before} 0.01)"
    )
    parser.add_argument(
        "--alpha", type=fraction, metavar="SHARE", help=f"of pseudo-fakes called real, at most ({before} 0.05)"
    )


def rates(args: argparse.Namespace) -> dict[str, float]:
    """The rates of :func:`add_rates` by name: those given, else those that the preset was fitted for before."""
    from core.registry import ensemble

    known = ensemble(args.ensemble).fit
    before = {"false_alarms": 0.01, "alpha": 0.05} if known is None else known.model_dump(include=set(_RATES))
    return {name: before[name] if getattr(args, name) is None else getattr(args, name) for name in _RATES}


def printable(text: str) -> str:
    """Text that cannot steer a terminal: control characters and the like become question marks."""
    return "".join(c if c.isprintable() else "?" for c in text)
