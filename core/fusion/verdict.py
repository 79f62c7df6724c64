"""The verdict: a view of the fused figures through two thresholds, with reasons in plain words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from core.types import Analysis, Label, PersonResult, Score, Status, Thresholds, Verdict


def decide(people: Sequence[PersonResult], scores: Sequence[Score], thresholds: Thresholds) -> Verdict:
    """Label the medium by the most suspicious person with enough evidence.

    A medium about which no detector could say anything is ``not_applicable``, never fake and never real.
    """
    judged = [p for p in people if p.p_fake is not None and p.enough]
    if not judged:
        return Verdict(Label.NOT_APPLICABLE, None, thresholds, reasons=_why_not(people, scores))
    person = max(judged, key=lambda p: p.p_fake or 0.0)
    p_fake = person.p_fake or 0.0
    votes = [c.p_fake for c in person.contributions]
    return Verdict(
        label=label_of(p_fake, thresholds),
        p_fake=p_fake,
        thresholds=thresholds,
        interval=person.interval,
        agreement=sum((v >= 0.5) == (p_fake >= 0.5) for v in votes) / len(votes),
        track_id=person.track_id,
        calibrated=_is_calibrated(person, scores),
        contributions=person.contributions,
        reasons=_reasons(person, judged, people, scores, thresholds),
    )


def label_of(p_fake: float, thresholds: Thresholds) -> Label:
    """Fake at or above the upper threshold, real at or below the lower one, uncertain between."""
    if p_fake >= thresholds.fake:
        return Label.FAKE
    return Label.REAL if p_fake <= thresholds.real else Label.UNCERTAIN


def relabel(analysis: Analysis, thresholds: Thresholds) -> Analysis:
    """The same analysis seen through other thresholds; nothing is computed anew."""
    return replace(analysis, verdict=decide(analysis.people, analysis.scores, thresholds))


def _is_calibrated(person: PersonResult, scores: Sequence[Score]) -> bool:
    """A mean of several calibrated scores is not calibrated itself, so only a single member can vouch for it."""
    votes = [s for s in scores if s.status is Status.OK and s.track_id in (person.track_id, None)]
    return len(votes) == 1 and votes[0].calibration is not None


def _why_not(people: Sequence[PersonResult], scores: Sequence[Score]) -> tuple[str, ...]:
    thin = [f"{_name(p)}: {p.reason}." for p in people if p.track_id is not None and p.reason]
    return tuple(dict.fromkeys([*thin, *_silent(scores)])) or ("No detector of this preset applies to this file.",)


def _silent(scores: Sequence[Score]) -> list[str]:
    rows = [s for s in scores if s.status is not Status.OK and s.track_id is None]
    return [f"{s.title} did not vote ({s.status.value.replace('_', ' ')}): {s.reason}" for s in rows]


def _name(person: PersonResult) -> str:
    return f"Person {person.track_id}" if person.track_id is not None else "The file as a whole"


def _reasons(
    person: PersonResult,
    judged: Sequence[PersonResult],
    people: Sequence[PersonResult],
    scores: Sequence[Score],
    thresholds: Thresholds,
) -> tuple[str, ...]:
    p_fake = person.p_fake or 0.0
    lines = [f"{_name(person)}: P(fake) is {p_fake:.0%}, {_side(p_fake, thresholds)}.", _votes(person)]
    if len(judged) > 1:
        lines.append(f"{len(judged)} people could be judged; {_name(person)} is the most suspicious and drives it.")
    lines += [f"{_name(p)} does not count: {p.reason}." for p in people if not p.enough and p.track_id is not None]
    return tuple(dict.fromkeys([*lines, *_silent(scores)]))


def _side(p_fake: float, thresholds: Thresholds) -> str:
    label = label_of(p_fake, thresholds)
    if label is Label.FAKE:
        return f"at or above the fake threshold of {thresholds.fake:.0%}"
    if label is Label.REAL:
        return f"at or below the real threshold of {thresholds.real:.0%}"
    if thresholds.real == 0.0:
        return (
            f"below the fake threshold of {thresholds.fake:.0%}; no file is called real here, because the detectors "
            "miss whole kinds of fakes"
        )
    return f"between the thresholds of {thresholds.real:.0%} and {thresholds.fake:.0%}: not clear enough to call"


def _votes(person: PersonResult) -> str:
    over = sum(c.p_fake >= 0.5 for c in person.contributions)
    n = len(person.contributions)
    if n == 1:
        return "One detector voted; there is no second opinion in this preset."
    return f"{over} of {n} voting detectors lean to fake."
