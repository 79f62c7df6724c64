"""``verify``: is an evidence package as it was when it was made?"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from core.commands.common import Commands, printable


def add(commands: Commands) -> None:
    parser = commands.add_parser(
        "verify",
        help="check an evidence package",
        description="Check every file of an evidence package against the hashes in its manifest. The exit code is 0 "
        "only if all of them are there, unchanged, and nothing else is.",
    )
    parser.add_argument("package", type=Path, metavar="PACKAGE.zip")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from core.reports.package import verify_package

    found = verify_package(args.package)
    for problem in found.problems:
        sys.stdout.write(f"{printable(problem)}\n")
    state = "Unchanged" if found.ok else "NOT as it was made"
    sys.stdout.write(f"{state}: {found.good} files agree with the manifest, {len(found.problems)} problems.\n")
    sys.stdout.write(f"SHA-256 of manifest.json: {found.manifest_sha256}\n")
    return 0 if found.ok else 1
