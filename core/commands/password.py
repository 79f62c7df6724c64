"""``password``: a hash for the login of the workbench."""

from __future__ import annotations

import argparse
import getpass
import sys

from core.commands.common import Commands
from core.passwords import hash_password


def add(commands: Commands) -> None:
    parser = commands.add_parser("password", help="turn a password into a hash for the setting workbench.login")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """The password is asked for, or read from standard input where that is no terminal; it never is an argument."""
    word = getpass.getpass("Password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\r\n")
    sys.stdout.write(f"{hash_password(word)}\n")
    return 0
