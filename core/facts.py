"""Facts that stand beside the verdict of an analysis and never vote. Imports no machine-learning library."""

from __future__ import annotations

from dataclasses import dataclass


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
