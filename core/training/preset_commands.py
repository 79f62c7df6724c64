"""What the command line calls to fit and measure presets."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from core import registry
from core.errors import ConfigError, WorkbenchError
from core.fusion.fits import fit_path, read_fit, write_fit
from core.registry import Ensemble, ThresholdFit
from core.settings import CONFIGS, ROOT
from core.training.documents import put_between
from core.training.evaluate import DOCS
from core.training.fit_fusion import Fitted, fit_preset
from core.training.fusion_media import make_media, recipe
from core.training.fusion_scores import ask_all
from core.training.presets import brief, facts, groups_of, measure, page, state_of
from core.training.thresholds import fit_band, write_thresholds

log = logging.getLogger(__name__)


def fuse(
    ensemble: str,
    *,
    data: Path,
    store: Path,
    work: Path,
    false_alarms: float,
    alpha: float,
    may_call_real: bool,
) -> str:
    """Fit and calibrate the fusion of a preset on the calibration split, then its thresholds; writes
    ``configs/fusion/<id>.json`` and the preset's file, and returns what was found.

    Raises:
        ConfigError: the preset has fixed weights.
        TooFewError: not enough files of a class.
    """
    preset = registry.ensemble(ensemble)
    if preset.fusion == "weighted_mean":
        raise ConfigError(f"The preset '{preset.id}' has fixed weights: there is nothing to fit.", hint="Name another.")
    folder = work / "media" / "calib"
    media = make_media(recipe(data, store, "calib", CONFIGS / "training"), folder)
    found = fit_preset(preset, ask_all(preset, media, folder, work / "answers"))
    write_fit(found.fit, fit_path(preset.id))
    band = fit_band(found.fake, found.p, false_alarms=false_alarms, alpha=alpha)
    limits = {"fake": band.fake, "real": band.real if may_call_real else 0.0}
    write_thresholds(CONFIGS / "ensembles" / f"{preset.id}.yaml", limits, _origin(found, false_alarms, alpha))
    return _told(preset, found, limits)


def _origin(found: Fitted, false_alarms: float, alpha: float) -> ThresholdFit:
    n_fake = int(found.fake.sum())
    return ThresholdFit(
        n_real=len(found.fake) - n_fake,
        n_fake=n_fake,
        false_alarms=false_alarms,
        alpha=alpha,
        sha256=found.fit.sha256,
    )


def _told(preset: Ensemble, found: Fitted, limits: dict[str, float]) -> str:
    fit = found.fit
    lines = [
        f"{preset.id}: {fit.name}, {fit.people} people",
        f"thresholds: fake {limits['fake']}, real {limits['real']}",
    ]
    lines += [f"without {name}: {why}" for name, why in fit.left_out.items()]
    return "\n".join(lines)


def measure_presets(ensembles: Sequence[str], *, data: Path, store: Path, work: Path) -> str:
    """Measure presets on held-out people and true generators; writes ``docs/measured/presets.{md,json}``, and what they
    say of `default` into README, and returns the page. Figures of other presets stay there while their fusion is as it
    was measured. A preset that cannot be measured is left out, and the log says why."""
    held = recipe(data, store, "held-out", CONFIGS / "training")
    _known(DOCS / "presets.json")  # a page that cannot be read is told before the work, not after it
    measured: dict[str, list[dict[str, Any]]] = {}
    for name in ensembles or registry.ensemble_ids():
        measured[name] = []
        try:
            preset = registry.ensemble(name)
            fit = read_fit(preset)
            measured[name] = [facts(measure(group), preset, fit) for group in groups_of(preset, held, work)]
        except WorkbenchError as error:
            log.warning("%s was not measured: %s", name, error)
    # Read last: what another run has written meanwhile stays.
    known = _known(DOCS / "presets.json") | measured
    rows = [row for name in sorted(known) for row in known[name]]
    text = page(rows)
    (DOCS / "presets.md").write_text(text, encoding="utf-8")
    lines = ",\n".join(json.dumps(row) for row in rows)
    (DOCS / "presets.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    put_between(ROOT / "README.md", brief(known.get("default", [])), "preset")
    return text


def _known(path: Path) -> dict[str, list[dict[str, Any]]]:
    """What was measured before, by preset, of those that have not changed since."""
    try:
        rows: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
    except ValueError as exc:
        raise ConfigError(f"{path.name} is not readable JSON.", hint="Remove it to begin anew.") from exc
    presets = {row["preset"]: registry.ensemble(row["preset"]) for row in rows}
    now = {name: state_of(preset, read_fit(preset)) for name, preset in presets.items()}
    return {name: [row for row in rows if row["preset"] == name and row.get("of") == now[name]] for name in now}
