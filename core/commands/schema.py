"""``schema``: the JSON schema of an analysis."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from core.commands.common import Commands
from core.errors import StorageError


def add(commands: Commands) -> None:
    parser = commands.add_parser("schema", help="print the JSON schema of an analysis")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write it to a file instead")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from core.schema import schema_text

    if args.out is None:
        sys.stdout.write(schema_text())
        return 0
    try:
        args.out.write_text(schema_text(), encoding="utf-8")
    except OSError as exc:
        raise StorageError(
            f"The schema could not be written: {exc.strerror}.", hint="Check the path given with --out."
        ) from exc
    return 0
