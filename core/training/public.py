"""What the public detectors, whose files are on this machine, make of the test split: each asked as in an analysis."""

from __future__ import annotations

import json
import logging
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import ConfigError, WorkbenchError
from core.media.guard import identify
from core.registry import Card, Ensemble, Member, card, detector_ids, implementation
from core.runtime.pool import shared_pool
from core.settings import Settings
from core.stages.asking.answers import Answer
from core.stages.context import Context
from core.stages.finding import find_people
from core.stages.reading import read
from core.stages.scoring import ask
from core.training.data.manifest import Item, read_manifest
from core.training.results import Measured, Result, measures
from core.types import FaceTrack, Modality, Status
from core.weights.files import find

log = logging.getLogger(__name__)

KINDS = {"image": "pictures", "video": "clips", "audio": "voices"}
_LISTENS_TO = ("audio",)
_LOOKS_AT = {Modality.IMAGE: ("image", "video"), Modality.CLIP: ("video",)}
ROUNDS = 1000


@dataclass(frozen=True, slots=True)
class Row:
    """One detector's answer about one file; ``p`` is None where it had none, and ``why`` says why."""

    detector: str
    item: Item
    p: float | None
    why: str

    def facts(self) -> dict[str, Any]:
        item = self.item
        known = {k: getattr(item, k) for k in ("sha256", "source", "modality", "method", "identity", "fake")}
        return {"detector": self.detector, **known, "p_fake": None if self.p is None else round(self.p, 6)} | (
            {"why": self.why} if self.why else {}
        )


@dataclass(frozen=True, slots=True)
class Line:
    """The figure of one detector over one kind of file; ``auc`` is None where a class has fewer than two files."""

    detector: str
    title: str
    kind: str
    auc: Measured | None
    real: int
    fake: int
    unanswered: int

    def facts(self) -> dict[str, Any]:
        figure = self.auc and {"value": self.auc.value, "low": self.auc.low, "high": self.auc.high, "how": self.auc.how}
        counts = {"real": self.real, "fake": self.fake, "unanswered": self.unanswered}
        return {"detector": self.detector, "title": self.title, "kind": self.kind, "auc": figure or None, **counts}


def public_cards(settings: Settings) -> list[Card]:
    """Detectors that were trained elsewhere, judge by themselves, and whose files are here."""
    every = (card(name) for name in detector_ids())
    return [c for c in every if _judges(c) and all(found.usable for found in find(c, settings))]


def _judges(one: Card) -> bool:
    kind = implementation(one)
    return "core.cli train" not in one.weights.how_to_get and (hasattr(kind, "logits") or hasattr(kind, "segments"))


def measure(data: Path, settings: Settings, cards: Sequence[Card]) -> list[Row]:
    """Ask each detector about each file of the test split that it looks at or listens to.

    Raises:
        ConfigError: there is no detector, or the split is empty.
    """
    if not cards:
        raise ConfigError(
            "None of the public detectors has its files on this machine.",
            hint="See what there is with: python -m core.cli weights list",
        )
    items = [item for item in read_manifest(data, modalities=KINDS) if item.split == "test"]
    if not items:
        raise ConfigError("The manifest has no file of the split 'test'.", hint="See docs/training.md.")
    members = tuple(Member(detector=c.id) for c in cards)
    thresholds = {"fake": 0.5, "real": 0.5}
    preset = Ensemble(id="public", title="public", summary="-", members=members, thresholds=thresholds)
    rows: list[Row] = []
    for done, item in enumerate(items, 1):
        rows += _asked(data / item.path, item, cards, Context(settings, preset, shared_pool(settings.runtime)))
        log.info("public: %d of %d files", done, len(items))
    return rows


def _asked(path: Path, item: Item, cards: Sequence[Card], context: Context) -> list[Row]:
    chosen = [c for c in cards if item.modality in _kinds(c)]
    if not chosen:
        return []
    try:
        material = read(identify(path, context.settings.limits), context)
        tracks = () if item.modality == "audio" else find_people(material.frames, context)[0]
    except WorkbenchError as error:
        return [Row(c.id, item, None, error.message) for c in chosen]
    return [_row(c, item, ask(c, material, tracks, context), tracks) for c in chosen]


def _kinds(one: Card) -> tuple[str, ...]:
    return _LISTENS_TO if one.modality is Modality.AUDIO else _LOOKS_AT.get(one.modality, ())


