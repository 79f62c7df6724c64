"""Detectors beside each other and beside their ensemble, from the scores that their evaluations kept."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from core.errors import ConfigError, NotFoundError
from core.fusion.fits import FusionFit
from core.registry import Ensemble
from core.training.fused import fused, fused_all
from core.training.results import Measured, Pair, Result, comparisons, from_facts, measures

ROUNDS = 500


@dataclass(frozen=True, slots=True, eq=False)
class HeldOut:
    """Scores of pictures of held-out people: float64[2 N] by pseudo-fake method, real and forged in turn."""

    identities: tuple[str, ...]
    seen: tuple[str, ...]
    p: Mapping[str, npt.NDArray[np.float64]]

    def result(self, name: str, methods: Sequence[str]) -> Result:
        """The pictures of ``methods`` as a result."""
        p = np.concatenate([self.p[m] for m in methods])
        fake = np.tile([False, True], len(p) // 2)
        who = tuple(np.tile(np.repeat(self.identities, 2), len(methods)).tolist())
        files = tuple(f"{m}/{i}" for m in methods for i in range(len(self.p[m])))
        kinds = tuple(files[i].split("/")[0] if fake[i] else "pristine" for i in range(len(p)))
        return Result(name, name, files, fake, p, kinds, groups=who)


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """One line of the comparison: a detector, or an ensemble (then ``members`` are named)."""

    id: str
    title: str
    files: Result
    held: HeldOut | None
    parameters: int | None
    size_bytes: int | None
    leave_one_out: Measured | None = None
    members: tuple[str, ...] = ()


# --- reading -------------------------------------------------------------------------------------------------------


def read_facts(detector: str, docs: Path) -> dict[str, Any] | None:
    """What the evaluation of a detector wrote; None where there is nothing, or no scores of faces, to compare.

    Raises:
        ConfigError: the file is damaged.
    """
    path = docs / f"{detector}.json"
    if not path.is_file():
        return None
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as exc:
        raise ConfigError(f"{path.name} is not readable JSON.", hint="Run the evaluation again.") from exc
    return facts if isinstance(facts, dict) and "held_out" in facts and "files" in facts else None


def read_entry(detector: str, docs: Path) -> Entry | None:
    """A measured detector; None where it was not measured."""
    facts = read_facts(detector, docs)
    if facts is None:
        return None
    held = facts["held_out"]
    p = {name: np.array(values, dtype=np.float64) for name, values in held["p_fake"].items()}
    return Entry(
        id=detector,
        title=str(facts.get("title", detector)),
        files=from_facts(facts),
        held=HeldOut(tuple(held["identities"]), tuple(held["seen"]), p),
        parameters=facts.get("parameters"),
        size_bytes=facts.get("size_bytes"),
        leave_one_out=_leave_one_out(docs / f"{detector}-leave-one-out.json"),
    )


def _leave_one_out(path: Path) -> Measured | None:
    if not path.is_file():
        return None
    facts = json.loads(path.read_text(encoding="utf-8")).get("mean")
    return None if facts is None else Measured("AUC", facts["value"], facts["low"], facts["high"], facts["n"], "mean")


def ensemble_entry(
    preset: Ensemble, asked: Sequence[str], entries: Mapping[str, Entry], fit: FusionFit | None = None
) -> Entry:
    """The preset's answers on the files that its members ``asked`` answered, put together by ``fit`` if it has one.

    Raises:
        NotFoundError: a member was not measured.
    """
    missing = [name for name in asked if name not in entries]
    if missing:
        raise NotFoundError(
            f"{', '.join(missing)} of the preset '{preset.id}' has no figures to compare.",
            hint="Measure it first: python -m core.cli evaluate CONFIG.",
        )
    members = [entries[name] for name in asked]
    return Entry(
        id=preset.id,
        title=preset.title,
        files=_fused_files(preset, members, fit),
        held=_fused_held(preset, members, fit),
        parameters=_sum([m.parameters for m in members]),
        size_bytes=_sum([m.size_bytes for m in members]),
        members=tuple(m.id for m in members),
    )


def _sum(values: Sequence[int | None]) -> int | None:
    known = [v for v in values if v is not None]
    return sum(known) if len(known) == len(values) else None


def _fused_files(preset: Ensemble, members: Sequence[Entry], fit: FusionFit | None) -> Result:
    answers = [dict(zip(m.files.files, m.files.p.tolist(), strict=True)) for m in members]
    of = {sha: (m.files, i) for m in members for i, sha in enumerate(m.files.files)}
    found = {sha: fused(preset, {m.id: a.get(sha) for m, a in zip(members, answers, strict=True)}, fit) for sha in of}
    kept = {sha: p for sha, p in found.items() if p is not None}
    slices = {
        kind: tuple(of[sha][0].slices[kind][of[sha][1]] for sha in kept)
        for kind in ("source", "modality")
        if all(kind in m.files.slices for m in members)
    }
    return Result(
        detector=preset.id,
        title=preset.title,
        files=tuple(kept),
        fake=np.array([of[sha][0].fake[of[sha][1]] for sha in kept], dtype=bool),
        p=np.array(list(kept.values()), dtype=np.float64),
        methods=tuple(of[sha][0].methods[of[sha][1]] for sha in kept),
        slices=slices,
        groups=tuple(of[sha][0].groups[of[sha][1]] for sha in kept) if all(m.files.groups for m in members) else (),
        threshold=preset.limits.fake,
    )


def _fused_held(preset: Ensemble, members: Sequence[Entry], fit: FusionFit | None) -> HeldOut | None:
    """None where the members did not look at the same pictures (another split)."""
    held = [m.held for m in members if m.held is not None]
    if len(held) < len(members) or len({h.identities for h in held}) > 1:
        return None
    common = sorted(set.intersection(*(set(h.p) for h in held)))
    p = {m: fused_all(preset, {e.id: h.p[m].tolist() for e, h in zip(members, held, strict=True)}, fit) for m in common}
    seen = sorted(set.intersection(*(set(h.seen) for h in held)) & set(common))
    return HeldOut(held[0].identities, tuple(seen), p)


# --- measures ------------------------------------------------------------------------------------------------------


def _kind(result: Result, modality: str) -> Result | None:
    chosen = np.asarray(result.slices.get("modality", ())) == modality
    return result.where(chosen) if chosen.any() else None


def _one(result: Result | None, name: str) -> Measured | None:
    found = measures(result, rounds=ROUNDS, only={name}) if result is not None else []
    return found[0] if found else None


def _cell(one: Measured | None) -> str:
    if one is None or not math.isfinite(one.value):
        return "–"
    span = f" [{one.low:.3f}, {one.high:.3f}]" if math.isfinite(one.low) and math.isfinite(one.high) else ""
    return f"{one.value:.3f}{span} n={one.n}"


def error_correlation(first: Result, second: Result) -> tuple[float, float, int]:
    """How alike two detectors err on the N files that both answered.

    Returns:
        Pearson's correlation of their errors |P(fake) - label|, the share of files that both get wrong at one half,
        and N. Low is diverse: where one errs, the other helps. NaN with fewer than three files.
    """
    place = {name: i for i, name in enumerate(second.files)}
    common = [(i, place[name]) for i, name in enumerate(first.files) if name in place]
    if len(common) < 3:
        return math.nan, math.nan, len(common)
    a, b = ([x[k] for x in common] for k in (0, 1))
    one, two = np.abs(first.p[a] - first.fake[a]), np.abs(second.p[b] - second.fake[b])
    both = float(np.mean((one > 0.5) & (two > 0.5)))
    if one.std() == 0.0 or two.std() == 0.0:
        return math.nan, both, len(common)
    return float(np.corrcoef(one, two)[0, 1]), both, len(common)


# --- text ----------------------------------------------------------------------------------------------------------

_HEADER = (
    "detector",
    "parameters",
    "MB",
    "held-out people, seen pseudo-fakes: AUC",
    "pseudo-fake left out: mean AUC",
    "true generators, clips: AUC",
    "true generators, pictures: AUC",
    "false alarms, clips",
    "false alarms, pictures",
    "fakes found, clips",
    "fakes found, pictures",
    "ECE, held-out people",
)


def table(entries: Sequence[Entry], threshold: float, command: str) -> str:
    """One line a detector or ensemble, as Markdown, without columns that none has a figure for; ``threshold`` is the
    P(fake) from which on a file is an alarm."""
    rows = [_row(entry, threshold) for entry in entries]
    shown = [i for i in range(len(_HEADER)) if any(row[i] != "–" for row in rows)]
    text = _markdown([_HEADER[i] for i in shown], [[row[i] for i in shown] for row in rows])
    return (
        f"{text}\nIn brackets 95 % intervals, over persons where several items show one. Alarms are real files, found "
        f"are fakes, with P(fake) of {threshold:.2f} and more, the preset's threshold. Printed by `{command}`.\n"
    )


def _row(entry: Entry, threshold: float) -> list[str]:
    held = entry.held.result(entry.id, entry.held.seen) if entry.held and entry.held.seen else None
    judged = entry.files.at(threshold)
    name = f"preset `{entry.id}` ({', '.join(entry.members)})" if entry.members else f"`{entry.id}` {entry.title}"
    return [
        name,
        "–" if entry.parameters is None else f"{entry.parameters:,}",
        "–" if entry.size_bytes is None else f"{entry.size_bytes / 1e6:.1f}",
        _cell(_one(held, "AUC")),
        _cell(entry.leave_one_out),
        _cell(_one(_kind(entry.files, "video"), "AUC")),
        _cell(_one(_kind(entry.files, "image"), "AUC")),
        _cell(_one(_kind(judged, "video"), "false alarms")),
        _cell(_one(_kind(judged, "image"), "false alarms")),
        _cell(_one(_kind(judged, "video"), "recall")),
        _cell(_one(_kind(judged, "image"), "recall")),
        _cell(_one(held, "ECE")),
    ]


def _markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |" for line in lines) + "\n"


def page(entries: Sequence[Entry], summary: str, unmeasured: Sequence[str], docs: Path) -> str:
    """The whole comparison for ``docs/measured/README.md``."""
    alone = [entry for entry in entries if not entry.members]
    lines = ["# Measured", "", summary]
    lines += [f"All figures of each: {_links(alone, docs)}.", ""]
    if unmeasured:
        lines += [f"Not among them, because no scores of faces are kept for them: {', '.join(unmeasured)}.", ""]
    if len(entries) > 1:
        lines += [
            "## Differences of AUC",
            "",
            "DeLong's paired test on the files of true generators that both answered.",
        ]
        lines += ["Files that show one person count as independent here, so p-values are somewhat too small.", ""]
        lines += [_differences(entries)]
    if len(alone) > 1:
        lines += ["## Do they err on the same files?", ""]
        lines += ["Correlation of the errors |P(fake) − label|, and the share that both get wrong at one half.", ""]
        lines += [_diversity(alone)]
    return "\n".join(lines)


def _links(entries: Sequence[Entry], docs: Path) -> str:
    return ", ".join(f"[{e.id}]({e.id}.md)" if (docs / f"{e.id}.md").is_file() else e.id for e in entries)


def _differences(entries: Sequence[Entry]) -> str:
    rows: list[list[str]] = []
    for kind, word in (("video", "clips"), ("image", "pictures")):
        found = [part for entry in entries if (part := _kind(entry.files, kind)) is not None]
        rows += [_difference(pair, word) for pair in comparisons(found)]
    return _markdown(("first − second", "files", "difference of AUC", "p", "n"), rows)


def _difference(pair: Pair, word: str) -> list[str]:
    found = pair.comparison
    span = f"{found.difference:+.3f} [{found.low:+.3f}, {found.high:+.3f}]"
    return [f"{pair.first} − {pair.second}", word, span, f"{found.p_value:.3g}", str(pair.n)]


def _diversity(entries: Sequence[Entry]) -> str:
    rows: list[list[str]] = []
    for first, second in combinations(entries, 2):
        on_files = error_correlation(first.files, second.files)
        rows.append([f"{first.id}, {second.id}", *_alike(on_files), *_alike(_held_correlation(first, second))])
    header = ("detectors", "files: correlation", "both wrong", "n", "held-out people: correlation", "both wrong", "n")
    return _markdown(header, rows)


def _held_correlation(first: Entry, second: Entry) -> tuple[float, float, int]:
    if first.held is None or second.held is None or first.held.identities != second.held.identities:
        return math.nan, math.nan, 0
    common = sorted(set(first.held.p) & set(second.held.p))
    return error_correlation(*(e.held.result(e.id, common) for e in (first, second) if e.held))


def _alike(found: tuple[float, float, int]) -> list[str]:
    correlation, both, n = found
    return ["–" if math.isnan(v) else f"{v:.2f}" for v in (correlation, both)] + [str(n)]


# --- the command ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything that was compared, as text and as results."""

    summary: str
    page: str
    results: tuple[Result, ...]


def compare(
    detectors: Sequence[str],
    preset: Ensemble,
    asked: Sequence[str],
    docs: Path,
    *,
    command: str,
    fit: FusionFit | None = None,
) -> Comparison:
    """Compare measured ``detectors`` and ``preset``, of which the members ``asked`` are read too.

    Raises:
        NotFoundError: none of the detectors, or not all of the members asked, were measured.
    """
    wanted = list(dict.fromkeys([*detectors, *asked]))
    entries = {name: entry for name in wanted if (entry := read_entry(name, docs)) is not None}
    together = ensemble_entry(preset, asked, entries, fit)
    rows = [together, *entries.values()]
    summary = table(rows, preset.limits.fake, command)
    unmeasured = [name for name in wanted if name not in entries]
    return Comparison(summary, page(rows, summary, unmeasured, docs), tuple(row.files for row in rows))
