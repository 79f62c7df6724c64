"""The review queue as pure logic: what comes first, what a key press does, and how far reviewers agree.

Nothing here reads a file or draws a page: a :class:`Queue` goes in, a new :class:`Queue` comes out, and the caller
writes :func:`changed` to the store.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from statistics import pstdev
from types import MappingProxyType

from core.types import Analysis


class State(StrEnum):
    """Where one reviewer stands with one item."""

    PENDING = "pending"
    DRAFT = "draft"
    SUBMITTED = "submitted"
    DISCARDED = "discarded"


class Judgement(StrEnum):
    """What a person says the medium is."""

    AUTHENTIC = "authentic"
    FAKE = "fake"
    UNSURE = "unsure"


class Action(StrEnum):
    """What a reviewer can do with the item on the table."""

    AUTHENTIC = "authentic"
    FAKE = "fake"
    UNSURE = "unsure"
    SUBMIT = "submit"
    SKIP = "skip"
    DISCARD = "discard"
    UNDO = "undo"


KEYS: Mapping[str, Action] = MappingProxyType(
    {
        "1": Action.AUTHENTIC,
        "a": Action.AUTHENTIC,
        "2": Action.FAKE,
        "f": Action.FAKE,
        "3": Action.UNSURE,
        "u": Action.UNSURE,
        "enter": Action.SUBMIT,
        "s": Action.SKIP,
        "x": Action.DISCARD,
        "ctrl+z": Action.UNDO,
    }
)
"""Hot keys, in lower case. The command key counts as ctrl."""


METHODS = ("face swap", "reenactment", "generated", "lip sync", "cloned voice", "edited by hand")
"""Methods that a reviewer may suspect."""

REGIONS = ("eyes", "mouth and teeth", "edge of the face", "skin", "hair", "background", "movement", "sound")
"""Where a reviewer may have seen it; kept as a tag behind :data:`REGION`."""

REGION = "region: "


@dataclass(frozen=True, slots=True)
class Item:
    """One analysed medium in the queue. ``priority`` in [0, 1], highest first."""

    id: str
    name: str
    priority: float


@dataclass(frozen=True, slots=True)
class Review:
    """One reviewer's word on one item.

    ``blind`` is the judgement made before the model's score was shown (None where there was none), ``judgement`` the
    one that stands. ``seen`` says that the score has been shown, and stays true after an undo. ``tags`` name methods
    that are suspected and regions (behind :data:`REGION`); ``consent`` allows training with the medium. ``at`` is when
    it was last stored (UTC, ISO 8601; "" = never).
    """

    item: str
    state: State = State.PENDING
    judgement: Judgement | None = None
    blind: Judgement | None = None
    note: str = ""
    seen: bool = False
    tags: tuple[str, ...] = ()
    consent: bool = False
    at: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Step:
    """What a step changed: the review and the skipped items as they were before it. ``joined`` steps are undone
    together with the one before them."""

    before: Review
    skipped: tuple[str, ...]
    joined: bool = False


@dataclass(frozen=True, slots=True)
class Queue:
    """All items of one reviewer. ``skipped`` come last, in the order in which they were put off."""

    items: tuple[Item, ...]
    reviews: Mapping[str, Review] = field(default_factory=dict)
    skipped: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()

    def review(self, item_id: str) -> Review:
        """The review of an item; a pending one where nothing was said yet."""
        return self.reviews.get(item_id, Review(item_id))


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a reviewer is: ``done`` = submitted + discarded, of ``total``."""

    done: int
    total: int
    drafts: int
    discarded: int

    @property
    def fraction(self) -> float:
        return self.done / self.total if self.total else 0.0


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far two reviewers agree on the ``n`` items that both judged. ``kappa`` (Cohen 1960, in [-1, 1]) is None
    where it is undefined: nothing in common, or both gave one and the same answer throughout."""

    first: str
    second: str
    n: int
    observed: float | None
    kappa: float | None


def uncertainty(p_fake: float) -> float:
    """1 at P(fake) = 0.5, falling linearly to 0 at 0 and 1."""
    return 1.0 - abs(2.0 * p_fake - 1.0)


def disagreement(members: Sequence[float]) -> float:
    """Twice the standard deviation of the members' P(fake): 0 = all alike, 1 = half say 0, half say 1."""
    return 2.0 * pstdev(members) if len(members) > 1 else 0.0


