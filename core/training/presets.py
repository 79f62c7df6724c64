"""Presets beside their best members: on people that no member was trained on, and on files of true generators."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from textwrap import fill
from typing import Any

import numpy as np
import numpy.typing as npt

from core.errors import ConfigError
from core.fusion.fits import FusionFit, read_fit
from core.fusion.rules import Rule, fitted_rule, plain_rule
from core.fusion.votes import Vote
from core.registry import Ensemble, member_cards
from core.training import delong, metrics
from core.training.data.manifest import read_manifest
from core.training.data.testset import digest
from core.training.fusion_media import Medium, Recipe, make_media
from core.training.fusion_scores import WITH_SOUND, Answered, Answers, ask_all, with_sound
from core.training.intervals import wilson
from core.training.results import Measured, Result, measures
from core.training.selective import ErrorCoverage, error_coverage

log = logging.getLogger(__name__)

COLUMNS = (
    "preset",
    "fusion",
    "files",
    "n (real + fake)",
    "AUC",
    "ECE",
    "ECE by chance",
    "best member: AUC",
    "difference, p",
    "error at 100 %",
    "error at 80 %",
    "falls",
    "reals at the line",
    "fakes at the line",
)
_PRINTED = ("ECE by chance", "reals at the line", "fakes at the line")
"""Columns that are computed from the stored answers when the page is printed."""
KINDS = {"picture": "pictures", "clip": "clips", "voice": "voices", WITH_SOUND: "clips with a voice"}
COVERAGES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5)
FEWEST = 10
SEED = 5


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """What a preset and its members said about media of one kind; ``members`` hold NaN where they did not answer."""

    preset: str
    kind: str
    where: str
    result: Result
    members: dict[str, npt.NDArray[np.float64]]
    unanswered: int


@dataclass(frozen=True, slots=True, eq=False)
class Measure:
    """Figures of one group: ``best`` names the member with the highest AUC among those that answered on every medium
    that the preset did, ``against`` is DeLong's test of the preset against it."""

    group: Group
    auc: Measured | None
    ece: Measured | None
    best: str | None
    against: delong.Comparison | None
    coverage: ErrorCoverage

    @property
    def falls(self) -> bool:
        """Whether the error falls, or stays, with every step of :data:`COVERAGES`."""
        errors = [self.coverage.error_at(c) for c in COVERAGES]
        return all(later <= before + 1e-12 for before, later in pairwise(errors))


# --- asking --------------------------------------------------------------------------------------------------------


def groups_of(preset: Ensemble, held: Recipe, work: Path) -> list[Group]:
    """Everything the preset can be measured on.

    Raises:
        ConfigError: its fit does not hold for the members that are here.
    """
    fit = read_fit(preset)
    folder = work / "media" / "held-out"
    found = []
    for where, media, root in (
        ("held-out people, pseudo-fakes", make_media(held, folder), folder),
        ("true generators", _test_media(held.data), held.data),
    ):
        answers = ask_all(preset, media, root, work / "answers")
        _check(preset, fit, answers)
        answers = _and_joined(answers)
        found += [_group(preset, fit, kind, where, answers) for kind in KINDS]
    return [group for group in found if group is not None]


def _and_joined(answers: Answers) -> Answers:
    """The answers, and those about clips and voices as if one file held both."""
    parts = [row for row in answers.rows if row.medium.kind in ("clip", "voice")]
    return replace(answers, rows=(*answers.rows, *with_sound(parts, np.random.default_rng(SEED))))


def _test_media(data: Path) -> list[Medium]:
    kinds = {"image": "picture", "video": "clip", "audio": "voice"}
    items = [i for i in read_manifest(data, modalities=tuple(kinds)) if i.split == "test"]
    return [Medium(i.path, kinds[i.modality], i.fake, i.method, i.identity) for i in items]


def _check(preset: Ensemble, fit: FusionFit | None, answers: Answers) -> None:
    for name, asked in answers.asked.items():
        if fit is not None and name in fit.detectors and fit.detectors[name] != asked:
            raise ConfigError(
                f"{name} is not as it was when the fusion of '{preset.id}' was fitted.",
                hint=f"Fit it again: python -m core.cli fuse {preset.id}",
            )


