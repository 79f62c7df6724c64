"""``data report``: what a collection holds and whether its splits are clean.

Errors (the command ends with exit code 1): files missing, altered or unreadable; the same file, or pictures that look
the same, in two splits; one file with both labels. Identities in two splits are warned of: names tell them only
roughly, and some collections divide by clip officially.
"""

from __future__ import annotations

import json
import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from core.training.data.manifest import Item
from core.training.data.readers.base import need_folder, sha256_of
from core.training.data.readers.table import read_table
from core.training.data.signatures import NEAR_BITS, near_pairs, pictures_of, signature

log = logging.getLogger(__name__)
_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Count:
    split: str
    modality: str
    label: str
    method: str
    source: str
    n: int


@dataclass(frozen=True, slots=True)
class Balance:
    """Reals and fakes of one modality in one split. ``methods`` is the number of equally frequent methods that would
    be as diverse as the fakes are (exponential of the Shannon entropy; 0 without fakes)."""

    split: str
    modality: str
    real: int
    fake: int
    methods: float


@dataclass(frozen=True, slots=True)
class Alike:
    """Files that are the same, or look the same: their paths, splits and labels, and ``bits`` of 128 in which their
    pictures differ (0 where the bytes are equal)."""

    paths: tuple[str, ...]
    splits: tuple[str, ...]
    labels: tuple[str, ...]
    bits: int = 0

    @property
    def across(self) -> bool:
        return len(set(self.splits)) > 1

    @property
    def contradicts(self) -> bool:
        return len(set(self.labels)) > 1


@dataclass(frozen=True, slots=True)
class SharedIdentity:
    """An identity with files in more than one split."""

    identity: str
    files: dict[str, int]


@dataclass(frozen=True, slots=True)
class Report:
    """What was found; ``near`` holds pairs of which the bytes differ. ``left_out`` are paths of files that no command
    uses; nothing else here counts them."""

    files: int
    counts: tuple[Count, ...]
    licences: dict[str, int]
    balance: tuple[Balance, ...]
    missing: tuple[str, ...]
    altered: tuple[str, ...]
    unreadable: tuple[str, ...]
    exact: tuple[Alike, ...]
    near: tuple[Alike, ...]
    shared_identities: tuple[SharedIdentity, ...]
    left_out: tuple[str, ...] = ()

    @property
    def errors(self) -> tuple[str, ...]:
        """What has to be mended before figures from these splits mean anything."""
        found = (
            (len(self.missing), "files are missing"),
            (len(self.altered), "files are not those of the manifest (sha256)"),
            (len(self.unreadable), "files cannot be decoded"),
            (sum(one.across for one in self.exact), "files stand in more than one split"),
            (sum(one.across for one in self.near), "pairs in different splits look the same"),
            (sum(one.contradicts for one in self.exact), "files are labelled both real and fake"),
        )
        return tuple(f"{n} {what}" for n, what in found if n)

    @property
    def ok(self) -> bool:
        return not self.errors


def run(manifest: Path, root: Path, left_out: Collection[str] = ()) -> Report:
    """Read a manifest, every file it names, and report.

    Args:
        manifest: a ``manifest.csv`` (see :mod:`core.training.data.readers.table`).
        root: the folder its paths are relative to.
        left_out: sha256 of files that stand in the manifest and that no command uses.

    Raises:
        ConfigError: the manifest is wrong or the folder is not there.
    """
    need_folder(root, "data report")
    items = read_table(manifest)
    report = examine(root, [one for one in items if one.sha256 not in left_out])
    return replace(report, left_out=tuple(one.path for one in items if one.sha256 in left_out))


def examine(root: Path, items: Sequence[Item]) -> Report:
    """The report on ``items``, whose files lie in ``root``."""
    present = [one for one in items if (root / one.path).is_file()]
    altered, unreadable = [], []
    owners: list[int] = []
    hashes: list[tuple[int, int]] = []
    for number, one in enumerate(present):
        if sha256_of(root / one.path) != one.sha256:
            altered.append(one.path)
        try:
            found = _signatures(root, one)
        except ValueError:
            unreadable.append(one.path)
            continue
        owners.extend([number] * len(found))
        hashes.extend(found)
        if number % 1000 == 999:
            log.info("data report: %d of %d files", number + 1, len(present))
    missing = [one.path for one in items if not (root / one.path).is_file()]
    return Report(
        files=len(items),
        counts=_counts(items),
        licences=dict(Counter(one.licence or "not stated" for one in items).most_common()),
        balance=_balance(items),
        missing=tuple(missing),
        altered=tuple(altered),
        unreadable=tuple(unreadable),
        exact=_exact(items),
        near=_near(present, owners, hashes),
        shared_identities=_shared(items),
    )


def _signatures(root: Path, one: Item) -> list[tuple[int, int]]:
    if one.modality == "audio":
        return []
    made = (signature(picture) for picture in pictures_of(root / one.path, one.modality))
    return [each for each in made if each is not None]


def _label(one: Item) -> str:
    return "fake" if one.fake else "real"


