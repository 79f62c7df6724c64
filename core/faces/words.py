"""What the facts of motion mean, in words that a reader without training understands."""

from __future__ import annotations

from core import wording
from core.facts import MotionFacts
from core.types import Analysis

BESIDE = (
    "These are facts beside the verdict: none of them has a vote. Low light, strong compression and a shaking camera "
    "raise tremor and unrest of honest clips as well; compare people and moments within a clip, not clips."
)
MEANINGS = (
    ("Explained", "share of the change from frame to frame that is plain movement; a face that is drawn anew for every "
     "frame also changes where nothing moves"),
    ("Repeated", "share of new frames in which the face is exactly the one before"),
    ("Tremor", "how far the landmarks leave an even motion, in distances between the eyes"),
    ("Unrest", "how little a motion network thinks that this moves like a filmed face; not calibrated"),
)  # fmt: skip
ATTENTION = "How much each frame counted for a model that looks at the whole clip; the dotted line is an even share."
HEAD = ("Person", "Frames", "Explained", "Repeated", "Tremor", "Unrest", "Most unrest")


def rows(analysis: Analysis) -> list[tuple[str, ...]]:
    """The facts of each person under the names of ``HEAD``; "–" where there is none."""
    return [_row(facts) for facts in analysis.motion]


def told(analysis: Analysis) -> list[str]:
    """Sentences about each person's motion and about the moments that networks over time attended to."""
    moves = [(facts.track_id, facts.summary) for facts in analysis.motion]
    seen = [(score.track_id, wording.attention(score)) for score in analysis.scores]
    return [f"{wording.person(who)}: {text}" for who, text in moves + seen if text]


def _row(facts: MotionFacts) -> tuple[str, ...]:
    worst = max(zip(facts.unrest, facts.t_s, strict=True), default=None)
    return (
        wording.person(facts.track_id),
        str(facts.n),
        _share(facts.explained),
        _share(facts.repeated),
        "–" if facts.tremor is None else f"{facts.tremor:.1%}",
        _share(sum(facts.unrest) / len(facts.unrest) if facts.unrest else None),
        "–" if worst is None else f"{worst[0]:.0%} at {wording.clock(worst[1])}",
    )


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.0%}"