def _group(preset: Ensemble, fit: FusionFit | None, kind: str, where: str, answers: Answers) -> Group | None:
    rule = plain_rule(preset) if fit is None else fitted_rule(preset, fit)
    rows = [(r, _fused(r, preset, fit, rule)) for r in answers.rows if r.medium.kind == kind]
    kept = [(r, p) for r, p in rows if p is not None]
    fakes = sum(r.medium.fake for r, _ in kept)
    if min(fakes, len(kept) - fakes) < FEWEST:
        return None
    names = [m.detector for m in preset.members]
    return Group(
        preset=preset.id,
        kind=KINDS[kind],
        where=where,
        result=Result(
            detector=preset.id,
            title=preset.title,
            files=tuple(r.medium.file for r, _ in kept),
            fake=np.array([r.medium.fake for r, _ in kept]),
            p=np.array([p for _, p in kept]),
            methods=tuple(r.medium.method for r, _ in kept),
            groups=tuple(r.medium.person for r, _ in kept),
            threshold=preset.limits.fake,
        ),
        members={n: np.array([_said(r.votes, n) for r, _ in kept]) for n in names},
        unanswered=len(rows) - len(kept),
    )


def _fused(row: Answered, preset: Ensemble, fit: FusionFit | None, rule: Rule) -> float | None:
    votes = [v for v in row.votes if fit is None or v.detector in fit.detectors]
    return rule.p(votes) if len(votes) >= preset.min_members else None


def _said(votes: Sequence[Vote], name: str) -> float:
    return next((v.p for v in votes if v.detector == name), math.nan)


# --- figures -------------------------------------------------------------------------------------------------------


def measure(group: Group) -> Measure:
    """The figures of one group."""
    result = group.result
    found = {one.name: one for one in measures(result, rounds=500, only={"AUC", "ECE"})}
    whole = {name: p for name, p in group.members.items() if np.isfinite(p).all()}
    best = max(whole, key=lambda name: metrics.auc(result.fake, whole[name]), default=None)
    against = None if best is None else delong.compare(result.fake, result.p, whole[best])
    return Measure(group, found.get("AUC"), found.get("ECE"), best, against, error_coverage(result.fake, result.p))


def facts(one: Measure, preset: Ensemble, fit: FusionFit | None) -> dict[str, Any]:
    """What ``docs/measured/presets.json`` holds of one group: the answers, and what the page says of them."""
    group, result = one.group, one.group.result
    return {
        "preset": group.preset,
        "of": state_of(preset, fit),
        "row": _row(one, fit),
        "sentence": sentence(one),
        "files": f"{group.kind}, {group.where}",
        "line": preset.limits.fake,
        "fake": result.fake.tolist(),
        "methods": list(result.methods),
        "p_fake": [round(float(p), 4) for p in result.p],
        "members": {
            name: [None if p != p else round(float(p), 4) for p in values] for name, values in group.members.items()
        },
    }


def state_of(preset: Ensemble, fit: FusionFit | None) -> str:
    """A digest of what the figures of a preset depend on: its fit, and its members' weights and calibrations."""
    asked = {c.id: (c.weights.sha256, c.calibration.name if c.calibration else None) for c in member_cards(preset)}
    return digest({"fit": fit.sha256 if fit else None, "members": asked})[:16]


_ABOUT = (
    "Every file was analysed as a user's would be; clips with a voice are put together from what was said about a clip "
    "and about a voice, one or both of them forged in the fakes. Held-out people chose the detectors but trained none; "
    "the files of true generators were neither trained nor tuned on. Intervals are 95 %, over persons. ECE by chance "
    "is what answers of perfect calibration show on so few files, in the mean and in 95 of 100 draws. The best member "
    "is the one with the highest AUC among those that answered on all the files that the preset answered on; the "
    "p-value is DeLong's, and somewhat too small where a person is seen in several files. Errors are those of a "
    "decision at one half among the surest share of the answers. The last columns are the shares of reals and of fakes "
    "whose P(fake) reaches the preset's line for fake, with Wilson's intervals."
)


