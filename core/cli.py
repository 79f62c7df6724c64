"""Command line: ``python -m core.cli analyse FILES… --json OUT.jsonl``; ``--help`` lists all commands.

Exit codes: 0 everything worked, 1 something failed (each failure was said), 2 wrong usage, 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import argparse
import io
import logging
import os
import sys
from collections.abc import Sequence

from core import __version__
from core.commands import analyse, batch, doctor, learning, password, presets, schema, training, verify, weights
from core.errors import WorkbenchError

OK, FAILED, USAGE, STOPPED = 0, 1, 2, 130


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m core.cli", description="Tell how likely a picture, clip or voice is a deepfake, and show why."
    )
    parser.add_argument("--version", action="version", version=f"Unmask {__version__}")
    parser.add_argument("-v", "--verbose", action="store_true", help="log every step to standard error")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for module in (analyse, batch, verify, training, learning, presets, weights, doctor, password, schema):
        module.add(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; every expected failure ends as a message and a hint."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    args = build_parser().parse_args(argv)
    _log(args.verbose)
    try:
        return int(args.run(args))
    except WorkbenchError as error:
        sys.stderr.write(f"{error.message}\n{error.hint}\n")
        return USAGE if error.code in ("config", "not_found") else FAILED
    except KeyboardInterrupt:
        sys.stderr.write("\nStopped.\n")
        return STOPPED
    except BrokenPipeError:
        # Whoever read the output went away; what is still buffered has nowhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED


def _log(verbose: bool) -> None:
    from core import logs

    logs.configure(logging.INFO if verbose else logging.ERROR)


if __name__ == "__main__":
    sys.exit(main())
