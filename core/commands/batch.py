"""``batch``: folders and lists of files to one table, resumable."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.commands.common import Commands, printable
from core.errors import ConfigError, NotFoundError

if TYPE_CHECKING:
    from core.settings import Settings


def add(commands: Commands) -> None:
    parser = commands.add_parser(
        "batch",
        help="analyse many files into one table",
        description="Analyse all files of folders and lists and write one row a file to a table, also for a file that "
        "fails. What is done is kept beside the table: the same command goes on where it was stopped. The exit code is "
        "0 only if all files were analysed.",
    )
    parser.add_argument("sources", nargs="*", type=Path, metavar="FILE", help="file, or folder with all that is in it")
    parser.add_argument("--list", type=Path, metavar="FILE", help="text file that names one file a line")
    parser.add_argument("--out", type=Path, required=True, metavar="TABLE", help="table: .parquet, .csv or .jsonl")
    parser.add_argument("--workers", type=int, default=0, metavar="N", help="processes; 0 is one for every two cores")
    parser.add_argument("--engine", choices=["local", "ray"], default="local", help="this machine, or a Ray cluster")
    parser.add_argument("--address", default="auto", help="of the Ray cluster; 'local' starts one here")
    parser.add_argument("--retries", type=int, default=2, metavar="N", help="for a file that kills its process")
    parser.add_argument("--preset", help="ensemble to use (configs/ensembles)")
    parser.add_argument("--device", help="auto, cpu, cuda, cuda:0 or mps")
    parser.add_argument("--fresh", action="store_true", help="forget what was done before")
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from core.batch.manifest import Manifest
    from core.batch.many import analyse_many
    from core.batch.output import write, writer_for
    from core.store.files import encodable

    writer_for(args.out)
    settings = _settings(args)
    paths = list(dict.fromkeys(_files(args)))
    manifest = Manifest(args.out.with_name(f"{args.out.name}.manifest.jsonl"), settings, fresh=args.fresh)
    todo = [path for path in paths if manifest.done(path) is None]
    known = {encodable(str(path)): path for path in todo}
    workers = args.workers or max(1, (os.cpu_count() or 1) // 2)
    report = _Report(len(paths), len(paths) - len(todo), quiet=args.quiet)
    rows = analyse_many(todo, settings, workers=workers, engine=args.engine, address=args.address, retries=args.retries)
    try:
        for row in rows:
            manifest.add(known[str(row["path"])], row)
            report.one(str(row["path"]), row["status"] == "ok")
    finally:
        manifest.close()
        done = manifest.rows(paths)
        write(args.out, done)
    report.end()
    return 0 if len(done) == len(paths) and all(row["status"] == "ok" for row in done) else 1


def _settings(args: argparse.Namespace) -> Settings:
    from core.registry import ensemble
    from core.settings import build_settings

    wanted: dict[str, Any] = {"preset": args.preset} if args.preset else {}
    settings = build_settings(**wanted, **({"runtime": {"device": args.device}} if args.device else {}))
    ensemble(settings.preset)
    return settings


def _files(args: argparse.Namespace) -> Iterator[Path]:
    """All files that were named, absolute, folders in order of name; hidden ones only where named."""
    sources = [*args.sources, *(_listed(args.list) if args.list else ())]
    if not sources:
        raise ConfigError("There is nothing to analyse.", hint="Name files or folders, or give a list with --list.")
    skip = {args.out.absolute(), args.out.absolute().with_name(f"{args.out.name}.manifest.jsonl")}
    for source in sources:
        if not source.is_dir():
            yield source.absolute()
            continue
        for place, folders, names in os.walk(source.absolute()):
            folders[:] = sorted(f for f in folders if not f.startswith("."))
            inside = (Path(place, name) for name in sorted(names) if not name.startswith("."))
            yield from (path for path in inside if path not in skip)


def _listed(path: Path) -> list[Path]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as exc:
        raise NotFoundError(
            f"The list '{printable(path.name)}' cannot be read.", hint="Give a text file (UTF-8) with one path a line."
        ) from exc
    return [path.parent / line.strip() for line in lines if line.strip() and not line.startswith("#")]


class _Report:
    """How far things are, on standard error: one line that is rewritten on a terminal, else a line now and then."""

    def __init__(self, total: int, before: int, *, quiet: bool) -> None:
        self._total, self._before, self._quiet = total, before, quiet
        self._done = self._failed = 0
        self._start = self._told = time.monotonic()
        if before:
            self._say(f"{before} of {total} files are done already\n")

    def one(self, path: str, ok: bool) -> None:
        self._done += 1
        self._failed += not ok
        if not ok:
            self._say(f"{printable(Path(path).name)} failed\n")
        if sys.stderr.isatty() or time.monotonic() - self._told > 10:
            self._told = time.monotonic()
            self._say(self._line() + ("\r" if sys.stderr.isatty() else "\n"))

    def end(self) -> None:
        self._say(self._line() + "\n")

    def _line(self) -> str:
        rate = self._done / max(time.monotonic() - self._start, 1e-6)
        return f"{self._before + self._done} of {self._total} files, {self._failed} failed, {3600 * rate:.0f} an hour"

    def _say(self, text: str) -> None:
        if not self._quiet:
            sys.stderr.write(text)
            sys.stderr.flush()
