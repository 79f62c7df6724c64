"""``analyse``: one JSON line a file, also for a file that fails."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from core.commands.common import Commands, fraction, printable
from core.commands.reporting import check_target, write_report
from core.errors import ConfigError, StorageError, WorkbenchError

if TYPE_CHECKING:
    from core.settings import Settings
    from core.types import Analysis, Progress, Thresholds

_ROW = ("id", "preset", "verdict", "scores", "people", "warnings", "timings")


def add(commands: Commands) -> None:
    parser = commands.add_parser(
        "analyse",
        help="analyse files; one JSON line a file",
        description="Analyse files and write one JSON line for each, in order. Progress goes to standard error. The "
        "exit code is 0 only if all of them were analysed.",
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="image, video or audio file")
    parser.add_argument("--json", default="-", metavar="OUT", help="file for the lines; - is standard output (default)")
    parser.add_argument("--full", action="store_true", help="put the whole analysis on the line, under 'analysis'")
    parser.add_argument(
        "--report",
        metavar="FILE",
        help="also write a report on all files: .pdf, .html, .json, .csv, or .zip (evidence)",
    )
    parser.add_argument("--preset", help="ensemble to use (configs/ensembles)")
    parser.add_argument("--threshold-fake", type=fraction, metavar="P", help="P(fake) from which on it reads fake")
    parser.add_argument("--threshold-real", type=fraction, metavar="P", help="P(fake) up to which it reads real")
    parser.add_argument("--device", help="auto, cpu, cuda, cuda:0 or mps")
    parser.add_argument("--no-cache", action="store_true", help="compute even if the result is known")
    parser.add_argument("--record", action="store_true", help="keep the analyses in the history")
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    settings = _settings(args)
    thresholds = _thresholds(args, settings)
    target = check_target(args.report, args.files) if args.report else None
    analyses: list[tuple[Path, Analysis]] = []
    done = failed = 0
    with _output(args.json, args.files) as out:
        try:
            for place, path in enumerate(args.files, start=1):
                report = _Report(f"[{place}/{len(args.files)}] {printable(path.name)}", quiet=args.quiet)
                row = _row(path, settings, thresholds, report, args, analyses)
                out.write(json.dumps(row, allow_nan=False) + "\n")
                out.flush()
                done += 1
                failed += row["status"] != "ok"
        except KeyboardInterrupt:
            sys.stderr.write(f"\nStopped; {done} of {len(args.files)} files are written.\n")
            return 130
    if target is not None and analyses:
        write_report(target, analyses, settings)
    return 1 if failed else 0


def _row(
    path: Path,
    settings: Settings,
    thresholds: Thresholds | None,
    report: _Report,
    args: argparse.Namespace,
    analyses: list[tuple[Path, Analysis]],
) -> dict[str, Any]:
    """The line of a file; its analysis is added to ``analyses``."""
    row: dict[str, Any] = {"path": str(path)}
    try:
        analysis = _analyse(path, settings, thresholds, report, record=args.record)
        data = _facts(analysis)
        analyses.append((path, analysis))
    except WorkbenchError as error:
        report.end(f"{error.message} {error.hint}")
        return {**row, "status": "error", "error": error.to_dict()}
    media = data["media"]
    row |= {"status": "ok", "kind": media["info"]["kind"], "sha256": media["sha256"]}
    row |= {name: data[name] for name in _ROW}
    return {**row, "analysis": data} if args.full else row


def _facts(analysis: Analysis) -> dict[str, Any]:
    from core import schema

    data: dict[str, Any] = json.loads(schema.dump(analysis))
    return data


def _analyse(
    path: Path, settings: Settings, thresholds: Thresholds | None, report: _Report, *, record: bool
) -> Analysis:
    from core.fusion.verdict import relabel
    from core.pipeline import analyse
    from core.wording import VERDICT_TITLES, percent

    analysis = analyse(path, settings, report)
    if thresholds is not None:
        analysis = relabel(analysis, thresholds)
    if record:
        from core.store.history import shared_store

        shared_store(settings).record(analysis, origin="cli")
    verdict = analysis.verdict
    report.end(f"{VERDICT_TITLES[verdict.label]}, P(fake) {percent(verdict.p_fake)}")
    return analysis


def _settings(args: argparse.Namespace) -> Settings:
    from core.registry import ensemble
    from core.settings import build_settings

    wanted: dict[str, Any] = {"preset": args.preset} if args.preset else {}
    if args.device:
        wanted["runtime"] = {"device": args.device}
    if args.no_cache:
        wanted["cache"] = {"enabled": False}
    settings = build_settings(**wanted)
    ensemble(settings.preset)
    return settings


def _thresholds(args: argparse.Namespace, settings: Settings) -> Thresholds | None:
    if args.threshold_fake is None and args.threshold_real is None:
        return None
    from core.registry import ensemble
    from core.types import Thresholds

    preset = ensemble(settings.preset).limits
    fake = preset.fake if args.threshold_fake is None else args.threshold_fake
    real = preset.real if args.threshold_real is None else args.threshold_real
    if real > fake:
        raise ConfigError(
            f"The threshold for real ({real:g}) is above the one for fake ({fake:g}).",
            hint="Give both --threshold-real and --threshold-fake, the first not above the second.",
        )
    return Thresholds(fake=fake, real=real)


@contextmanager
def _output(name: str, files: list[Path]) -> Iterator[TextIO]:
    if name == "-":
        yield sys.stdout
        return
    path = Path(name)
    if any(path.exists() and file.exists() and path.samefile(file) for file in files):
        raise ConfigError(f"'{printable(name)}' is one of the files to analyse.", hint="Give another file with --json.")
    try:
        out = path.open("w", encoding="utf-8")
    except OSError as exc:
        raise StorageError(
            f"The results cannot be written to '{printable(name)}': {exc.strerror}.",
            hint="Give a file in a folder that exists and is writable.",
        ) from exc
    with out:
        yield out


class _Report:
    """Progress of one file on standard error: one line that is rewritten on a terminal, else a line a stage."""

    def __init__(self, title: str, *, quiet: bool) -> None:
        self._title = title
        self._quiet = quiet
        self._live = sys.stderr.isatty()
        self._shown = ""

    def __call__(self, step: Progress) -> None:
        if self._live:
            self._say(f"{step.stage.value} {step.fraction:.0%}")
        elif step.stage.value != self._shown:
            self._shown = step.stage.value
            self._say(step.stage.value)

    def end(self, text: str) -> None:
        self._say(text)
        if self._live and not self._quiet:
            sys.stderr.write("\n")

    def _say(self, text: str) -> None:
        if not self._quiet:
            line = f"{self._title}: {text}"
            sys.stderr.write(f"\r\033[K{line}" if self._live else f"{line}\n")
            sys.stderr.flush()
