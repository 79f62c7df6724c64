"""What people's labels of a medium add up to, and how much it counts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from core.store.feedback import Label, Truth

# A word that nobody has confirmed counts less; one that nobody has signed still less.
ALONE, UNSIGNED = 0.5, 0.25
# More reviewers than this must disagree with at most a third of their number before a majority stands.
_MAJORITY = 2 / 3
MAX_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Vote:
    """A medium and what was said of it. ``weight`` in [0, 1] is how much it counts in training; ``held`` says why it is
    held back ("" = it is not). ``reviewers`` are the named ones on the side that stands; ``tags`` what they added."""

    media_sha256: str
    fake: bool
    weight: float
    reviewers: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    held: str = ""


def votes(labels: Sequence[Label]) -> list[Vote]:
    """One vote a medium out of labels that stand and whose authors allow training; "unsure" says nothing.

    Two named reviewers who agree count fully, one half, an unnamed one a quarter. Where they contradict each other the
    medium is held back, unless at least three named reviewers spoke and two thirds of them agree.
    """
    by_medium: dict[str, list[Label]] = defaultdict(list)
    for label in labels:
        if label.media_sha256 and label.consent and label.truth is not Truth.UNSURE and not label.retracted:
            by_medium[label.media_sha256].append(label)
    return [_vote(sha256, said) for sha256, said in sorted(by_medium.items())]


def _vote(sha256: str, said: Sequence[Label]) -> Vote:
    sides: Mapping[bool, list[Label]] = {
        fake: [label for label in said if (label.truth is Truth.FAKE) == fake] for fake in (True, False)
    }
    names = {fake: sorted({label.reviewer for label in side if label.reviewer}) for fake, side in sides.items()}
    fake = (len(names[True]), len(sides[True])) > (len(names[False]), len(sides[False]))
    tags = tuple(sorted({tag for label in sides[fake] for tag in label.tags}))
    vote = Vote(sha256, fake, _weight(names[fake]), tuple(names[fake]), tags)
    if not (sides[True] and sides[False]):
        return vote
    total = len(names[True]) + len(names[False])
    share = len(names[fake]) / total if total else 0.0
    if total >= 3 and share >= _MAJORITY:
        return replace(vote, weight=share)
    return replace(vote, weight=0.0, held="reviewers contradict each other")


def _weight(reviewers: Sequence[str]) -> float:
    if len(reviewers) >= 2:
        return 1.0
    return ALONE if reviewers else UNSIGNED


def capped(found: Sequence[Vote], max_share: float = MAX_SHARE) -> list[Vote]:
    """Votes with the weight of any single voice brought down to ``max_share`` of all weight: nobody can steer the
    detectors alone. What only one person said, and what nobody signed, are the voices that are brought down.

    Where there is but one voice, all its votes are held back.
    """
    mine: dict[str, list[int]] = defaultdict(list)
    for i, vote in enumerate(found):
        if not vote.held and len(vote.reviewers) < 2:
            mine["".join(vote.reviewers)].append(i)
    out = list(found)
    total = sum(v.weight for v in found)
    for who, places in sorted(mine.items()):
        own = sum(found[i].weight for i in places)
        rest = total - own
        if rest <= 0:
            name = who or "an unnamed visitor"
            held = f"all labels come from {name}; a second reviewer must confirm some of them"
            out = [replace(v, weight=0.0, held=v.held or held) for v in out]
            break
        if own > max_share * total:
            factor = max_share / (1.0 - max_share) * rest / own
            for i in places:
                out[i] = replace(out[i], weight=out[i].weight * min(1.0, factor))
    return out