def _row(one: Card, item: Item, answers: Sequence[Answer], tracks: Sequence[FaceTrack]) -> Row:
    """The answer about the medium, or about the person who is seen most."""
    main = max(tracks, key=lambda track: len(track.t_s)).id if tracks else None
    scores = [a.score for a in answers]
    told = next((s for s in scores if s.track_id == main), scores[0])
    return Row(one.id, item, told.p_fake if told.status is Status.OK else None, told.reason)


# --- figures -------------------------------------------------------------------------------------------------------


def lines(rows: Sequence[Row], cards: Sequence[Card]) -> list[Line]:
    """A figure for each detector and kind of file."""
    return [line for one in cards for kind in _kinds(one) if (line := _line(rows, one, kind)) is not None]


def _line(rows: Sequence[Row], one: Card, kind: str) -> Line | None:
    about = [row for row in rows if row.detector == one.id and row.item.modality == kind]
    answered = [(row.item, row.p) for row in about if row.p is not None]
    if not about:
        return None
    fakes = sum(item.fake for item, _ in answered)
    auc = _auc(one, answered) if min(fakes, len(answered) - fakes) >= 2 else None
    return Line(one.id, one.title, kind, auc, len(answered) - fakes, fakes, len(about) - len(answered))


def _auc(one: Card, answered: Sequence[tuple[Item, float]]) -> Measured:
    items = [item for item, _ in answered]
    result = Result(
        detector=one.id,
        title=one.title,
        files=tuple(item.sha256 for item in items),
        fake=np.array([item.fake for item in items]),
        p=np.array([p for _, p in answered], dtype=np.float64),
        methods=tuple(item.method for item in items),
        groups=tuple(item.identity for item in items),
    )
    return measures(result, rounds=ROUNDS, only={"AUC"})[0]


def write(rows: Sequence[Row], found: Sequence[Line], folder: Path, command: str) -> Path:
    """``public.json`` with every answer and ``public.md`` with the figures; returns the page."""
    facts = {"command": command, "figures": [line.facts() for line in found], "rows": [row.facts() for row in rows]}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "public.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    page = folder / "public.md"
    page.write_text(markdown(found, [row.item for row in rows], command), encoding="utf-8")
    return page


def put_figures(document: Path, found: Sequence[Line]) -> None:
    """Put the figures into the line "Measured here" of each detector's section of ``document``."""
    text = document.read_text(encoding="utf-8")
    for name in dict.fromkeys(line.detector for line in found):
        told = [f"AUC of {KINDS[one.kind]} {_figure(one.auc)}" for one in found if one.detector == name and one.auc]
        if told:
            figures = f"- **Measured here**: {'; '.join(told)} ([measured/public.md](measured/public.md))\n"
            section = rf"(### {re.escape(name)}\n(?:(?!\n#).)*?)- \*\*Measured here\*\*: .*?\n(?=- )"
            if match := re.search(section, text, flags=re.DOTALL):
                text = text[: match.start()] + match[1] + figures + text[match.end() :]
    document.write_text(text, encoding="utf-8")


def markdown(found: Sequence[Line], items: Iterable[Item], command: str) -> str:
    """The page of figures."""
    text = [
        "# Public detectors on the test split",
        "",
        "AUC with its 95 % interval on fakes of true generators and renders, an item a file: of a picture or clip the "
        "answer about the person seen most, of a recording the mean over its windows. 0.5 is a coin; below it the "
        "fakes got the lower scores. Intervals by DeLong, over persons by bootstrap where several files show one. "
        "Scores are raw. None of these files was trained on, or tuned on, here.",
        "",
    ]
    every = list({item.sha256: item for item in items}.values())
    for kind, name in KINDS.items():
        part = [line for line in found if line.kind == kind]
        if part:
            text += [
                f"## {name.capitalize()}",
                "",
                _made_by([i for i in every if i.modality == kind]),
                "",
                *_table(part),
            ]
    return "\n".join([*text, f"Printed by `{command}`.", ""])


def _made_by(items: Sequence[Item]) -> str:
    methods = Counter(item.method for item in items if item.fake)
    named = ", ".join(f"{name} ({count})" for name, count in methods.most_common())
    return f"{sum(not item.fake for item in items)} real, {sum(methods.values())} fake: {named}."


def _table(part: Sequence[Line]) -> list[str]:
    rows = [
        f"| `{line.detector}` | {_figure(line.auc)} | {line.real} | {line.fake} | {line.unanswered} |" for line in part
    ]
    return ["| detector | AUC | real | fake | no answer |", "|---|---|---|---|---|", *rows, ""]


def _figure(auc: Measured | None) -> str:
    return "–" if auc is None else f"{auc.value:.2f} [{auc.low:.2f}, {auc.high:.2f}]"
