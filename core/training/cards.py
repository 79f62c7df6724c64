"""Model cards as files: written and updated by the commands that measure what stands in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from core.registry import Card
from core.settings import CONFIGS

DETECTORS = CONFIGS / "detectors"


class _Dumper(yaml.SafeDumper):
    """Short lists of numbers on one line."""


def _sequence(dumper: yaml.SafeDumper, values: list[Any]) -> yaml.Node:
    flat = all(isinstance(v, int | float) for v in values)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", values, flow_style=flat)


_Dumper.add_representer(list, _sequence)


def card_path(detector_id: str, folder: Path = DETECTORS) -> Path:
    return folder / f"{detector_id}.yaml"


def read_card(path: Path) -> Card:
    """The card in a file, validated."""
    return Card.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))


def write_card(card: Card, path: Path) -> None:
    """Write ``card`` so that reading it gives the same card; a crash leaves the old file."""
    values = card.model_dump(mode="json", exclude_none=True)
    text = yaml.dump(values, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=118)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


def update_card(path: Path, **changes: Any) -> Card:
    """Replace fields of the card in ``path``; the result is validated before it is written."""
    values = read_card(path).model_dump(mode="json") | changes
    card = Card.model_validate(values)
    write_card(card, path)
    return card
