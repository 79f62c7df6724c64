"""How a network that is only asked is run: by torch, or by an engine made for inference.

All backends lie behind one call, tensors in and tensors out. ``auto`` tries those that this machine has on the network
itself, once; the fastest whose answers are torch's is remembered in ``<data_dir>/backends`` under the machine, the
versions and the hash of the weights, and so is what had to be exported for it. Gradients always come from torch.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias, TypeVar, runtime_checkable

import numpy as np
import numpy.typing as npt
import torch

from core.errors import ConfigError
from core.runtime.engines import REDUCED, Forward, build, offered, only_kept, relaid, suits, versions
from core.runtime.machine import machine
from core.settings import Settings
from core.store.files import closed_folder

log = logging.getLogger(__name__)

Numbers: TypeAlias = npt.NDArray[np.float64]
Judge: TypeAlias = Callable[[tuple[torch.Tensor, ...]], Numbers]

TOLERANCE = 0.01  # of a probability
_STEEPEST = 0.25  # slope of the sigmoid at one half
_ROUNDING = 1e-4
_SLOW_S = 1.0  # a pass that takes longer is timed once
_FORMAT = 2


@runtime_checkable
class Asked(Protocol):
    """A detector whose network can be asked by a backend."""

    ask: Forward
    weights_sha256: str
    device: str

    def subject(self) -> Subject: ...


_D = TypeVar("_D")


@dataclass(frozen=True, slots=True)
class Subject:
    """What a backend is tried on.

    ``module`` maps inputs float[N, ...] to one tensor or several. ``example`` are inputs on the device, at least two.
    ``judge`` turns outputs into numbers in [0, 1] that must not move by more than ``tolerance``. ``free`` are the
    dimensions of the inputs whose length may change.
    """

    title: str
    weights_sha256: str
    module: torch.nn.Module
    example: torch.Tensor
    judge: Judge
    free: tuple[int, ...] = (0,)
    tolerance: float = TOLERANCE


class Scored(torch.nn.Module):
    """A detector's network and what it makes of its outputs, as one module."""

    def __init__(self, network: torch.nn.Module, scored: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.network = network
        self._scored = scored

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self._scored(x)


@dataclass(frozen=True, slots=True)
class Trial:
    """One backend tried: ``seconds`` of one pass over the example, the largest ``difference`` of what is judged, and
    whether some number changed its side of one half. With reduced precision the difference is the largest that the
    same shift of logits would make anywhere: what the trial's inputs saturate shows little by itself."""

    backend: str
    seconds: float
    difference: float
    flipped: bool

    def same(self, tolerance: float) -> bool:
        return self.difference <= tolerance and not self.flipped


def accelerated(detector: _D, settings: Settings) -> _D:
    """``detector``, asking its network by the backend of the settings if it is one that can.

    Raises:
        ConfigError: a backend was asked for that is not on this machine.
    """
    if isinstance(detector, Asked):
        detector.ask = forward(detector.subject(), settings, detector.device)
    return detector


def forward(subject: Subject, settings: Settings, device: str) -> Forward:
    """``subject`` by the backend of the settings, after a trial where none is remembered.

    Raises:
        ConfigError: a backend was asked for that is not on this machine.
    """
    wanted, names = settings.runtime.backend, offered(device)
    if wanted not in ("auto", *names):
        raise ConfigError(
            f"The backend '{wanted}' is not on this machine.",
            hint=f"Set UNMASK_RUNTIME__BACKEND to auto or one of: {', '.join(names)}. More come with: "
            "python -m pip install -r requirements-speed.txt",
        )
    if wanted == "torch" or len(names) == 1:
        return build("torch", subject.module, subject.example, subject.free, device, Path())
    folder = settings.data_dir / "backends"
    known = remembered(settings, device, subject.weights_sha256)
    if known:
        try:
            return build(known, subject.module, subject.example, subject.free, device, _export(folder, subject))
        except Exception:  # whatever an engine raises, torch still answers
            log.warning("the remembered backend %s of %s does not load", known, subject.title, exc_info=True)
    others = [n for n in names if wanted in ("auto", n) and n != "torch" and suits(n, subject.module)]
    return _tried(subject, ["torch", *others], settings, device)


def remembered(settings: Settings, device: str, weights_sha256: str) -> str:
    """The backend that was found best for these weights here; "" where none was tried yet."""
    if settings.runtime.backend == "torch" or len(offered(device)) == 1:
        return "torch"
    try:
        note = json.loads(_note(settings, device, weights_sha256).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ""
    name = note.get("backend") if isinstance(note, dict) else None
    return name if name in offered(device) else ""


def _tried(subject: Subject, names: list[str], settings: Settings, device: str) -> Forward:
    trials: list[Trial] = []
    ways: dict[str, Forward] = {}
    reference: Numbers | None = None
    file = _export(settings.data_dir / "backends", subject)
    for old in file.parent.glob(f"{file.name}.*"):  # it was left by a trial that did not end, or is spoilt
        old.unlink(missing_ok=True)
    for name in names:
        try:
            ways[name] = build(name, subject.module, subject.example, subject.free, device, file)
            outputs, seconds = timed(ways[name], subject.example)
        except Exception:  # whatever an engine raises, the others are still there
            if name == "torch":
                raise
            log.warning("the backend %s does not run %s", name, subject.title, exc_info=True)
            continue
        numbers = subject.judge(outputs)
        reference = numbers if reference is None else reference
        trials.append(_compared(name, seconds, numbers, reference))
    best = _best(trials, subject, settings.runtime.backend)
    _remember(_note(settings, device, subject.weights_sha256), subject, best, trials)
    relaid(subject.module, best)
    only_kept(best, file)
    return ways[best]


def _best(trials: list[Trial], subject: Subject, wanted: str) -> str:
    fit = [t for t in trials if t.same(subject.tolerance)]
    for trial in trials:
        if trial not in fit:
            log.warning(
                "the backend %s answers otherwise about %s: by %.4f", trial.backend, subject.title, trial.difference
            )
    if wanted != "auto":
        return wanted if any(t.backend == wanted for t in fit) else "torch"
    return min(fit, key=lambda t: t.seconds).backend if fit else "torch"


def _compared(name: str, seconds: float, numbers: Numbers, reference: Numbers) -> Trial:
    if numbers.shape != reference.shape or not np.isfinite(numbers).all():
        return Trial(name, seconds, float("inf"), True)
    shifts = np.abs(numbers - reference)
    if name in REDUCED:
        shifts = np.maximum(shifts, np.abs(_logit(numbers) - _logit(reference)) * _STEEPEST)
    difference = float(shifts.max(initial=0.0))
    crossed = (numbers >= 0.5) != (reference >= 0.5)
    return Trial(name, seconds, difference, bool((crossed & (np.abs(numbers - reference) > _ROUNDING)).any()))


def _logit(numbers: Numbers) -> Numbers:
    inside = np.clip(numbers, _ROUNDING**2, 1 - _ROUNDING**2)
    return np.log(inside / (1 - inside))


@torch.inference_mode()
def timed(way: Forward, example: torch.Tensor) -> tuple[tuple[torch.Tensor, ...], float]:
    """Outputs, and the seconds of the fastest of three passes after one that warms up; of a single one where that was
    slow."""
    outputs, first = _once(way, example)
    return outputs, min(_once(way, example)[1] for _ in range(1 if first > _SLOW_S else 3))


def _once(way: Forward, example: torch.Tensor) -> tuple[tuple[torch.Tensor, ...], float]:
    start = time.perf_counter()
    outputs = tuple(out.float().cpu() for out in way(example))
    return outputs, time.perf_counter() - start


def _export(folder: Path, subject: Subject) -> Path:
    """Where exports of ``subject`` lie, without the ending."""
    return folder / hashlib.sha256(f"{_FORMAT} {versions()} {subject.weights_sha256}".encode()).hexdigest()[:32]


def _note(settings: Settings, device: str, weights_sha256: str) -> Path:
    facts = [_FORMAT, settings.runtime.backend, device, machine(device), versions(), weights_sha256]
    return settings.data_dir / "backends" / f"{hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]}.json"


def _remember(note: Path, subject: Subject, best: str, trials: list[Trial]) -> None:
    """What cannot be written is tried again next time."""
    tried = [
        {"backend": t.backend, "ms": round(1000 * t.seconds / len(subject.example), 3), "difference": t.difference}
        for t in trials
        if np.isfinite(t.difference)
    ]
    text = json.dumps({"title": subject.title, "backend": best, "tried": tried}, indent=1)
    try:
        closed_folder(note.parent)
        fresh = note.with_suffix(f".{time.monotonic_ns()}.tmp")
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(note)
    except OSError:
        log.warning("the choice of a backend for %s could not be kept", subject.title, exc_info=True)
