"""What a report says, in order; :mod:`core.reports.pdf` and :mod:`core.reports.page` only lay it out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal, TypeAlias

from core import registry, wording
from core.errors import WorkbenchError
from core.faces import words as face_words
from core.provenance import words
from core.registry import Card
from core.store.feedback import Label
from core.types import RGB, Analysis, FaceTrack, MediaKind, Score, Status

Plot: TypeAlias = Literal["verdict", "consensus", "timeline", "sync"]

LIMITS = (
    "A score is an estimate by models that were trained on other material. It is no proof, in either direction.",
    "No clear sign of a fake does not make a file authentic: fakes made in ways the models never saw can pass.",
    "Strong compression, small or turned faces, filters and editing can raise or hide the signs the models look for.",
    "A calibrated percentage holds for kinds of fakes like those it was fitted on; for others it can be far too low.",
    "A percentage that is not calibrated is a raw score, to be read as an order and not as a share of cases.",
    "Decide with people who know the case, and keep the original file with its hash.",
)


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """``rgb`` uint8[H, W, 3] with what it shows."""

    rgb: RGB
    caption: str


@dataclass(frozen=True, slots=True, eq=False)
class Item:
    """One file of a report: its analysis, what people said of it, and pictures (frames, heat maps) to go with it."""

    analysis: Analysis
    labels: tuple[Label, ...] = ()
    pictures: tuple[Picture, ...] = ()


@dataclass(frozen=True, slots=True)
class Grid:
    """A table; without ``head`` its first column names the rows."""

    rows: tuple[tuple[str, ...], ...]
    head: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Section:
    """A part of a report, its pieces in the order of the fields. All text is plain, never markup."""

    title: str
    text: tuple[str, ...] = ()
    plot: Plot | None = None
    pictures: tuple[Picture, ...] = ()
    grid: Grid | None = None
    bullets: tuple[str, ...] = ()


def summary(items: Sequence[Item]) -> Section:
    """The first page of a report on several files."""
    head = ("File", "Verdict", "P(fake)", "Range", "Labels")
    rows = tuple(
        (
            item.analysis.media.name,
            wording.VERDICT_TITLES[item.analysis.verdict.label],
            wording.percent(item.analysis.verdict.p_fake),
            wording.interval(item.analysis.verdict.interval) or "–",
            ", ".join(f"{label.truth.value} ({label.reviewer or 'unnamed'})" for label in item.labels) or "–",
        )
        for item in items
    )
    labels = [item.analysis.verdict.label for item in items]
    counts = [f"{labels.count(label)} {word}" for label, word in wording.LABEL_WORDS.items() if label in labels]
    return Section("Overview", (f"{len(items)} files: {', '.join(counts)}.",), grid=Grid(rows, head))


def sections(item: Item) -> list[Section]:
    """All that is said of one file."""
    analysis = item.analysis
    parts = [_verdict(analysis), _labels(item.labels), _models(analysis)]
    parts += [
        _over_time(analysis),
        _pictures(item),
        _motion(analysis),
        _sync(analysis),
        _people(analysis),
        _file(analysis),
    ]
    parts += [_provenance(analysis), _detectors(analysis), _made(analysis), Section("Limits", bullets=LIMITS)]
    return [part for part in parts if part is not None]


def _verdict(analysis: Analysis) -> Section:
    verdict = analysis.verdict
    title = wording.VERDICT_TITLES[verdict.label]
    if verdict.p_fake is None:
        return Section(title, (wording.VERDICT_SUMMARIES[verdict.label],), bullets=verdict.reasons)
    facts = (
        f"Probability of a fake {wording.percent(verdict.p_fake)}, {wording.probability_kind(verdict.calibrated)}",
        f"range {wording.interval(verdict.interval)}" if verdict.interval else "",
        wording.agreement(verdict),
        f"about {wording.driver(analysis)}" if wording.driver(analysis) else "",
    )
    text = (wording.VERDICT_SUMMARIES[verdict.label], "; ".join(fact for fact in facts if fact) + ".")
    lines = f"Lines: {wording.thresholds(verdict.thresholds)}."
    notes = (*verdict.reasons, lines, *analysis.warnings, *wording.enhancement_notes(analysis))
    return Section(title, text, plot="verdict", bullets=tuple(dict.fromkeys(notes)))


def _labels(labels: tuple[Label, ...]) -> Section | None:
    if not labels:
        return None
    rows = tuple(
        (label.reviewer or "unnamed", label.truth.value, label.created_at[:19], label.comment) for label in labels
    )
    return Section("What people said", grid=Grid(rows, ("Reviewer", "It is", "On (UTC)", "Note")))


def _models(analysis: Analysis) -> Section:
    head = ("Model", "About", "Status", "P(fake)", "What the figure is, or why there is none")
    rows = tuple(_score_row(score) for score in analysis.scores)
    return Section("What each model says", plot="consensus", grid=Grid(rows, head))


def _score_row(score: Score) -> tuple[str, ...]:
    why = wording.score_kind(score) if score.p_fake is not None else score.reason
    about, status = wording.person(score.track_id), wording.STATUS_WORDS[score.status]
    return (score.title, about, status, wording.percent(score.p_fake), why)


def _over_time(analysis: Analysis) -> Section | None:
    if analysis.media.info.kind is MediaKind.IMAGE or not any(line.t_s for line in analysis.timelines):
        return None
    return Section("Over time", (wording.timeline_words(analysis),), plot="timeline")


def _pictures(item: Item) -> Section | None:
    return Section("What was looked at", pictures=item.pictures) if item.pictures else None


def _motion(analysis: Analysis) -> Section | None:
    if not analysis.motion:
        return None
    means = tuple(f"{name}: {text}." for name, text in face_words.MEANINGS)
    grid = Grid(tuple(face_words.rows(analysis)), face_words.HEAD)
    told = tuple(face_words.told(analysis))
    return Section("How the faces move", (face_words.BESIDE,), grid=grid, bullets=told + means)


def _sync(analysis: Analysis) -> Section | None:
    if not analysis.sync:
        return None
    drawn = any(curve.status is Status.OK and curve.offset_ms for curve in analysis.sync)
    told = tuple(
        f"{wording.person(c.track_id)}: {c.summary}" if c.track_id is not None else c.summary for c in analysis.sync
    )
    return Section("Sound and lips", plot="sync" if drawn else None, bullets=told)


def _people(analysis: Analysis) -> Section | None:
    if not analysis.tracks:
        return None
    results = {person.track_id: person for person in analysis.people}
    rows = []
    for track in analysis.tracks:
        found = results.get(track.id)
        share = wording.percent(found.p_fake if found else None)
        rows.append((*_quality_row(track), share, (found.reason or "counts") if found else ""))
    head = ("Person", "Frames", "Face, px", "Sharpness", "Noise", "Brightness", "Turned", "Hidden", "P(fake)", "")
    return Section("Faces and their quality", ("Medians over the person's frames.",), grid=Grid(tuple(rows), head))


def _quality_row(track: FaceTrack) -> tuple[str, ...]:
    return (
        wording.person(track.id),
        str(len(track.frame)),
        f"{median(q.size_px for q in track.quality):.0f}",
        f"{median(q.blur for q in track.quality):.0f}",
        f"{median(q.noise for q in track.quality):.1f}",
        f"{median(q.luma for q in track.quality):.0f}",
        f"{median(q.yaw for q in track.quality):+.2f}",
        f"{median(q.occlusion for q in track.quality):.2f}",
    )


def _file(analysis: Analysis) -> Section:
    return Section("The file", grid=Grid(wording.media_rows(analysis.media)), bullets=analysis.media.info.hints)


def _provenance(analysis: Analysis) -> Section | None:
    found = analysis.provenance
    if found is None:
        return None
    grid = Grid(words.rows(found)) if words.rows(found) else None
    return Section("Where it says it comes from", (words.BESIDE,), grid=grid, bullets=words.notes(found))


def _detectors(analysis: Analysis) -> Section | None:
    used = {score.detector: score for score in analysis.scores}
    rows = [row for name, score in used.items() for row in _detector_rows(_card(name), score)]
    return Section("Detectors", grid=Grid(tuple(rows))) if rows else None


def _card(name: str) -> Card | None:
    try:
        return registry.card(name)
    except WorkbenchError:
        return None


def _detector_rows(card: Card | None, score: Score) -> list[tuple[str, str]]:
    told = [("Model", f"{score.title} ({score.detector})")]
    if score.weights_sha256:
        told.append(("Weights, SHA-256", score.weights_sha256))
    if card is None:
        return told
    measured = "; ".join(f"{m.name} {m.value:.3f} ({m.low:.3f} to {m.high:.3f}), n={m.n}, {m.dataset}"
                         for m in card.measured[:4])  # fmt: skip
    more = (
        ("Network", card.architecture),
        ("Licence of the weights", card.weights.licence),
        ("Trained on", card.weights.trained_on),
        ("Measured", measured),
    )
    return told + [(name, value) for name, value in more if value]


def _made(analysis: Analysis) -> Section:
    made = analysis.environment
    rows = [
        ("Analysed on (UTC)", analysis.created_at),
        ("Preset", analysis.preset),
        ("Frames looked at", str(len(analysis.frames)) if analysis.frames else ""),
        (
            "Program",
            f"Unmask {made.unmask}, Python {made.python}, PyTorch {made.torch}, on {made.device}" if made else "",
        ),
        ("Seconds", "; ".join(f"{wording.STAGE_TITLES[t.stage]} {t.seconds:.1f}" for t in analysis.timings)),
        ("Analysis", analysis.id),
    ]
    text = ("The analysis is the hash of the file, the settings, the weights and the program that it was made with.",)
    return Section("How it was made", text, grid=Grid(tuple((name, value) for name, value in rows if value)))
