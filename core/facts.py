"""Facts that stand beside the verdict of an analysis and never vote. Imports no machine-learning library."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class LookKind(StrEnum):
    """How pictures were looked at again: in the mirror, cut closer or wider than in training, at half the resolution,
    or with the network's dropout at work."""

    MIRROR = "mirror"
    CLOSER = "closer"
    WIDER = "wider"
    HALF = "half"
    DROPOUT = "dropout"


SCALES = (LookKind.CLOSER, LookKind.WIDER, LookKind.HALF)


@dataclass(frozen=True, slots=True)
class Look:
    """A second look at ``n`` of the pictures or windows behind a score.

    ``p_fake`` is the mean P(fake) at that look, ``first`` the mean at the first look at the same pictures, and
    ``difference`` by how much the answers differ, in [0, 1]: the mean over the pictures of the distance, or of the
    standard deviation over the passes with dropout.
    """

    kind: LookKind
    n: int
    p_fake: float
    first: float
    difference: float


@dataclass(frozen=True, slots=True)
class Head:
    """What one head of a network with several says by itself, before the heads are added up: P(fake) of its own logit,
    in the mean and at ``t_s``. It is not calibrated and has no vote of its own."""

    name: str
    p_fake: float
    t_s: tuple[float, ...]
    p: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Attention:
    """Which frames a network attended to: ``weight[i]`` >= 0 is that of the frame at ``t_s[i]`` in units of an even
    share of its window, so the mean over each window is 1. In order of time, also where windows overlap."""

    t_s: tuple[float, ...]
    weight: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class MotionFacts:
    """How one person's face moves in ``n`` frames: facts beside the verdict, never a vote.

    ``explained`` is the share in [0, 1] of the change from frame to frame that optical flow accounts for, ``repeated``
    the share of new frames in which the face does not change at all, ``tremor`` how far landmarks leave an even motion,
    in distances between the eyes; each None where it could not be measured. ``unrest`` in [0, 1] at ``t_s`` is how
    little the motion network thinks the face moves like one that was filmed; it is not calibrated, and empty where no
    such network looked. ``summary`` says all of it in words.
    """

    track_id: int
    n: int
    summary: str
    explained: float | None = None
    repeated: float | None = None
    tremor: float | None = None
    t_s: tuple[float, ...] = ()
    unrest: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class SoundFacts:
    """What was measured of the sound: facts beside the verdict.

    ``kind`` is ``speech``, ``silence`` or ``other`` (music, noise). ``speech`` holds stretches (begin, end) in s on the
    medium's clock, found by ``found_by``; ``speech_s`` their sum. ``level_db`` (root mean square) and ``peak_db`` are
    dB of full scale, ``clipped`` the share of clipped samples, ``snr_db`` speech over its pauses, ``bandwidth_hz``
    where speech ends upwards, at most 8000. ``traces`` are those of codecs and lines, in words.

    For the eye: ``envelope`` holds magnitudes in [0, 1], evenly spread from ``start_s`` over ``duration_s``; ``mel`` 64
    rows of whole dB below the loudest, the lowest band first (:mod:`core.audio.facts`), columns likewise.
    """

    start_s: float
    duration_s: float
    kind: str
    speech: tuple[tuple[float, float], ...]
    speech_s: float
    found_by: str
    level_db: float
    peak_db: float
    clipped: float
    snr_db: float | None = None
    bandwidth_hz: float | None = None
    traces: tuple[str, ...] = ()
    envelope: tuple[float, ...] = ()
    mel: tuple[tuple[int, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Credentials:
    """Content credentials (C2PA) found in a file. ``state`` says in words whether the signature holds; ``generated``
    whether they say that a generative model made it; ``problems`` are the codes of checks that failed."""

    state: str
    signer: str = ""
    signed_at: str = ""
    generator: str = ""
    title: str = ""
    actions: tuple[str, ...] = ()
    generated: bool = False
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a file says it comes from: facts beside the verdict, never part of a score, and without what is private.

    ``credentials`` None means that there are none, which is no evidence. ``facts`` are (name, value); ``notes`` whole
    sentences; ``fingerprints`` perceptual hashes of 16 hexadecimal digits of some frames.
    """

    credentials: Credentials | None = None
    facts: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    fingerprints: tuple[str, ...] = ()