def priority(analysis: Analysis) -> float:
    """How much a human answer would tell, in [0, 1]: uncertainty x (1 + disagreement) / 2.

    The 1 keeps the order of media that a single detector answered for, where disagreement is 0. A medium without a
    score comes last.
    """
    verdict = analysis.verdict
    if verdict.p_fake is None:
        return 0.0
    spread = disagreement([c.p_fake for c in verdict.contributions])
    return uncertainty(verdict.p_fake) * (1.0 + spread) / 2.0


def order(analyses: Iterable[Analysis]) -> tuple[Item, ...]:
    """The queue's items, most instructive first; ties by time of analysis, then id, so the order is total."""
    ranked = sorted(analyses, key=lambda a: (-priority(a), a.created_at, a.id))
    return tuple(Item(a.id, a.media.name, priority(a)) for a in ranked)


def resume(items: tuple[Item, ...], reviews: Mapping[str, Review]) -> Queue:
    """A queue as it was left: what was stored can be undone, latest first.

    Args:
        items: in order.
        reviews: by item, in the order in which they were last changed.
    """
    known = {item.id for item in items}
    kept = {item_id: review for item_id, review in reviews.items() if item_id in known}
    steps = tuple(step for review in kept.values() for step in _steps_to(review))
    return Queue(items, kept, (), steps)


def refill(queue: Queue, items: tuple[Item, ...], reviews: Mapping[str, Review]) -> Queue:
    """The same queue over other items, with the reviews as they are stored now; steps on items that are gone go."""
    known = {item.id for item in items}
    return Queue(
        items,
        {item_id: review for item_id, review in reviews.items() if item_id in known},
        tuple(item_id for item_id in queue.skipped if item_id in known),
        tuple(step for step in queue.steps if step.before.item in known),
    )


def upcoming(queue: Queue) -> tuple[Item, ...]:
    """The open items in the order in which they will be asked: skipped ones after all others."""
    open_items = [i for i in queue.items if queue.review(i.id).state in (State.PENDING, State.DRAFT)]
    place = {item_id: n for n, item_id in enumerate(queue.skipped, start=1)}
    return tuple(sorted(open_items, key=lambda i: place.get(i.id, 0)))


def current(queue: Queue) -> Item | None:
    """The item on the table; None when all are done."""
    return next(iter(upcoming(queue)), None)


def score_visible(review: Review) -> bool:
    """Whether the model's score may be shown: only once the reviewer has judged, so that it cannot anchor."""
    return review.state is not State.PENDING and review.judgement is not None


def decide(queue: Queue, judgement: Judgement) -> Queue:
    """Judge the item on the table. The first judgement is a draft and uncovers the score; the same judgement again
    submits it, another one replaces it."""
    item = current(queue)
    if item is None:
        return queue
    review = queue.review(item.id)
    if review.state is State.DRAFT and review.judgement is judgement:
        return submit(queue)
    return _step(queue, _drafted(review, judgement))


def decide_many(queue: Queue, item_ids: Iterable[str], judgement: Judgement) -> Queue:
    """The same judgement for several open items: each becomes a draft. One undo takes all of it back."""
    chosen = _open_among(queue, item_ids)
    return _steps(queue, [_drafted(queue.review(item_id), judgement) for item_id in chosen])


def submit_many(queue: Queue, item_ids: Iterable[str]) -> Queue:
    """Close those of the items that are drafts. One undo takes all of it back."""
    drafts = [queue.review(item_id) for item_id in _open_among(queue, item_ids)]
    return _steps(queue, [replace(d, state=State.SUBMITTED) for d in drafts if d.state is State.DRAFT])


def submit(queue: Queue) -> Queue:
    """Close the item on the table with the judgement of its draft; nothing happens without one."""
    return _close(queue, State.SUBMITTED)


def discard(queue: Queue) -> Queue:
    """Take the item on the table out of the queue: it is no use as a labelled example."""
    return _close(queue, State.DISCARDED)


def skip(queue: Queue) -> Queue:
    """Put the item on the table off until all others were asked."""
    item = current(queue)
    if item is None:
        return queue
    skipped = (*(s for s in queue.skipped if s != item.id), item.id)
    return _step(queue, queue.review(item.id), skipped)


def undo(queue: Queue) -> Queue:
    """Take the last step back. That the score was seen cannot be undone."""
    if not queue.steps:
        return queue
    *rest, last = queue.steps
    now = queue.review(last.before.item)
    before = replace(last.before, seen=now.seen, note=now.note, tags=now.tags, at=now.at)
    earlier = replace(queue, reviews={**queue.reviews, now.item: before}, skipped=last.skipped, steps=tuple(rest))
    return undo(earlier) if last.joined else earlier


