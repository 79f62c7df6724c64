"""Below the choice of a preset: who is in it, who of them is here, and how they are put together."""

from __future__ import annotations

from html import escape

from core import registry
from core.errors import WorkbenchError
from core.settings import Settings
from core.weights.roster import Seat, fusion_words, headline, roster
from pages.demo import cards


def roster_html(preset_id: str, settings: Settings) -> str:
    """A preset's members as a list that can be opened; a preset that cannot be read says why."""
    try:
        preset = registry.ensemble(preset_id)
    except WorkbenchError as error:
        return cards.failure(error, "This preset cannot be read")
    seats = roster(preset, settings)
    rows = "".join(_row(seat) for seat in seats)
    return (
        f'<details class="um-roster"><summary>{escape(headline(seats))}</summary>'
        f"<p>{escape(preset.summary)}</p><ul>{rows}</ul>"
        f'<p class="um-faint">{escape(fusion_words(preset))}</p></details>'
    )


def _row(seat: Seat) -> str:
    mark = "um-here" if seat.here else "um-away"
    get = f"<code>{escape(seat.command)}</code>" if seat.command else ""
    about = ", ".join(part for part in (seat.looks_at, seat.state) if part)
    return f'<li class="{mark}"><b>{escape(seat.title)}</b><span>{escape(about)}</span>{get}</li>'
