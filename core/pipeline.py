"""The one way through the house: a file in, an :class:`~core.types.Analysis` out."""

from __future__ import annotations

import logging
import platform
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from core import __version__, logs, schema
from core.errors import InternalError, WorkbenchError
from core.fusion.combine import evidence_rule, fuse
from core.fusion.fits import fit_identity
from core.fusion.verdict import decide, relabel
from core.media.decoding import decoder
from core.provenance.look_up import look_up
from core.registry import Ensemble, ensemble, member_cards
from core.runtime.backends import remembered
from core.runtime.memory import give_back
from core.runtime.pool import ModelPool, shared_pool
from core.settings import Settings
from core.stages.context import Context, OnProgress
from core.stages.finding import find_people
from core.stages.listening import compare_sound_and_lips
from core.stages.reading import Material, read
from core.stages.scoring import score
from core.stages.watching import watching
from core.store.cache import ResultCache, cache_key
from core.tracking import track
from core.types import ANALYSIS_VERSION, Analysis, Environment, MediaFacts, MediaKind, MediaRef, Stage, Status
from core.weights.files import identity

log = logging.getLogger(__name__)

_METHOD = 4
"""Raised whenever equal input is to be judged otherwise, so that no older answer is taken from the cache."""
_version = lru_cache(version)
_LIBRARIES = ("torch", "timm", "av", "opencv-python-headless", "c2pa-python", "silero-vad")


def analyse(
    source: Path, settings: Settings, on_progress: OnProgress | None = None, *, name: str | None = None
) -> Analysis:
    """Analyse one file.

    Args:
        source: image, video or audio file.
        settings: which preset, what limits, which sampling.
        on_progress: told about every step; may raise :class:`~core.errors.CancelledError` to stop.
        name: what to call the file where its path is a temporary one.

    Returns:
        The analysis, from the result cache where the same bytes were seen with the same settings and weights.

    Raises:
        WorkbenchError: with message and hint, whatever went wrong.
    """
    with logs.bound(logs.current()) as request:
        try:
            return _analyse(source, settings, on_progress, name)
        except WorkbenchError:
            raise
        except Exception as exc:
            log.exception("analysis failed")
            raise InternalError(
                "The analysis stopped on an unexpected fault.",
                hint=f"Your file was not changed. Try again; if it stays, report it with the log id '{request}'.",
            ) from exc


def _analyse(source: Path, settings: Settings, on_progress: OnProgress | None, name: str | None) -> Analysis:
    preset = ensemble(settings.preset)
    pool = shared_pool(settings.runtime)
    context = Context(settings, preset, pool, on_progress)
    context.step(0.0)
    ref = decoder(settings, context.still_wanted).identify(source, name=name)
    key = cache_key(_facts(ref, settings, preset, pool))
    cache = ResultCache(settings)
    if (stored := cache.get(key)) is not None and (known := _recall(stored, ref, preset)) is not None:
        log.info("answered from the cache", extra={"analysis": key})
        return known
    made = _run(key, ref, context)
    if ref.kind is not MediaKind.IMAGE:
        give_back()
    key = cache_key(_facts(ref, settings, preset, pool))  # the first use of a network chooses its backend
    text = schema.dump(replace(made, id=key, environment=_environment(settings, preset, pool)))
    analysis = schema.load(text)  # the first answer and later ones are equal to the last digit
    if all(s.status is not Status.ERROR for s in analysis.scores):
        cache.put(key, text)
    track(analysis, settings)
    return analysis


def _recall(stored: str, ref: MediaRef, preset: Ensemble) -> Analysis | None:
    """A stored analysis under the file's present name and the preset's present thresholds."""
    try:
        known = schema.load(stored)
    except WorkbenchError:
        log.warning("a cached analysis could not be read and is made anew")
        return None
    return relabel(replace(known, media=replace(known.media, name=ref.name)), preset.limits)


def _run(key: str, ref: MediaRef, context: Context) -> Analysis:
    with context.stage(Stage.READING):
        material = read(ref, context)
        provenance = look_up(ref, material.frames, context.settings.limits)
    with context.stage(Stage.FACES):
        tracks, sampled = find_people(material.frames, context)
    with watching(material, tracks, context):
        with context.stage(Stage.MODELS):
            scored = score(material, tracks, context)
        with context.stage(Stage.SYNC):
            sync = compare_sound_and_lips(material, tracks, context)
    with context.stage(Stage.VERDICT):
        speech_s = material.sound.speech_s if material.sound else None
        rule = evidence_rule(ref.kind, context.settings.faces.min_frames, len(sampled), speech_s=speech_s)
        people = fuse(scored.scores, tracks, scored.timelines, context.preset, rule)
        verdict = decide(people, scored.scores, context.preset.limits)
    context.step(1.0)
    return Analysis(
        id=key,
        preset=context.preset.id,
        media=_media_facts(material),
        verdict=verdict,
        scores=scored.scores,
        people=people,
        tracks=tracks,
        timelines=scored.timelines,
        frames=sampled,
        sync=sync,
        motion=tuple(context.motion[track.id] for track in tracks if track.id in context.motion),
        warnings=material.info.warnings,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        timings=tuple(context.timings),
        provenance=provenance,
        sound=material.sound,
    )


def _media_facts(material: Material) -> MediaFacts:
    ref = material.ref
    return MediaFacts(ref.name, ref.sha256, ref.size_bytes, ref.format, material.info)


def _environment(settings: Settings, preset: Ensemble, pool: ModelPool) -> Environment:
    python, torch = platform.python_version(), _version("torch")
    return Environment(__version__, python, torch, pool.device, _backends(settings, preset, pool))


def _backends(settings: Settings, preset: Ensemble, pool: ModelPool) -> tuple[tuple[str, str], ...]:
    """How the networks of those members are run that were asked on this machine before."""
    weights = [(card.id, identity(card, settings)[0][1]) for card in member_cards(preset)]
    ways = ((name, remembered(settings, pool.device, sha256)) for name, sha256 in weights if sha256)
    return tuple((name, way) for name, way in ways if way)


def _facts(ref: MediaRef, settings: Settings, preset: Ensemble, pool: ModelPool) -> dict[str, Any]:
    """All that the result depends on."""
    members = [
        [card.model_dump(mode="json", exclude={"measured"}), identity(card, settings)] for card in member_cards(preset)
    ]
    return {
        "media": ref.sha256,
        "settings": settings.result_facts(),
        "preset": preset.model_dump(mode="json", exclude={"thresholds"}),
        "fusion": fit_identity(preset),
        "members": members,
        "backends": [list(pair) for pair in _backends(settings, preset, pool)],
        "code": [__version__, ANALYSIS_VERSION, _METHOD],
        "machine": [pool.device, *(_version(name) for name in _LIBRARIES)],
    }
