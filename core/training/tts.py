"""Speech read out by the text-to-speech engines that are installed: fakes beside the recorded ones.

Engines are programs of their own and are run as such; what is not installed is left out. One engine is kept for the
test split, so that a detector is also measured on a kind of machine that it never heard.
"""

from __future__ import annotations

import csv
import hashlib
import logging
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.errors import NotFoundError

log = logging.getLogger(__name__)

FOLDER = "tts"
PER_ENGINE = 60
_SECONDS = 60
_COLUMNS = ("path", "modality", "label", "method", "source", "split", "sha256", "licence")

SENTENCES = (
    "The ferry left the harbour before sunrise, with only three passengers on board.",
    "Please call me back this afternoon; it concerns the invoice that we sent in March.",
    "Yesterday the committee agreed to spend more on schools and less on new roads.",
    "She poured the tea, opened the window and listened to the rain for a while.",
    "Our figures show that prices rose by four per cent within a single year.",
    "Would you mind telling us where you were on the evening of the ninth of May?",
    "The old bridge is closed to lorries, but bicycles and buses may still cross it.",
    "He never wrote the letter, although he had promised it twice to his sister.",
    "Turn left after the church, follow the river and stop at the second farm.",
    "The doctor said that nothing was broken and that a week of rest would do.",
    "I have asked for the transfer to be made today; you will have the money tonight.",
    "Forty young trees were planted on the hill behind the railway station.",
    "Nobody in the village could remember a winter as mild and as wet as this one.",
    "Let us begin with the weather: clouds in the north, some sun along the coast.",
    "The museum shows paintings, furniture and a clock that has not stopped since 1790.",
    "What we need now is patience, a little courage and a plan that people understand.",
    "Her brother works at the airport and usually comes home long after midnight.",
    "This is a message for all members: the meeting has been moved to Thursday at noon.",
    "They measured the field again and found that the fence stood in the wrong place.",
    "If the engine does not start, wait for a minute and press the green button once more.",
)


@dataclass(frozen=True, slots=True)
class Engine:
    """A program that reads text out: ``command(voice, sentence, target)`` writes a sound file."""

    name: str
    program: str
    licence: str
    voices: tuple[str, ...]
    command: Callable[[str, str, Path], list[str]]
    split: str = "train"


def _espeak(voice: str, text: str, target: Path) -> list[str]:
    return ["espeak-ng", "-v", voice, "-w", str(target), text]


def _flite(voice: str, text: str, target: Path) -> list[str]:
    return ["flite", "-voice", voice, "-t", text, "-o", str(target)]


def _festival(voice: str, text: str, target: Path) -> list[str]:
    written = target.with_suffix(".txt")
    written.write_text(text, encoding="utf-8")
    return ["text2wave", "-eval", f"(voice_{voice})", "-o", str(target), str(written)]


ENGINES = (
    Engine(
        "espeak-ng",
        "espeak-ng",
        "GPL-3.0-or-later",
        ("en-us", "en-gb", "en-us+f2", "en-gb+f3", "en-gb-scotland", "en-us+m3", "de", "fr-fr", "es", "it+f4"),
        _espeak,
    ),
    Engine("flite", "flite", "BSD-style (Carnegie Mellon)", ("kal16", "awb", "rms", "slt"), _flite),
    Engine(
        "festival",
        "text2wave",
        "BSD-style (University of Edinburgh, Carnegie Mellon)",
        ("kal_diphone", "ked_diphone", "cmu_us_slt_arctic_hts"),
        _festival,
        split="test",
    ),
)


def speak(folder: Path, engines: Sequence[Engine] = ENGINES, *, count: int = PER_ENGINE) -> dict[str, int]:
    """Let every engine that is installed read ``count`` sentences, voices in turn, and list them in
    ``folder/manifest.csv``. What was read before is not read again.

    Returns:
        How many files there are of each engine; 0 for one that is absent.

    Raises:
        NotFoundError: none of the engines is installed.
    """
    rows: list[dict[str, str]] = []
    found = {engine.name: 0 for engine in engines}
    for engine in engines:
        if shutil.which(engine.program) is None:
            log.warning("%s is not installed and is left out", engine.program)
            continue
        mine = [row for number in range(count) if (row := _read_out(engine, folder, number))]
        found[engine.name] = len(mine)
        rows += mine
    if not rows:
        names = ", ".join(engine.program for engine in engines)
        raise NotFoundError("No text-to-speech engine could be used.", hint=f"Install one of these programs: {names}.")
    _list(folder / "manifest.csv", rows)
    return found


def _read_out(engine: Engine, folder: Path, number: int) -> dict[str, str] | None:
    voice = engine.voices[number % len(engine.voices)]
    rng = np.random.default_rng((number, len(engine.name)))
    text = " ".join(SENTENCES[i] for i in rng.choice(len(SENTENCES), 2, replace=False))
    path = Path(engine.name) / f"{number:04d}__{engine.name}-{voice}.wav"
    target = folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.is_file():
        part = target.with_suffix(".part.wav")
        try:
            done = subprocess.run(engine.command(voice, text, part), capture_output=True, timeout=_SECONDS, check=False)
        except (OSError, subprocess.TimeoutExpired):
            done = None
        if done is None or done.returncode or not part.is_file():
            log.warning("%s could not speak as %s", engine.program, voice)
            return None
        part.replace(target)
    digest = hashlib.sha256(target.read_bytes()).hexdigest()
    values = (path.as_posix(), "audio", "fake", engine.name, FOLDER, engine.split, digest, engine.licence)
    return dict(zip(_COLUMNS, values, strict=True))


def _list(path: Path, rows: Sequence[dict[str, str]]) -> None:
    part = path.with_suffix(".part")
    with part.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, _COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    part.replace(path)
