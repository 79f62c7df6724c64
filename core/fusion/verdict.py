"""The verdict: a view of the fused figures through two thresholds, with reasons in plain words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from core import wording
from core.types import Analysis, Label, Modality, PersonResult, Score, Status, Thresholds, Verdict


def decide(people: Sequence[PersonResult], scores: Sequence[Score], thresholds: Thresholds) -> Verdict:
    """Label the medium by the most suspicious person with enough evidence; one about whom there are doubts is never
    called fake, and gives way to whoever can be.

    A medium about which no detector could say anything is ``not_applicable``, never fake and never real.
    """
    judged = [p for p in people if p.p_fake is not None and p.enough]
    if not judged:
        return Verdict(Label.NOT_APPLICABLE, None, thresholds, reasons=_why_not(people, scores))
    person = max(judged, key=lambda p: (person_label(p, thresholds) is Label.FAKE, p.p_fake or 0.0))
    p_fake = person.p_fake or 0.0
    votes = [c.p_fake for c in person.contributions]
    return Verdict(
        label=person_label(person, thresholds),
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


def person_label(person: PersonResult, thresholds: Thresholds) -> Label:
    """The label of somebody with a figure: uncertain in place of fake where there are doubts."""
    label = label_of(person.p_fake or 0.0, thresholds)
    return Label.UNCERTAIN if label is Label.FAKE and person.doubts else label


def relabel(analysis: Analysis, thresholds: Thresholds) -> Analysis:
    """The same analysis seen through other thresholds; nothing is computed anew."""
    return replace(analysis, verdict=decide(analysis.people, analysis.scores, thresholds))


def _is_calibrated(person: PersonResult, scores: Sequence[Score]) -> bool:
    """By the fit of the fusion. A plain mean of several calibrated scores is not calibrated itself, so without a fit
    only a single member can vouch for it."""
    if person.calibration is not None:
        return True
    votes = [s for s in scores if s.status is Status.OK and s.track_id in (person.track_id, None)]
    return len(votes) == 1 and votes[0].calibration is not None


def _why_not(people: Sequence[PersonResult], scores: Sequence[Score]) -> tuple[str, ...]:
    told = {s.reason for s in scores if s.track_id is None}
    thin = [
        f"{_name(p)}: {p.reason.rstrip('.')}."
        for p in people
        if p.track_id is not None and p.reason and p.reason not in told
    ]
    thin += [p.reason for p in people if p.track_id is None and p.reason.startswith("The answers were not fused")]
    return tuple(dict.fromkeys([*thin, *_silent(scores)])) or ("No detector of this preset applies to this file.",)


def _silent(scores: Sequence[Score]) -> list[str]:
    """Who said nothing about the whole file, and why; those with one reason in one line."""
    rows: dict[str, list[Score]] = {}
    for score in scores:
        if score.status is not Status.OK and score.track_id is None:
            rows.setdefault(f"({score.status.value.replace('_', ' ')}): {score.reason}", []).append(score)
    return [f"{wording.listed([s.title for s in group])} did not vote {why}" for why, group in rows.items()]


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
    lines = [f"{_name(person)}: P(fake) is {p_fake:.0%}, {_side(p_fake, thresholds)}."]
    lines += [f"It is not called fake: {doubt}." for doubt in person.doubts if p_fake >= thresholds.fake]
    lines.append(_votes(person, scores))
    voters = _voters(person, scores)
    lines += [*wording.scales(voters), *filter(None, map(wording.heads, voters))]
    if person.fusion:
        lines.append(f"{person.fusion[:1].upper()}{person.fusion[1:]}.")
    if len(judged) > 1:
        lines.append(f"{len(judged)} people could be judged; {_name(person)} is the most suspicious and drives it.")
    lines += [f"{_name(p)} does not count: {p.reason}." for p in people if not p.enough and p.track_id is not None]
    return tuple(dict.fromkeys([*lines, *_silent(scores)]))


def _voters(person: PersonResult, scores: Sequence[Score]) -> list[Score]:
    voted = {c.detector for c in person.contributions}
    mine = [s for s in scores if s.track_id in (person.track_id, None)]
    return [s for s in mine if s.status is Status.OK and s.detector in voted]


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


_KINDS = {
    Modality.IMAGE: "detector of single pictures",
    Modality.CLIP: "detector of motion",
    Modality.AUDIO: "detector of voices",
    Modality.AUDIO_VISUAL: "detector of lips and sound",
}
_SUBJECTS = {
    Modality.IMAGE: "the picture",
    Modality.CLIP: "the motion",
    Modality.AUDIO: "the voice",
    Modality.AUDIO_VISUAL: "lips and sound together",
}


def _votes(person: PersonResult, scores: Sequence[Score]) -> str:
    """Who leans to fake by what they look at, and what could not be judged ("… the voice could not be judged: 0.6 s
    of speech")."""
    voted = {c.detector: c.p_fake for c in person.contributions}
    mine = [s for s in scores if s.track_id in (person.track_id, None)]
    kinds = {s.detector: s.modality for s in mine}
    parts = [
        _leaning(_KINDS[kind], [p for name, p in voted.items() if kinds.get(name, Modality.IMAGE) is kind])
        for kind in Modality
        if any(kinds.get(name, Modality.IMAGE) is kind for name in voted)
    ]
    if len(voted) == 1:
        parts = ["One detector voted; there is no second opinion"]
    unjudged = {k: [s for s in mine if s.modality is k] for k in Modality if k not in {kinds.get(n) for n in voted}}
    parts += [
        f"{_SUBJECTS[kind]} could not be judged: {rows[0].reason.rstrip('.')}"
        for kind, rows in unjudged.items()
        if rows and rows[0].status is Status.NOT_APPLICABLE
    ]
    return f"{'; '.join(parts)}."


def _leaning(kind: str, votes: Sequence[float]) -> str:
    over, n = sum(p >= 0.5 for p in votes), len(votes)
    if n == 1:
        return f"the {kind} leans to {'fake' if over else 'real'}"
    return f"{over} of {n} {kind.replace('detector', 'detectors', 1)} lean to fake"
