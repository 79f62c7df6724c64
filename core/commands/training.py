"""``train``, ``export``, ``calibrate``, ``evaluate``: from a configuration to a detector with measured quality."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.commands.common import Commands
from core.errors import NotFoundError

_HELP = {
    "train": "train a detector",
    "export": "write a trained run as weights and card",
    "calibrate": "fit the calibration of an exported detector",
    "evaluate": "measure an exported detector",
}


def add(commands: Commands) -> None:
    for name, text in _HELP.items():
        parser = commands.add_parser(name, help=text)
        parser.add_argument("config", type=Path, metavar="CONFIG", help="a file of configs/training")
        parser.add_argument("--out", type=Path, metavar="FOLDER", help="folder of the run (runs/<name of the config>)")
        parser.set_defaults(run=run, act=_ACTS[name], verbose=True)
        if name != "export":
            parser.add_argument(
                "--data",
                type=Path,
                metavar="FOLDER",
                help="folder with manifest.csv and the media ($UNMASK_DATA, else data)",
            )
        if name == "train":
            parser.add_argument("--fresh", action="store_true", help="do not go on from an earlier checkpoint")


def run(args: argparse.Namespace) -> int:
    if not args.config.is_file():
        raise NotFoundError(
            f"There is no training configuration '{args.config}'.",
            hint="Those of this project are in configs/training.",
        )
    result = args.act(args, args.out or Path("runs") / args.config.stem)
    sys.stdout.write(f"{result}\n")
    return 0


def _data(args: argparse.Namespace) -> Path:
    folder: Path = args.data or Path(os.environ.get("UNMASK_DATA", "data"))
    if not (folder / "manifest.csv").is_file():
        raise NotFoundError(
            f"There is no manifest.csv in '{folder}'.", hint="Name the folder with the media: --data FOLDER."
        )
    return folder


def _train(args: argparse.Namespace, out: Path) -> object:
    from core.training import cli_api

    return cli_api.run(args.config, data=_data(args), out=out, resume=not args.fresh)


def _export(args: argparse.Namespace, out: Path) -> object:
    from core.training import cli_api

    return cli_api.export(args.config, out=out).weights.file


def _calibrate(args: argparse.Namespace, out: Path) -> object:
    from core.training import cli_api

    fit = cli_api.calibrate(args.config, data=_data(args), out=out).calibration
    return fit.name if fit else "not calibrated"


def _evaluate(args: argparse.Namespace, out: Path) -> object:
    from core.training import cli_api

    card = cli_api.evaluate(args.config, data=_data(args), out=out)
    return "\n".join(f"{m.name} {m.value:.3f} [{m.low:.3f}, {m.high:.3f}] n={m.n} {m.dataset}" for m in card.measured)


_ACTS: dict[str, Callable[[argparse.Namespace, Path], Any]] = {
    "train": _train,
    "export": _export,
    "calibrate": _calibrate,
    "evaluate": _evaluate,
}