def annotate(queue: Queue, item_id: str, note: str | None = None, tags: Iterable[str] | None = None) -> Queue:
    """Keep a note or tags on an item, whatever its state; None leaves them. Not a step: undo leaves both alone."""
    review = queue.review(item_id)
    review = replace(
        review,
        note=review.note if note is None else note,
        tags=review.tags if tags is None else tuple(dict.fromkeys(tags)),
    )
    return replace(queue, reviews={**queue.reviews, item_id: review})


def allow(before: Queue, after: Queue, consent: bool) -> Queue:
    """``after``, in which the reviews that were submitted since ``before`` allow training or do not."""
    closed = [r for r in changed(before, after) if r.state is State.SUBMITTED]
    return replace(after, reviews={**after.reviews, **{r.item: replace(r, consent=consent) for r in closed}})


_ACTIONS: Mapping[Action, Callable[[Queue], Queue]] = MappingProxyType(
    {
        Action.AUTHENTIC: lambda queue: decide(queue, Judgement.AUTHENTIC),
        Action.FAKE: lambda queue: decide(queue, Judgement.FAKE),
        Action.UNSURE: lambda queue: decide(queue, Judgement.UNSURE),
        Action.SUBMIT: submit,
        Action.SKIP: skip,
        Action.DISCARD: discard,
        Action.UNDO: undo,
    }
)


def act(queue: Queue, action: Action) -> Queue:
    """Do what a button or key stands for."""
    return _ACTIONS[action](queue)


def changed(before: Queue, after: Queue) -> tuple[Review, ...]:
    """The reviews that a step altered: what the caller has to store."""
    return tuple(review for item_id, review in after.reviews.items() if before.review(item_id) != review)


def progress(queue: Queue) -> Progress:
    states = [queue.review(item.id).state for item in queue.items]
    discarded = states.count(State.DISCARDED)
    return Progress(states.count(State.SUBMITTED) + discarded, len(states), states.count(State.DRAFT), discarded)


def agreement(
    first: str, labels_of_first: Mapping[str, Judgement], second: str, labels_of_second: Mapping[str, Judgement]
) -> Agreement:
    """Observed agreement and Cohen's kappa of two reviewers, from their judgements by item."""
    common = sorted(labels_of_first.keys() & labels_of_second.keys())
    n = len(common)
    if n == 0:
        return Agreement(first, second, 0, None, None)
    a = [labels_of_first[i] for i in common]
    b = [labels_of_second[i] for i in common]
    observed = sum(x is y for x, y in zip(a, b, strict=True)) / n
    chance = sum(a.count(j) * b.count(j) for j in Judgement) / n**2
    kappa = None if chance == 1.0 else (observed - chance) / (1.0 - chance)
    return Agreement(first, second, n, observed, kappa)


def _steps_to(review: Review) -> tuple[Step, ...]:
    """The steps that lead from pending to a stored review."""
    pending = Step(replace(review, state=State.PENDING, judgement=None, blind=None), ())
    draft = Step(replace(review, state=State.DRAFT), ())
    match review.state:
        case State.PENDING:
            return ()
        case State.DRAFT:
            return (pending,)
        case _:
            return (pending, draft) if review.judgement else (pending,)


def _close(queue: Queue, state: State) -> Queue:
    item = current(queue)
    if item is None:
        return queue
    review = queue.review(item.id)
    if state is State.SUBMITTED and review.judgement is None:
        return queue
    return _step(queue, replace(review, state=state))


def _drafted(review: Review, judgement: Judgement) -> Review:
    blind = review.blind if review.seen else judgement
    return replace(review, state=State.DRAFT, judgement=judgement, blind=blind, seen=True)


def _open_among(queue: Queue, item_ids: Iterable[str]) -> list[str]:
    wanted = set(item_ids)
    return [item.id for item in upcoming(queue) if item.id in wanted]


def _steps(queue: Queue, reviews: Sequence[Review]) -> Queue:
    for place, review in enumerate(reviews):
        queue = _step(queue, review, joined=place > 0)
    return queue


def _step(queue: Queue, review: Review, skipped: tuple[str, ...] | None = None, *, joined: bool = False) -> Queue:
    """Store a review under its item and remember how to take that back."""
    before = Step(queue.review(review.item), queue.skipped, joined)
    return replace(
        queue,
        reviews={**queue.reviews, review.item: review},
        skipped=queue.skipped if skipped is None else skipped,
        steps=(*queue.steps, before),
    )
