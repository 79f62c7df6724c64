"""Versions of a detector that were made on this machine out of people's labels, below ``<data_dir>/versions``.

Each is a folder ``<detector>/<number>`` with ``card.yaml``, the weights and ``report.json``. The file ``current`` of a
detector names the one in use; without it the weights that came with the program are.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from core.errors import NotFoundError, StorageError, WeightsError
from core.registry import Card
from core.settings import Settings

_NUMBER = re.compile(r"\d{4}")
SHIPPED = "shipped"


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a detector; ``report`` is what was measured before and after it was made."""

    detector: str
    number: str
    folder: Path
    report: dict[str, Any]
    current: bool

    @property
    def card_file(self) -> Path:
        return self.folder / "card.yaml"


def folder(detector_id: str, settings: Settings) -> Path:
    """Where the versions of a detector lie."""
    return settings.data_dir / "versions" / detector_id


def current(detector_id: str, settings: Settings) -> str:
    """The number of the version in use, or :data:`SHIPPED`."""
    try:
        number = (folder(detector_id, settings) / "current").read_text(encoding="utf-8").strip()
    except OSError:
        return SHIPPED
    return number if _NUMBER.fullmatch(number) else SHIPPED


def versions(detector_id: str, settings: Settings) -> list[Version]:
    """All versions, oldest first."""
    used = current(detector_id, settings)
    places = sorted(p for p in folder(detector_id, settings).glob("*") if _NUMBER.fullmatch(p.name))
    return [Version(detector_id, p.name, p, _report(p), p.name == used) for p in places]


def new_folder(detector_id: str, settings: Settings) -> Path:
    """A folder for the next version.

    Raises:
        StorageError: it cannot be made.
    """
    place = folder(detector_id, settings)
    taken = [int(p.name) for p in place.glob("*") if _NUMBER.fullmatch(p.name)]
    target = place / f"{max(taken, default=0) + 1:04d}"
    try:
        target.mkdir(parents=True, mode=0o700)
    except OSError as exc:
        raise StorageError(f"The folder {target} cannot be made.", hint="Check that it is writable.") from exc
    return target


def use(detector_id: str, number: str, settings: Settings) -> None:
    """Put a version to use; :data:`SHIPPED` goes back to the weights of the program.

    Raises:
        NotFoundError: there is no such version.
        StorageError: it cannot be written down.
    """
    place = folder(detector_id, settings)
    if number != SHIPPED and not (_NUMBER.fullmatch(number) and (place / number / "card.yaml").is_file()):
        known = ", ".join(v.number for v in versions(detector_id, settings)) or "none"
        raise NotFoundError(f"{detector_id} has no version '{number}'.", hint=f"There are: {SHIPPED}, {known}.")
    try:
        if number == SHIPPED:
            (place / "current").unlink(missing_ok=True)
            return
        part = place / "current.part"
        part.write_text(number + "\n", encoding="utf-8")
        part.replace(place / "current")
    except OSError as exc:
        raise StorageError(f"The choice cannot be written below {place}.", hint="Check that it is writable.") from exc


def rollback(detector_id: str, settings: Settings) -> str:
    """Go back to the version that was in use before the present one; returns its number.

    Raises:
        NotFoundError: the shipped weights are in use.
    """
    used = current(detector_id, settings)
    if used == SHIPPED:
        raise NotFoundError(f"{detector_id} runs with its shipped weights.", hint="There is nothing to go back from.")
    report = _report(folder(detector_id, settings) / used)
    before = str(report.get("made_from", SHIPPED))
    use(detector_id, before, settings)
    return before


def promoted(card: Card, settings: Settings) -> Card | None:
    """The card of the version in use; None where the shipped weights are.

    Raises:
        WeightsError: the version is damaged.
    """
    number = current(card.id, settings)
    if number == SHIPPED:
        return None
    path = folder(card.id, settings) / number / "card.yaml"
    try:
        return Card.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, ValidationError, yaml.YAMLError) as exc:
        raise WeightsError(
            f"Version {number} of {card.title} is damaged.",
            hint=f"Go back: python -m core.cli finetune rollback {card.id}",
        ) from exc


def weights_file(card: Card, settings: Settings) -> Path:
    """Where the weights of the version in use lie."""
    return folder(card.id, settings) / current(card.id, settings) / card.weights.file


def _report(place: Path) -> dict[str, Any]:
    try:
        found = json.loads((place / "report.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
