"""Pieces of the page as HTML. Whatever comes from a file or a model is escaped."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Sequence
from html import escape

from PIL import Image

from core import wording
from core.audio import words as voice_words
from core.errors import WorkbenchError
from core.faces import words as face_words
from core.facts import Provenance
from core.provenance import words
from core.sync import words as sync_words
from core.types import RGB, Analysis, Label, PersonResult, Progress, Stage, Verdict

_MARKS = {
    Label.FAKE: '<path d="M12 3 2 20h20L12 3Z"/><path d="M12 10v4m0 3v.01"/>',
    Label.REAL: '<circle cx="12" cy="12" r="9"/><path d="m8 12.5 2.7 2.7L16 9.5"/>',
    Label.UNCERTAIN: '<circle cx="12" cy="12" r="9"/>'
    '<path d="M9.5 9.5a2.5 2.5 0 1 1 3.4 2.4c-.6.3-.9.7-.9 1.6"/>'
    '<path d="M12 16.5v.01"/>',
    Label.NOT_APPLICABLE: '<circle cx="12" cy="12" r="9"/><path d="M8 12h8"/>',
}


def mark(label: Label) -> str:
    """The sign of a label; the words beside it say the same."""
    return (
        '<svg class="um-mark" viewBox="0 0 24 24" aria-hidden="true" fill="none" stroke="currentColor" '
        f'stroke-width="2" stroke-linecap="round" stroke-linejoin="round">{_MARKS[label]}</svg>'
    )


def header(line: str) -> str:
    """The top of a page: the name and one line on what the page is for."""
    return f'<header class="um-header"><h1>Unmask</h1><p>{escape(line)}</p></header>'


def welcome() -> str:
    """What the result side shows before there is a result."""
    steps = (
        ("A verdict you can question", "How likely it is a fake, how sure that is, and which person it is about."),
        ("What every model says", "Each with its own score; one that could not answer says why."),
        ("Where it shows", "Scores over time for each person. Click a point to see that very frame."),
    )
    items = "".join(f"<li><strong>{a}</strong><span>{b}</span></li>" for a, b in steps)
    return f'<section class="um-card um-welcome"><h2>Your result will appear here</h2><ul>{items}</ul></section>'


def progress(step: Progress) -> str:
    """Where the analysis is: percent, the named stage, and what is behind and ahead."""
    stages = [stage for stage in Stage if stage is not Stage.QUEUED]
    at = -1 if step.stage is Stage.QUEUED else stages.index(step.stage)
    percent = round(100 * step.fraction)
    rows = "".join(
        f'<li class="{"done" if i < at else "now" if i == at else "next"}"'
        f"{' aria-current=step' if i == at else ''}>{escape(wording.STAGE_TITLES[stage])}</li>"
        for i, stage in enumerate(stages)
    )
    title = wording.STAGE_TITLES[step.stage]
    detail = f"<span>{escape(step.detail)}</span>" if step.detail else ""
    return (
        f'<section class="um-card um-progress"><div class="um-progress-head" role="status"><h2>{escape(title)}</h2>'
        f'{detail}<b>{percent}%</b></div><progress max="100" value="{percent}" aria-label="Progress of the analysis">'
        f"{percent}%</progress><ol>{rows}</ol></section>"
    )


def failure(error: WorkbenchError, title: str = "This file could not be analysed") -> str:
    """What went wrong and what to do about it. It stays until the next attempt."""
    return (
        f'<section class="um-card um-error" role="alert"><h2>{escape(title)}</h2><p>{escape(error.message)}</p>'
        f'<p class="um-hint"><b>What you can do:</b> {escape(error.hint)}</p></section>'
    )


def note(text: str, tone: str = "info") -> str:
    """One line of news, read out by a screen reader. ``tone``: info, good or bad."""
    return f'<p class="um-note um-{tone}" role="status">{escape(text)}</p>' if text else ""


def verdict(result: Verdict) -> str:
    """The headline: the label in words, and the number with what it is."""
    return (
        f'<section class="um-headline um-{result.label.value}" role="status">{mark(result.label)}<div>'
        f"<h2>{wording.VERDICT_TITLES[result.label]}</h2><p>{escape(wording.VERDICT_SUMMARIES[result.label])}</p></div>"
        f"{_figure(result)}</section>"
    )


def details(analysis: Analysis) -> str:
    """The facts behind the number, the reasons, and what one should know of the reading."""
    facts = "".join(f"<div><dt>{escape(k)}</dt><dd>{escape(v)}</dd></div>" for k, v in _facts(analysis))
    return (
        f"{f'<dl class=um-key>{facts}</dl>' if facts else ''}{_list('Why', analysis.verdict.reasons)}"
        f"{_list('Please note', _notes(analysis))}"
    )


def _figure(result: Verdict) -> str:
    if result.p_fake is None:
        return ""
    kind = wording.probability_kind(result.calibrated)
    return (
        f'<div class="um-number"><b>{wording.percent(result.p_fake)}</b>'
        f"<span>probability of a fake<br>{kind}</span></div>"
    )


def _facts(analysis: Analysis) -> Iterable[tuple[str, str]]:
    result = analysis.verdict
    rows = (
        ("Range", wording.interval(result.interval)),
        ("Agreement", wording.agreement(result)),
        ("About", wording.driver(analysis)),
        ("Lines", wording.thresholds(result.thresholds) if result.p_fake is not None else ""),
    )
    return ((name, value) for name, value in rows if value)


def _notes(analysis: Analysis) -> tuple[str, ...]:
    return tuple(
        dict.fromkeys([*analysis.warnings, *analysis.media.info.warnings, *wording.enhancement_notes(analysis)])
    )


def _list(title: str, lines: Sequence[str]) -> str:
    if not lines:
        return ""
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f"<div class=um-lines><h3>{escape(title)}</h3><ul>{items}</ul></div>"


def people(analysis: Analysis) -> str:
    """One row a person where there are several."""
    if len(analysis.people) < 2:
        return ""
    rows = "".join(_person(row, analysis.verdict.track_id) for row in analysis.people)
    return (
        '<table class="um-table"><caption>People in this file</caption><thead><tr><th>Who</th>'
        f"<th>Probability of a fake</th><th>Remark</th></tr></thead><tbody>{rows}</tbody></table>"
    )


def _person(row: PersonResult, driver: int | None) -> str:
    remark = row.reason or ("drives the verdict" if row.track_id == driver else "")
    return (
        f"<tr><th scope=row>{escape(wording.person(row.track_id))}</th><td>{wording.percent(row.p_fake)}</td>"
        f"<td>{escape(remark)}</td></tr>"
    )


def sound(analysis: Analysis) -> str:
    """What the sound is like, and how to read its picture; "" without sound."""
    if analysis.sound is None:
        return ""
    said = "".join(f"<li>{escape(line)}</li>" for line in voice_words.told(analysis))
    return f'<div class="um-explain"><ul>{said}</ul><p>{escape(voice_words.READING)}</p></div>'


def sync(analysis: Analysis) -> str:
    """How to read the sync curve, and what it says here."""
    said = "".join(f"<li>{escape(line)}</li>" for line in sync_words.told(analysis))
    methods = ", ".join(dict.fromkeys(escape(curve.method) for curve in analysis.sync))
    return (
        f'<div class="um-explain"><ul>{said}</ul><p>{escape(sync_words.READING)} {escape(sync_words.OVER_TIME)}</p>'
        f"<p class=um-faint>Method: {methods}.</p></div>"
    )


def motion(analysis: Analysis) -> str:
    """How each face moves, and what each of these facts means; "" where no model looked at motion."""
    if not analysis.motion:
        return ""
    said = "".join(f"<li>{escape(line)}</li>" for line in face_words.told(analysis))
    head = "".join(f"<th scope=col>{escape(name)}</th>" for name in face_words.HEAD)
    rows = "".join(
        f"<tr><th scope=row>{escape(row[0])}</th>{''.join(f'<td>{escape(cell)}</td>' for cell in row[1:])}</tr>"
        for row in face_words.rows(analysis)
    )
    means = "".join(f"<li><strong>{name}</strong>: {escape(text)}</li>" for name, text in face_words.MEANINGS)
    return (
        f'<div class="um-explain"><p>{escape(face_words.BESIDE)}</p><ul>{said}</ul>'
        '<div class="um-scroll" tabindex="0" role="region" aria-label="How the faces move">'
        f'<table class="um-table"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
        f"<details><summary>What these facts are</summary><ul>{means}</ul></details></div>"
    )


def attention() -> str:
    """How to read the course of attention."""
    return f'<p class="um-faint">{escape(face_words.ATTENTION)} Click a point to see that frame.</p>'


def facts(analysis: Analysis) -> str:
    """What is known of the file, hints of its history, and how the result was made."""
    rows = "".join(
        f"<tr><th scope=row>{escape(k)}</th><td>{escape(v)}</td></tr>" for k, v in wording.media_rows(analysis.media)
    )
    hints = _list("What the file tells of its history (facts, not part of the score)", analysis.media.info.hints)
    told = _provenance(analysis.provenance)
    return f'<table class="um-table um-facts"><tbody>{rows}</tbody></table>{hints}{told}{_made(analysis)}'


def _provenance(found: Provenance | None) -> str:
    if found is None:
        return ""
    rows = "".join(f"<tr><th scope=row>{escape(k)}</th><td>{escape(v)}</td></tr>" for k, v in words.rows(found))
    grid = f'<table class="um-table um-facts"><tbody>{rows}</tbody></table>' if rows else ""
    return f"{_list('Where it says it comes from', words.notes(found))}{grid}<p class=um-faint>{words.BESIDE}</p>"


def _made(analysis: Analysis) -> str:
    seconds = sum(timing.seconds for timing in analysis.timings)
    parts = [
        f"preset {analysis.preset}",
        f"{len(analysis.frames)} frames looked at" if len(analysis.frames) > 1 else "",
    ]
    parts.append(f"{seconds:.1f} s" if seconds else "")
    if analysis.environment is not None:
        parts.append(f"Unmask {analysis.environment.unmask} on {analysis.environment.device}")
    parts.append(f"analysis {analysis.id[:12]}")
    return f'<p class="um-faint">{escape(" · ".join(p for p in parts if p))}</p>'


def preview(kind: str, name: str, detail: str, *, image: RGB | None = None, url: str = "") -> str:
    """The chosen file: a picture, or a player at ``url``."""
    label = escape(f"{kind} {name}", quote=True)
    if image is not None:
        shown = f'<img alt="Preview of {label}" src="{data_url(image, 640)}">'
    else:
        tag = "audio" if kind == "audio" else "video"
        shown = f'<{tag} controls preload="metadata" playsinline aria-label="{label}" src="{escape(url)}"></{tag}>'
    return f'<figure class="um-preview">{shown}<figcaption>{escape(detail)}</figcaption></figure>'


def frame(rgb: RGB, caption: str, alt: str) -> str:
    """One frame with its faces marked."""
    return (
        f'<figure class="um-frame"><img alt="{escape(alt, quote=True)}" src="{data_url(rgb, 1280)}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def data_url(rgb: RGB, longest_px: int) -> str:
    """A picture as a JPEG inside the page, its longer side at most ``longest_px``."""
    image = Image.fromarray(rgb)
    image.thumbnail((longest_px, longest_px))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=86)
    return "data:image/jpeg;base64," + base64.b64encode(out.getvalue()).decode("ascii")
