"""``weights``: what is there of the detectors' weights, how to get the rest, and whether they are the right ones."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.commands.common import Commands, printable
from core.errors import NotFoundError, WorkbenchError

if TYPE_CHECKING:
    from core.settings import Settings
    from core.weights.manage import Entry

_EVERY_S = 0.2


def add(commands: Commands) -> None:
    parser = commands.add_parser("weights", help="list, download, add and check weights")
    kinds = parser.add_subparsers(dest="weights_command", required=True, metavar="COMMAND")
    every = kinds.add_parser("list", help="all detectors: what is here, what is missing")
    every.add_argument("--json", action="store_true", help="as JSON")
    every.set_defaults(run=_list)
    info = kinds.add_parser("info", help="everything about one detector's weights")
    info.add_argument("id", metavar="ID", help="a detector of configs/detectors")
    info.set_defaults(run=_info)
    pull = kinds.add_parser("pull", help="download weights that are not here")
    pull.add_argument("ids", nargs="+", metavar="ID", help="detectors")
    pull.add_argument("--accept-licence", action="store_true", help="accept licences that forbid commercial use")
    pull.add_argument("--trust", action="store_true", help="vouch for files whose hash nobody has published")
    pull.set_defaults(run=_pull)
    verify = kinds.add_parser("verify", help="hash the files again")
    verify.add_argument("ids", nargs="*", metavar="ID", help="detectors (all whose files are here)")
    verify.set_defaults(run=_verify)
    _add_local(kinds)


def _add_local(kinds: Commands) -> None:
    take = kinds.add_parser("add", help="take a file that you have")
    take.add_argument("file", type=Path, metavar="FILE", help="weights file; it is copied")
    take.add_argument("--as", dest="id", required=True, metavar="ID", help="the detector it belongs to")
    take.add_argument("--trust", action="store_true", help="vouch for it though its hash is not on the card")
    take.set_defaults(run=_add)
    convert = kinds.add_parser("convert", help="write a checkpoint as safetensors, bit for bit the same")
    convert.add_argument("source", metavar="FILE_OR_ID", help="a checkpoint, or a detector whose file is here")
    convert.add_argument("--out", type=Path, metavar="FILE", help="file to write (FILE with .safetensors, here)")
    convert.add_argument("--root", metavar="NAME", help="where in the checkpoint the weights are, parts joined by dots")
    convert.set_defaults(run=_convert)


def _settings() -> Settings:
    from core.settings import build_settings

    return build_settings()


def _say(text: str = "") -> None:
    sys.stdout.write(printable_lines(text) + "\n")


def printable_lines(text: str) -> str:
    return "\n".join(printable(line) for line in text.split("\n"))


# --- list and info -------------------------------------------------------------------------------------------------


def _list(args: argparse.Namespace) -> int:
    from core.weights.manage import overview

    settings = _settings()
    entries = overview(settings)
    if args.json:
        sys.stdout.write(json.dumps([_facts(item, settings) for item in entries], indent=2) + "\n")
        return 0
    rows = [("ID", "STATE", "SIZE", "WHERE", "LICENCE"), *(_row(item, settings) for item in entries)]
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    if settings.weights_dir is not None and not settings.weights_dir.is_dir():
        sys.stderr.write(
            printable(f"UNMASK_WEIGHTS_DIR names a folder that is not there: {settings.weights_dir}") + "\n"
        )
    for row in rows:
        _say("  ".join([*(text.ljust(width) for text, width in zip(row, widths, strict=False)), row[4]]).rstrip())
    return 0


def _row(item: Entry, settings: Settings) -> tuple[str, str, str, str, str]:
    from core import wording
    from core.weights.manage import place

    if item.card is None:
        return item.id, "card is wrong", "", "", item.error.message.splitlines()[0] if item.error else ""
    licence = item.card.weights.licence.split(";")[0]
    note = " (not for commercial use)" if item.card.weights.non_commercial else ""
    places = ", ".join(dict.fromkeys(place(found, settings) for found in item.found if found.path))
    return item.id, item.presence.value, wording.size(item.size_bytes), places or "–", licence + note


def _facts(item: Entry, settings: Settings) -> dict[str, Any]:
    if item.card is None:
        return {"id": item.id, "error": item.error.to_dict() if item.error else None}
    weights = item.card.weights
    return {
        "id": item.id,
        "title": item.card.title,
        "state": item.presence.value,
        "size_bytes": item.size_bytes,
        "licence": weights.licence,
        "non_commercial": weights.non_commercial,
        "trained_on": weights.trained_on,
        "how_to_get": weights.how_to_get,
        "format": weights.format,
        "key_map": weights.key_map,
        "files": [
            {
                "file": found.file.file,
                "state": found.presence.value,
                "path": str(found.path) if found.path else None,
                "size_bytes": found.file.size_bytes,
                "sha256": found.file.sha256 or None,
                "sha256_here": found.sha256,
                "urls": [*((found.file.url,) if found.file.url else ()), *found.file.urls],
            }
            for found in item.found
        ],
    }


def _info(args: argparse.Namespace) -> int:
    from core import wording
    from core.weights.manage import addresses, entry

    item = entry(args.id, _settings())
    card = item.card
    assert card is not None, "entry() gives a card or raises"
    _say(f"{card.title} ({card.id}): {item.presence.value}\n{card.summary}\n")
    commercial = "; not for commercial use" if card.weights.non_commercial else ""
    _say(f"licence      {card.weights.licence}{commercial}\ntrained on   {card.weights.trained_on}")
    _say(f"format       {card.weights.format}, key map {card.weights.key_map or 'same names'}")
    _say(f"how to get   {card.weights.how_to_get}")
    for found in item.found:
        _say(f"\n{found.file.file}: {found.presence.value}, {wording.size(found.file.size_bytes)}")
        _say(f"  sha256     {found.file.sha256 or 'not published'}")
        if found.path is not None:
            here = "" if found.sha256 == found.file.sha256 else f" (sha256 {found.sha256 or 'cannot be read'})"
            _say(f"  here       {found.path}{here}")
        for url in addresses(found.file):
            _say(f"  from       {url}")
    for name, value in card.reported.items():
        _say(f"reported     {name}: {value}")
    for m in card.measured:
        _say(f"measured     {m.name} {m.value:.3f} [{m.low:.3f}, {m.high:.3f}] n={m.n} {m.dataset}")
    return 0


# --- pull, add, verify, convert ------------------------------------------------------------------------------------


def _pull(args: argparse.Namespace) -> int:
    from core.registry import card

    settings, failed = _settings(), 0
    cards = [card(name) for name in args.ids]
    for item in cards:
        try:
            _pull_one(item, settings, args)
        except WorkbenchError as error:
            sys.stderr.write(f"{item.id}: {error.message}\n{error.hint}\n")
            failed += 1
    return 1 if failed else 0


def _pull_one(card: Any, settings: Settings, args: argparse.Namespace) -> None:
    from core.weights.manage import pull

    bar = _Bar(card.id)
    sys.stderr.write(printable(f"{card.id}: licence {card.weights.licence}") + "\n")
    for item in card.weights, *card.weights.more:
        sys.stderr.write(printable(f"{card.id}: {item.file}, sha256 {item.sha256 or 'not published'}") + "\n")
    try:
        found = pull(
            card,
            settings,
            accept_licence=args.accept_licence,
            trust=args.trust,
            on_progress=bar,
            on_wait=lambda: bar.note("another process is downloading it; waiting"),
        )
    finally:
        bar.end()
    for one in found:
        _say(f"{card.id}: {one.file.file} {one.presence.value}, sha256 {one.sha256}")


class _Bar:
    """Progress on standard error: one line that is rewritten on a terminal, else a line every tenth."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._live = sys.stderr.isatty()
        self._last = 0.0
        self._tenth = -1

    def __call__(self, file: str, here: int, total: int | None) -> None:
        share = f" of {total / 1e6:.1f} MB, {here / total:.0%}" if total else " MB"
        text = f"{file} {here / 1e6:.1f}{share}"
        tenth = 10 * here // total if total else here // 50_000_000
        if self._live and (time.monotonic() - self._last > _EVERY_S or here == total):
            self._last = time.monotonic()
            sys.stderr.write(f"\r\033[K{printable(f'{self._name}: {text}')}")
            sys.stderr.flush()
        elif not self._live and tenth != self._tenth:
            self.note(text)
        self._tenth = tenth

    def note(self, text: str) -> None:
        sys.stderr.write(printable(f"{self._name}: {text}") + "\n")
        sys.stderr.flush()

    def end(self) -> None:
        if self._live and self._last:
            sys.stderr.write("\n")


