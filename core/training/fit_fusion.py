"""The fusion of a preset, fitted and calibrated on people that no member was trained on.

Pictures, clips and voices are answered one by one; files with picture and sound are put together from them, because
members that look do not hear and the other way round. Such a file is fake where a part of it is.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from core.errors import ConfigError
from core.fusion.calibration import sigmoid
from core.fusion.fits import FusionFit, GateFit, LogisticFit, PartsFit, seal
from core.fusion.rules import any_fake
from core.fusion.votes import Part, Vote
from core.registry import Ensemble, Feature
from core.training import metrics
from core.training.calibrate import MIN_PER_CLASS, TooFewError
from core.training.fusion_scores import Answered, Answers, with_sound

log = logging.getLogger(__name__)

FOLDS = 5
MIN_PEOPLE = 3
SEED = 5
_DROPPED = 0.25  # share of members that copies of the files pretend are missing
_DECAY = 0.02
_COOLEST, _HOTTEST = 0.5, 4.0

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Case:
    """One file to fit on: who voted, whether it is fake, and the fold of everybody in it. ``whole`` is false for copies
    in which members are missing that did vote; those are fitted on and not measured on."""

    votes: tuple[Vote, ...]
    fake: bool
    fold: int
    whole: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """A fit, and the cross-fitted P(fake) float64[N] of the N files ``fake`` bool[N] that it was measured on."""

    fit: FusionFit
    p: Floats
    fake: Flags


# --- who takes part ------------------------------------------------------------------------------------------------


def usable(preset: Ensemble, answers: Answers) -> tuple[list[str], dict[str, str]]:
    """The members that can be fitted, and why the others cannot."""
    kept, left_out = [], {}
    for name in (m.detector for m in preset.members):
        mine = [r.medium for r in answers.rows if any(v.detector == name for v in r.votes)]
        count = Counter(m.fake for m in mine)
        people = len({m.person for m in mine})
        if not mine:
            left_out[name] = "it answered on none of the files of the fit"
        elif min(count[True], count[False]) < MIN_PER_CLASS or people < MIN_PEOPLE:
            left_out[name] = f"too few files: {count[False]} real and {count[True]} fake of {people} people"
        else:
            kept.append(name)
    return kept, left_out


# --- cases ---------------------------------------------------------------------------------------------------------


def make_cases(answers: Answers, members: Sequence[str]) -> list[Case]:
    """Files with picture, with sound and with both, as many real as fake, and copies of them in which members are
    missing."""
    rng = np.random.default_rng(SEED)
    rows = [Answered(r.medium, tuple(v for v in r.votes if v.detector in members)) for r in answers.rows]
    rows = _balanced([row for row in rows if row.votes], rng)
    fold_of = _folds([row.medium.person for row in rows], rng)
    cases = [Case(row.votes, row.medium.fake, fold_of[row.medium.person]) for row in rows]
    for fold in range(FOLDS):
        joined = with_sound([row for row in rows if fold_of[row.medium.person] == fold], rng)
        cases += [Case(row.votes, row.medium.fake, fold) for row in joined]
    return cases + [copy for case in cases if (copy := _thinned(case, rng)) is not None]


def _balanced(rows: Sequence[Answered], rng: np.random.Generator) -> list[Answered]:
    """As many real as fake of each kind, so that P(fake) holds where either is as likely."""
    kept: list[Answered] = []
    for kind in sorted({row.medium.kind for row in rows}):
        groups = [[r for r in rows if r.medium.kind == kind and r.medium.fake is fake] for fake in (False, True)]
        count = min(len(group) for group in groups)
        for group in groups:
            kept += [group[i] for i in sorted(rng.permutation(len(group))[:count].tolist())]
    return kept


def _folds(people: Sequence[str], rng: np.random.Generator) -> dict[str, int]:
    names = sorted(set(people))
    return {name: int(i) % FOLDS for name, i in zip(names, rng.permutation(len(names)), strict=True)}


def _thinned(case: Case, rng: np.random.Generator) -> Case | None:
    kept = tuple(v for v in case.votes if rng.random() >= _DROPPED)
    return Case(kept, case.fake, case.fold, whole=False) if 0 < len(kept) < len(case.votes) else None


# --- logistic ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class _Table:
    """Features float64[N, F] (NaN where missing) and whose they are int[F], presence bool[N, B] of the members and the
    part int[B] that each judges, labels, folds."""

    x: Floats
    of: npt.NDArray[np.intp]
    there: Flags
    part: npt.NDArray[np.intp]
    fake: Flags
    fold: npt.NDArray[np.intp]


def _table(cases: Sequence[Case], members: Sequence[str], features: Sequence[Feature], parts: Sequence[int]) -> _Table:
    x = np.full((len(cases), len(features)), np.nan)
    there = np.zeros((len(cases), len(members)), dtype=bool)
    for row, case in enumerate(cases):
        votes = {v.detector: v for v in case.votes}
        there[row] = [name in votes for name in members]
        for column, feature in enumerate(features):
            if feature.of in votes:
                x[row, column] = votes[feature.of].value(feature)
    of = np.array([members.index(f.of) for f in features])
    fake = np.array([c.fake for c in cases])
    return _Table(x, of, there, np.array(parts), fake, np.array([c.fold for c in cases]))


def _parts_of(preset: Ensemble, cases: Sequence[Case], members: Sequence[str]) -> list[Part]:
    """What each member judges. A plain logistic regression adds up all members, as if they judged one part."""
    found = {v.detector: v.part for case in cases for v in case.votes}
    return [found[name] if preset.fusion == "parts" else "seen" for name in members]


def _fit_logistic(table: _Table, chosen: Flags, rising: Flags) -> dict[str, Any]:
    """Coefficients by maximum likelihood with a small ridge; those of ``rising`` features stay >= 0."""
    from scipy.optimize import minimize

    x, fake = table.x[chosen], table.fake[chosen].astype(np.float64)
    mean = np.nan_to_num(np.nanmean(x, axis=0))
    deviation = np.maximum(np.nan_to_num(np.nanstd(x, axis=0)), 1e-6)
    inputs, judged = _inputs(table, mean, deviation)
    inputs, present, count = inputs[chosen], _present(table)[chosen], x.shape[1]
    ridge = np.append(np.full(count + table.there.shape[1], _DECAY), np.zeros(len(judged)))

    def loss(w: Floats) -> tuple[float, Floats]:
        z, slopes = _by_part(inputs, judged, present, w)
        wrong = (sigmoid(z) - fake) / len(z)
        slope = (inputs.T @ (wrong[:, None] * slopes) * judged.T).sum(axis=1)
        value = np.mean(np.logaddexp(0.0, z) - fake * z) + float(ridge @ w**2) / 2
        return float(value), slope + ridge * w

    bounds = [(0.0, None) if up else (None, None) for up in rising] + [(None, None)] * (inputs.shape[1] - count)
    w = minimize(loss, np.zeros(inputs.shape[1]), jac=True, method="L-BFGS-B", bounds=bounds).x
    last = inputs.shape[1] - len(judged)
    return {"w": w, "coefficients": w[:count], "presence": w[count:last], "intercepts": w[last:], "mean": mean,
            "deviation": deviation}  # fmt: skip


def _inputs(table: _Table, mean: Floats, deviation: Floats) -> tuple[Floats, Flags]:
    """What weights are applied to (features, presence, one constant a part) float64[N, W], and which of these columns
    belong to each of the K parts: bool[K, W]."""
    parts = np.arange(table.part.max() + 1)
    columns = [np.nan_to_num((table.x - mean) / deviation), table.there, np.ones((len(table.x), len(parts)))]
    return np.hstack(columns), np.concatenate([table.part[table.of], table.part, parts]) == parts[:, None]


def _present(table: _Table) -> Flags:
    """Which parts of each file somebody judged: bool[N, K]."""
    parts = range(table.part.max() + 1)
    return np.stack([table.there[:, table.part == k].any(axis=1) for k in parts], axis=1)


def _by_part(inputs: Floats, judged: Flags, present: Flags, w: Floats) -> tuple[Floats, Floats]:
    """As :func:`core.fusion.rules.any_fake`, for weights ``w`` of the columns of :func:`_inputs`."""
    return any_fake(np.where(present, inputs @ (judged * w).T, -np.inf))


def _logistic_z(table: _Table, found: dict[str, Any]) -> Floats:
    inputs, judged = _inputs(table, found["mean"], found["deviation"])
    return _by_part(inputs, judged, _present(table), found["w"])[0]


# --- gate ----------------------------------------------------------------------------------------------------------


def _fit_gate(table: _Table, chosen: Flags) -> dict[str, Any]:
    """Gate, scale and offset by maximum likelihood; the ridge pulls the gate to the plain mean."""
    from scipy.optimize import minimize

    k = table.there.shape[1]
    z, there = np.nan_to_num(table.x[chosen]), table.there[chosen]
    fake = table.fake[chosen].astype(np.float64)

    def loss(w: Floats) -> float:
        logit = _gate_z(z, there, _gate_parts(w, k))
        value = np.mean(np.logaddexp(0.0, logit) - fake * logit)
        return float(value + _DECAY * float(w[:-2] @ w[:-2]) / 2)

    w = minimize(loss, np.zeros(k * 2 * k + k + 2), method="L-BFGS-B", options={"maxiter": 60}).x
    return _gate_parts(w, k)


def _gate_parts(w: Floats, k: int) -> dict[str, Any]:
    return {"gate": w[: 2 * k * k].reshape(k, 2 * k), "bias": w[2 * k * k : -2], "scale": float(np.exp(w[-2])),
            "offset": float(w[-1])}  # fmt: skip


def _gate_z(z: Floats, there: Flags, found: dict[str, Any]) -> Floats:
    strength = np.hstack([z, there.astype(np.float64)]) @ found["gate"].T + found["bias"]
    strength = np.where(there, strength - strength.max(axis=1, keepdims=True), -np.inf)
    share = np.exp(strength)
    mixed = (share * z).sum(axis=1) / np.maximum(share.sum(axis=1), 1e-300)
    return np.asarray(found["scale"] * mixed + found["offset"])


# --- the fit -------------------------------------------------------------------------------------------------------


def fit_preset(preset: Ensemble, answers: Answers) -> Fitted:
    """Fit the fusion of ``preset``; its figures are cross-fitted by person.

    Raises:
        ConfigError: the preset is fused by fixed weights.
        TooFewError: no member, or too few files to measure on.
    """
    if preset.fusion == "weighted_mean":
        raise ConfigError(f"The preset '{preset.id}' has fixed weights: there is nothing to fit.", hint="Name another.")
    members, left_out = usable(preset, answers)
    if not members:
        raise TooFewError(
            f"None of the members of '{preset.id}' answered often enough to be fitted.",
            hint="Train and export them first, or give more data.",
        )
    features = [f for f in preset.asked if f.of in members]
    cases = make_cases(answers, members)
    judged = _parts_of(preset, cases, members)
    parts = sorted(set(judged))
    table = _table(cases, members, features, [parts.index(p) for p in judged])
    z, found = _cross_fitted(preset, table, features)
    whole = np.array([c.whole for c in cases])
    temperature, p = _cooled(z, table, whole)
    people = len({r.medium.person for r in answers.rows if any(v.detector in members for v in r.votes)})
    fake = table.fake[whole]
    values = {
        "preset": preset.id,
        "rule": _rule(preset, found, members, features, parts, temperature).model_dump(mode="json"),
        "detectors": {name: answers.asked[name].model_dump(mode="json") for name in members},
        "left_out": left_out,
        "n_real": int((~fake).sum()),
        "n_fake": int(fake.sum()),
        "people": people,
        "ece": round(metrics.ece(fake, p), 4),
        "scores_sha256": answers.sha256,
    }
    return Fitted(seal(values), p, fake)


def _cross_fitted(preset: Ensemble, table: _Table, features: Sequence[Feature]) -> tuple[Floats, dict[str, Any]]:
    """Logits float64[N] of each file by a fit without its people, and the fit on all."""
    rising = np.array([f.take != "count" for f in features])

    def fit(chosen: Flags) -> dict[str, Any]:
        return _fit_gate(table, chosen) if preset.fusion == "gate" else _fit_logistic(table, chosen, rising)

    def logits(found: dict[str, Any]) -> Floats:
        if preset.fusion == "gate":
            return _gate_z(np.nan_to_num(table.x), table.there, found)
        return _logistic_z(table, found)

    z = np.zeros(len(table.fake))
    for fold in np.unique(table.fold):
        held = table.fold == fold
        z[held] = logits(fit(~held))[held]
    return z, fit(np.ones(len(z), dtype=bool))


def _cooled(z: Floats, table: _Table, whole: Flags) -> tuple[float, Floats]:
    """The temperature of all whole files, and their P(fake) each under that of the other folds."""
    p = np.zeros(len(z))
    for fold in np.unique(table.fold):
        held = table.fold == fold
        p[held] = sigmoid(z[held] / _temperature(z, table, whole & ~held))
    return _temperature(z, table, whole), p[whole]


def _temperature(z: Floats, table: _Table, chosen: Flags) -> float:
    from scipy.optimize import minimize_scalar

    fake = table.fake[chosen].astype(np.float64)

    def loss(log_t: float) -> float:
        logit = z[chosen] / np.exp(log_t)
        return float(np.mean(np.logaddexp(0.0, logit) - fake * logit))

    found = minimize_scalar(loss, bounds=(np.log(_COOLEST), np.log(_HOTTEST)), method="bounded")
    return round(float(np.exp(found.x)), 4)


def _rule(
    preset: Ensemble,
    found: dict[str, Any],
    members: Sequence[str],
    features: Sequence[Feature],
    parts: Sequence[Part],
    temperature: float,
) -> GateFit | LogisticFit | PartsFit:
    if preset.fusion == "gate":
        return GateFit(
            members=tuple(members),
            gate=tuple(tuple(_short(row)) for row in found["gate"]),
            bias=tuple(_short(found["bias"])),
            scale=found["scale"],
            offset=found["offset"],
            temperature=temperature,
        )
    linear = {
        "features": tuple(f.name for f in features),
        "coefficients": tuple(_short(found["coefficients"])),
        "mean": tuple(_short(found["mean"])),
        "deviation": tuple(_short(found["deviation"])),
        "presence": dict(zip(members, _short(found["presence"]), strict=True)),
        "temperature": temperature,
    }
    if preset.fusion == "parts":
        return PartsFit(**linear, intercepts=dict(zip(parts, _short(found["intercepts"]), strict=True)))
    return LogisticFit(**linear, intercept=float(found["intercepts"][0]))


def _short(values: Floats) -> list[float]:
    return [round(float(v), 8) for v in values]