def page(found: Sequence[Mapping[str, Any]]) -> str:
    """``docs/measured/presets.md`` of what :func:`facts` gave."""
    lines = ["# Presets beside their best members", "", "Printed by `python -m core.cli presets`.", ""]
    lines += [fill(_ABOUT, 118), "", *_table(COLUMNS, [_cells(one) for one in found])]
    lines += ["", *[f"- {one['sentence']}" for one in found if one["sentence"]]]
    return "\n".join(lines) + "\n"


def brief(found: Sequence[Mapping[str, Any]]) -> str:
    """The rows of one preset as README shows them."""
    rows = [dict(zip(COLUMNS, _cells(one), strict=True)) for one in found]
    shown = ("files", "n (real + fake)", "AUC", "ECE", "ECE by chance", "fakes at the line", "reals at the line")
    header = (*shown[:5], "fakes called fake", "reals called fake")
    note = (
        "Printed by `python -m core.cli presets`; fake is what reaches the preset's line, ECE by chance what perfect\n"
        "calibration would show on so few files (mean, and 95 of 100 draws). 95 % intervals in brackets."
    )
    return "\n".join([*_table(header, [[row[name] for name in shown] for row in rows]), "", note])


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(cells)} |" for cells in (header, ["---"] * len(header), *rows)]


def _cells(one: Mapping[str, Any]) -> list[str]:
    """A row by :data:`COLUMNS`."""
    p, fake = np.asarray(one["p_fake"], dtype=np.float64), np.asarray(one["fake"], dtype=bool)
    chance, most = metrics.ece_by_chance(p)
    reached = p >= one["line"]
    printed = (f"{chance:.3f}, up to {most:.3f}", _share(reached[~fake]), _share(reached[fake]))
    stored = dict(zip((c for c in COLUMNS if c not in _PRINTED), one["row"], strict=True))
    cells = stored | dict(zip(_PRINTED, printed, strict=True))
    return [cells[name] for name in COLUMNS]


def _share(hits: npt.NDArray[np.bool_]) -> str:
    low, high = wilson(int(hits.sum()), len(hits))
    return f"{hits.mean():.3f} [{low:.3f}, {high:.3f}]"


def _row(one: Measure, fit: FusionFit | None) -> list[str]:
    group, fake = one.group, one.group.result.fake
    best = "–" if one.against is None else f"{one.best}: {one.against.second:.3f}"
    gain = "–" if one.against is None else f"{one.against.difference:+.3f}, {one.against.p_value:.2g}"
    return [
        group.preset,
        "weighted mean" if fit is None else f"{fit.rule.kind} {fit.sha256[:8]}",
        f"{group.kind}, {group.where}",
        f"{int((~fake).sum())} + {int(fake.sum())}",
        _cell(one.auc),
        _cell(one.ece),
        best,
        gain,
        f"{one.coverage.error_at(1.0):.3f}",
        f"{one.coverage.error_at(0.8):.3f}",
        "yes" if one.falls else "no",
    ]


def _cell(one: Measured | None) -> str:
    return "–" if one is None else f"{one.value:.3f} [{one.low:.3f}, {one.high:.3f}]"


def sentence(one: Measure) -> str:
    """Whether the preset is better than its best member, in words."""
    test, group = one.against, one.group
    if test is None:
        return ""
    about = f"`{group.preset}` on {group.kind} of {group.where}"
    if one.best is not None and len([p for p in group.members.values() if np.isfinite(p).any()]) == 1:
        return f"{about}: one member alone answers here, so there is nothing to be better than."
    if test.p_value >= 0.05:
        return f"{about}: not better and not worse than `{one.best}` as far as these files can tell."
    word = "better" if test.difference > 0 else "**worse**"
    return f"{about}: {word} than `{one.best}` by {abs(test.difference):.3f} of AUC (p = {test.p_value:.2g})."
