"""``train`` to ``compare``: from a configuration to detectors with measured quality, and what their data hold."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from core.commands import adding
from core.commands.common import Commands, add_data, add_rates, media_folder, rates
from core.errors import ConfigError, NotFoundError

Act = Callable[[argparse.Namespace], int]
_RUNS = Path("runs")


def add(commands: Commands) -> None:
    _add_one(commands, "train", "train a detector", _train).add_argument(
        "--fresh", action="store_true", help="do not go on from an earlier checkpoint"
    )
    _add_one(commands, "generators", "train the generators that pseudo-fakes need, where they are missing", _generators)
    _add_one(commands, "export", "write a trained run as weights and card", _export, data=False)
    _add_one(commands, "calibrate", "fit the calibration of an exported detector", _calibrate)
    _add_evaluate(commands)
    _add_one(commands, "sheets", "write contact sheets of the worst errors on held-out people", _sheets)
    _add_leave_one_out(commands)
    _add_compare(commands)
    _add_thresholds(commands)
    _add_public(commands)
    _add_tts(commands)
    _add_data(commands)


# --- arguments -----------------------------------------------------------------------------------------------------


def _parser(commands: Commands, name: str, text: str, act: Act) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=text)
    parser.set_defaults(run=act, verbose=True)
    return parser


def _add_one(commands: Commands, name: str, text: str, act: Act, *, data: bool = True) -> argparse.ArgumentParser:
    """A command on one configuration and its run folder."""
    parser = _parser(commands, name, text, act)
    parser.add_argument("config", type=Path, metavar="CONFIG", help="a file of configs/training")
    _add_run(parser, data=data)
    return parser


def _add_run(parser: argparse.ArgumentParser, *, data: bool = True) -> None:
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="folder of the run (runs/<name of the config>)")
    if data:
        _add_media(parser)


def _add_media(parser: argparse.ArgumentParser) -> None:
    add_data(parser)
    parser.add_argument(
        "--store", type=Path, metavar="FOLDER", help="where face crops are kept (crops beside the run folder)"
    )


def _add_evaluate(commands: Commands) -> None:
    parser = _parser(commands, "evaluate", "measure exported detectors", _evaluate)
    _add_configs(parser)
    _add_run(parser)
    parser.add_argument("--html", type=Path, metavar="FILE", help="the report (report.html in the run folder)")


def _add_configs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("configs", type=Path, nargs="+", metavar="CONFIG", help="files of configs/training")


def _add_compare(commands: Commands) -> None:
    parser = _parser(commands, "compare", "compare measured detectors with each other and with an ensemble", _compare)
    _add_configs(parser)
    parser.add_argument("--ensemble", default="default", metavar="ID", help="preset to set beside them (default)")
    parser.add_argument("--html", type=Path, metavar="FILE", help="also write a report with figures")


def _add_thresholds(commands: Commands) -> None:
    parser = _parser(commands, "thresholds", "fit the thresholds of a preset on the calibration split", _thresholds)
    parser.add_argument("ensemble", metavar="ID", help="a preset of configs/ensembles")
    add_rates(parser)
    parser.add_argument("--never-real", action="store_true", help="call no file real")
    _add_media(parser)


def _add_public(commands: Commands) -> None:
    parser = _parser(commands, "measure-public", "measure the public detectors on the test split", _measure_public)
    add_data(parser)


def _add_leave_one_out(commands: Commands) -> None:
    parser = _add_one(commands, "leave-one-out", "train without each pseudo-fake method and test on it", _leave_one_out)
    parser.add_argument("--epochs", type=int, metavar="N", help="shorter runs than the configuration's")
    parser.add_argument("--methods", nargs="+", metavar="NAME", help="leave out these alone (all of the config)")


def _add_data(commands: Commands) -> None:
    parser = commands.add_parser("data", help="what a collection holds, and adding to it")
    kinds = parser.add_subparsers(dest="data_command", required=True, metavar="COMMAND")
    report = kinds.add_parser("report", help="counts, licences and duplicates; ends with 1 where splits are not clean")
    add_data(report)
    report.add_argument("--json", type=Path, metavar="FILE", help="also write everything that was found")
    report.set_defaults(run=_data_report, verbose=True)
    adding.add(kinds)


def _add_tts(commands: Commands) -> None:
    text = "let the text-to-speech engines that are installed read out fakes for training voices"
    parser = _parser(commands, "tts", text, _tts)
    parser.add_argument("--store", type=Path, default=_RUNS / "crops", metavar="FOLDER", help="where voices are kept")


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise NotFoundError(
            f"There is no training configuration '{path}'.", hint="Those of this project are in configs/training."
        )
    return path


def _out(args: argparse.Namespace, config: Path) -> Path:
    return args.out or _RUNS / config.stem


def _store(args: argparse.Namespace, out: Path) -> Path:
    """Face crops are shared by all runs that lie side by side."""
    return args.store or out.parent / "crops"


def _say(text: object) -> int:
    sys.stdout.write(f"{text}\n")
    return 0


# --- commands ------------------------------------------------------------------------------------------------------


def _train(args: argparse.Namespace) -> int:
    from core.training import cli_api

    config, out = _existing(args.config), _out(args, args.config)
    return _say(cli_api.run(config, data=media_folder(args), out=out, store=_store(args, out), resume=not args.fresh))


def _generators(args: argparse.Namespace) -> int:
    from core.training import cli_api

    config, out = _existing(args.config), _out(args, args.config)
    made = cli_api.generators(config, data=media_folder(args), store=_store(args, out))
    return _say("\n".join(str(file) for file in made) or "All generators are there.")


def _export(args: argparse.Namespace) -> int:
    from core.training import cli_api

    return _say(cli_api.export(_existing(args.config), out=_out(args, args.config)).weights.file)


def _calibrate(args: argparse.Namespace) -> int:
    from core.training import cli_api

    config, out = _existing(args.config), _out(args, args.config)
    fit = cli_api.calibrate(config, data=media_folder(args), store=_store(args, out)).calibration
    return _say(fit.name if fit else "not calibrated")


def _evaluate(args: argparse.Namespace) -> int:
    from core.training import cli_api

    if len(args.configs) > 1 and (args.out or args.html):
        raise ConfigError("--out and --html belong to one detector.", hint="Leave them out, or name one configuration.")
    data = media_folder(args)
    for config in [_existing(path) for path in args.configs]:
        out = _out(args, config)
        card = cli_api.evaluate(config, data=data, store=_store(args, out), html=args.html or out / "report.html")
        for m in card.measured:
            _say(f"{m.name} {m.value:.3f} [{m.low:.3f}, {m.high:.3f}] n={m.n} {m.dataset}")
    return 0


def _sheets(args: argparse.Namespace) -> int:
    from core.training import cli_api

    config, out = _existing(args.config), _out(args, args.config)
    written = cli_api.sheets(config, data=media_folder(args), store=_store(args, out), out=out / "sheets")
    return _say("\n".join(str(path) for path in written))


def _leave_one_out(args: argparse.Namespace) -> int:
    from core.training import cli_api

    config, out = _existing(args.config), _out(args, args.config)
    return _say(
        cli_api.leave_one_out(
            config, data=media_folder(args), out=out, store=_store(args, out), epochs=args.epochs, methods=args.methods
        )
    )


def _compare(args: argparse.Namespace) -> int:
    from core.training import cli_api

    return _say(cli_api.compare([_existing(path) for path in args.configs], ensemble=args.ensemble, html=args.html))


def _thresholds(args: argparse.Namespace) -> int:
    from core.training import cli_api

    return _say(
        cli_api.thresholds(
            args.ensemble,
            data=media_folder(args),
            store=args.store or _RUNS / "crops",
            **rates(args),
            never_real=args.never_real,
        )
    )


def _measure_public(args: argparse.Namespace) -> int:
    from core.training import cli_api

    return _say(cli_api.measure_public(data=media_folder(args), command="python -m core.cli measure-public"))


def _tts(args: argparse.Namespace) -> int:
    from core.training.tts import FOLDER, speak

    return _say("\n".join(f"{name}: {count}" for name, count in speak(args.store / FOLDER).items()))


def _data_report(args: argparse.Namespace) -> int:
    from core.training import cli_api

    text, ok = cli_api.data_report(media_folder(args), json_file=args.json)
    _say(text)
    return 0 if ok else 1