def _add(args: argparse.Namespace) -> int:
    from core.registry import card
    from core.weights.manage import add

    found = add(args.file, card(args.id), _settings(), trust=args.trust)
    _say(f"{args.id}: {found.file.file} {found.presence.value}, sha256 {found.sha256}")
    return 0


def _verify(args: argparse.Namespace) -> int:
    from core.weights.files import Presence
    from core.weights.manage import verify

    failed = 0
    for name, found, wrong in verify(args.ids, _settings()):
        left_out = found.presence is Presence.MISSING and not args.ids
        failed += bool(wrong) and not left_out
        _say(f"{name}: {found.file.file} {wrong or f'{found.presence.value}, sha256 {found.sha256}'}")
    return 1 if failed else 0


def _convert(args: argparse.Namespace) -> int:
    from core.weights.states import convert

    source = _source(args.source)
    out = args.out or Path(f"{source.stem}.safetensors")
    done = convert(source, out, tuple(args.root.split(".")) if args.root else None)
    _say(f"{done.path}: {done.tensors} tensor{'s' if done.tensors > 1 else ''}, the same bit for bit")
    _say(f"sha256 {done.sha256} (of the original: {done.source_sha256})")
    if done.left_out:
        _say(f"not weights, left out: {', '.join(done.left_out[:10])} ({len(done.left_out)} in all)")
    return 0


def _source(text: str) -> Path:
    """A file, or the verified file of a detector."""
    from core.registry import card, detector_ids
    from core.weights.files import verified

    if Path(text).is_file():
        return Path(text)
    if text in detector_ids():
        return verified(card(text), _settings())
    raise NotFoundError(
        f"There is no file and no detector {text!r}.", hint="For detectors: python -m core.cli weights list"
    )
