"""``fuse``, ``announce`` and ``presets``: how members are put together, and whether that helps."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from core.commands.common import Commands, add_data, add_rates, media_folder, rates
from core.errors import NotFoundError

_RUNS = Path("runs")


def add(commands: Commands) -> None:
    _add_fuse(commands)
    measured = commands.add_parser(
        "presets", help="measure presets against their best members (docs/measured/presets.md)"
    )
    measured.add_argument("ensembles", nargs="*", metavar="ID", help="presets (all)")
    _add_media(measured)
    measured.set_defaults(run=_presets, verbose=True)
    announced = commands.add_parser("announce", help="write the cards of detectors that are not trained yet")
    announced.add_argument("configs", nargs="+", type=Path, metavar="CONFIG", help="files of configs/training")
    announced.set_defaults(run=_announce, verbose=True)


def _add_fuse(commands: Commands) -> None:
    parser = commands.add_parser("fuse", help="fit the fusion and the thresholds of a preset on the calibration split")
    parser.add_argument("ensemble", metavar="ID", help="a preset of configs/ensembles")
    add_rates(parser)
    parser.add_argument("--may-call-real", action="store_true", help="keep the fitted threshold for real (0: never)")
    _add_media(parser)
    parser.set_defaults(run=_fuse, verbose=True)


def _add_media(parser: argparse.ArgumentParser) -> None:
    add_data(parser)
    parser.add_argument("--work", type=Path, default=_RUNS / "fusion", metavar="FOLDER", help="media and answers")
    parser.add_argument("--store", type=Path, default=_RUNS / "crops", metavar="FOLDER", help="where crops are kept")


def _fuse(args: argparse.Namespace) -> int:
    from core.training.preset_commands import fuse

    sys.stdout.write(
        fuse(
            args.ensemble,
            data=media_folder(args),
            store=args.store,
            work=args.work,
            **rates(args),
            may_call_real=args.may_call_real,
        )
        + "\n"
    )
    return 0


def _presets(args: argparse.Namespace) -> int:
    from core.training.preset_commands import measure_presets

    sys.stdout.write(measure_presets(args.ensembles, data=media_folder(args), store=args.store, work=args.work) + "\n")
    return 0


def _announce(args: argparse.Namespace) -> int:
    from core.training.announce import announce

    for path in args.configs:
        if not path.is_file():
            raise NotFoundError(f"There is no training configuration '{path}'.", hint="See configs/training.")
        card = announce(path)
        sys.stdout.write(f"{path}: {'has a card already' if card is None else f'card {card.id} written'}\n")
    return 0
