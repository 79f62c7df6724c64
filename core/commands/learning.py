"""``finetune`` and ``labels``: from people's labels to better weights, and out of the program."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from core.commands.common import Commands, add_data, data_root
from core.errors import NotFoundError


def add(commands: Commands) -> None:
    tune = commands.add_parser("finetune", help="teach a detector what people said, and go back from it")
    kinds = tune.add_subparsers(dest="finetune_command", required=True, metavar="COMMAND")
    run = kinds.add_parser("run", help="fine-tune on the labels of the history; used only if it is better")
    run.add_argument("detector", metavar="ID")
    add_data(run)
    run.add_argument("--store", type=Path, default=Path("runs/crops"), metavar="FOLDER", help="face crops (runs/crops)")
    run.add_argument("--sole-reviewer", action="store_true", help="accept that one person gave all labels")
    run.set_defaults(run=_run, verbose=True)
    history = kinds.add_parser("history", help="all versions of a detector and what they came to")
    history.add_argument("detector", metavar="ID")
    history.set_defaults(run=_history)
    back = kinds.add_parser("rollback", help="go back to the version before")
    back.add_argument("detector", metavar="ID")
    back.set_defaults(run=_rollback)
    use = kinds.add_parser("use", help="put a version to use; 'shipped' for the weights of the program")
    use.add_argument("detector", metavar="ID")
    use.add_argument("version", metavar="VERSION")
    use.set_defaults(run=_use)
    _add_labels(commands)


def _add_labels(commands: Commands) -> None:
    labels = commands.add_parser("labels", help="labels that people gave")
    kinds = labels.add_subparsers(dest="labels_command", required=True, metavar="COMMAND")
    export = kinds.add_parser("export", help="write them as .jsonl or .csv, or as a data-set folder with the media")
    export.add_argument("target", type=Path, metavar="TARGET", help="a file .jsonl or .csv, or a folder")
    export.set_defaults(run=_export)


def training_file(detector_id: str) -> Path:
    """The training configuration of a detector.

    Raises:
        NotFoundError: it has none, so it cannot be taught.
    """
    from core.settings import CONFIGS

    path = CONFIGS / "training" / f"{detector_id}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in path.parent.glob("*.yaml")))
        raise NotFoundError(f"'{detector_id}' cannot be fine-tuned.", hint=f"These can: {known}.")
    return path


def _run(args: argparse.Namespace) -> int:
    from core.settings import build_settings
    from core.training.config import read_config
    from core.training.feedback.promotion import Places, finetune

    config = read_config(training_file(args.detector))
    places = Places(data_root(args.data), args.store)
    found = finetune(config, places, build_settings(), sole_reviewer=args.sole_reviewer)
    verb = "is used from now on" if found.promoted else "is not used"
    sys.stdout.write(f"Version {found.number} of {args.detector} {verb}: {found.reason}.\n")
    return 0


def _history(args: argparse.Namespace) -> int:
    from core.settings import build_settings
    from core.weights.versions import current, versions

    settings = build_settings()
    for one in versions(args.detector, settings):
        mark = "*" if one.current else " "
        sys.stdout.write(f"{mark} {one.number}  {one.report.get('made_at', '')}  {one.report.get('reason', '')}\n")
    sys.stdout.write(f"In use: {current(args.detector, settings)}\n")
    return 0


def _rollback(args: argparse.Namespace) -> int:
    from core.settings import build_settings
    from core.weights.versions import rollback

    sys.stdout.write(f"In use again: {rollback(args.detector, build_settings())}\n")
    return 0


def _use(args: argparse.Namespace) -> int:
    from core.settings import build_settings
    from core.weights.versions import use

    use(args.detector, args.version, build_settings())
    sys.stdout.write(f"In use: {args.version}\n")
    return 0


def _export(args: argparse.Namespace) -> int:
    from core.settings import build_settings
    from core.store.label_export import export_labels

    count = export_labels(build_settings(), args.target)
    sys.stdout.write(f"{count} labels in {args.target}\n")
    return 0
