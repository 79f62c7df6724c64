"""``data add``: take a folder of labelled media into the manifest that the trainers read."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from core.commands.common import Commands, add_data, data_root


def add(kinds: Commands) -> None:
    parser = kinds.add_parser("add", help="take a folder of labelled media into manifest.csv")
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="pictures, clips or recordings of one label")
    parser.add_argument("--label", choices=("real", "fake"), required=True)
    parser.add_argument("--source", required=True, metavar="NAME", help="a short name of where they come from")
    parser.add_argument("--licence", required=True, metavar="TEXT", help="licence or permission they are used under")
    parser.add_argument("--identity", default="", metavar="NAME", help="who they all show (else file names tell)")
    parser.add_argument("--method", default="", metavar="NAME", help="how fakes were made")
    parser.add_argument(
        "--split", choices=("train", "calib", "test"), default="train", help="what they are for (train)"
    )
    add_data(parser)
    parser.set_defaults(run=_run, verbose=True)


def _run(args: argparse.Namespace) -> int:
    from core.training.data.adding import Labelled, add_folder

    said = Labelled(
        args.folder, args.label == "fake", args.source, args.licence, args.identity, args.method, args.split
    )
    root = data_root(args.data)
    done = add_folder(root, said)
    sys.stdout.write(f"{done.added} files were taken into {root / 'manifest.csv'}; {done.known} were there already.\n")
    return 0