def _grouped(items: Iterable[Item], key: Callable[[Item], Hashable]) -> dict[Hashable, list[Item]]:
    groups: dict[Hashable, list[Item]] = defaultdict(list)
    for one in items:
        groups[key(one)].append(one)
    return groups


def _counts(items: Sequence[Item]) -> tuple[Count, ...]:
    cells = Counter((one.split, one.modality, _label(one), one.method, one.source) for one in items)
    return tuple(Count(*cell, n) for cell, n in sorted(cells.items()))


def _balance(items: Sequence[Item]) -> tuple[Balance, ...]:
    rows = []
    for group in _grouped(items, lambda one: (one.split, one.modality)).values():
        methods = np.array(list(Counter(one.method for one in group if one.fake).values()), dtype=np.float64)
        fakes = int(methods.sum())
        share = methods / max(fakes, 1)
        diverse = float(np.exp(-(share * np.log(share)).sum())) if fakes else 0.0
        rows.append(Balance(group[0].split, group[0].modality, len(group) - fakes, fakes, round(diverse, 2)))
    return tuple(sorted(rows, key=lambda row: (row.split, row.modality)))


def _alike(group: Sequence[Item], bits: int = 0) -> Alike:
    return Alike(
        tuple(one.path for one in group),
        tuple(one.split for one in group),
        tuple(_label(one) for one in group),
        bits,
    )


def _exact(items: Sequence[Item]) -> tuple[Alike, ...]:
    groups = _grouped(items, lambda one: one.sha256).values()
    return tuple(_alike(sorted(group, key=lambda one: one.path)) for group in groups if len(group) > 1)


def _near(items: Sequence[Item], owners: Sequence[int], hashes: Sequence[tuple[int, int]]) -> tuple[Alike, ...]:
    pairs = near_pairs(owners, np.array(hashes, dtype=np.uint64).reshape(-1, 2), NEAR_BITS)
    return tuple(
        _alike([items[pair.first], items[pair.second]], pair.difference_bits + pair.dct_bits)
        for pair in pairs
        if items[pair.first].sha256 != items[pair.second].sha256
    )


def _shared(items: Sequence[Item]) -> tuple[SharedIdentity, ...]:
    found = []
    for name, group in sorted(_grouped(items, lambda one: one.identity).items(), key=lambda entry: str(entry[0])):
        files = Counter(one.split for one in group)
        if len(files) > 1:
            found.append(SharedIdentity(str(name), dict(sorted(files.items()))))
    return tuple(found)


# --- rendering ---------------------------------------------------------------------------------------------------


def to_json(report: Report) -> str:
    """The report as JSON, with its errors and ``ok``."""
    facts = asdict(report) | {"errors": report.errors, "ok": report.ok}
    return json.dumps(facts, ensure_ascii=False, indent=1, sort_keys=True)


def to_text(report: Report) -> str:
    """The report as text for a terminal."""
    lines = [f"{report.files} files", ""]
    lines += _table(
        ("split", "modality", "real", "fake", "methods (effective)"),
        [(b.split, b.modality, str(b.real), str(b.fake), f"{b.methods:g}") for b in report.balance],
    )
    lines += ["", *_table(("n", "licence"), [(str(n), name) for name, n in report.licences.items()]), ""]
    lines += _table(
        ("split", "modality", "label", "method", "source", "n"),
        [(c.split, c.modality, c.label, c.method, c.source, str(c.n)) for c in report.counts],
    )
    lines += _listed("left out (people of another split)", report.left_out)
    lines += _listed("missing", report.missing)
    lines += _listed("not the file of the manifest", report.altered)
    lines += _listed("cannot be decoded", report.unreadable)
    lines += _listed("same file", [_pair_line(one) for one in _worst_first(report.exact)])
    lines += _listed("looks the same", [_pair_line(one) for one in _worst_first(report.near)])
    shared = [f"{one.identity}: " + ", ".join(f"{n} in {s}" for s, n in one.files.items()) for one in _many(report)]
    lines += _listed("identity in more than one split (warning)", shared)
    lines += ["", *(f"ERROR: {error}." for error in report.errors)] if report.errors else ["", "No errors."]
    return "\n".join(lines)


def _many(report: Report) -> list[SharedIdentity]:
    return sorted(report.shared_identities, key=lambda one: (-sum(one.files.values()), one.identity))


def _worst_first(found: Sequence[Alike]) -> list[Alike]:
    return sorted(found, key=lambda one: (not one.across, not one.contradicts, one.bits, one.paths))


def _pair_line(one: Alike) -> str:
    note = " ← different splits" * one.across + " ← different labels" * one.contradicts
    return f"{' = '.join(one.paths)} ({one.bits} bits){note}"


def _listed(title: str, entries: Sequence[str]) -> list[str]:
    if not entries:
        return []
    rest = [f"  … and {len(entries) - _SHOWN} more"] if len(entries) > _SHOWN else []
    return ["", f"{title}: {len(entries)}", *(f"  {entry}" for entry in entries[:_SHOWN]), *rest]


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[i]) for row in (header, *rows)) for i in range(len(header))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (header, *rows)
    ]
