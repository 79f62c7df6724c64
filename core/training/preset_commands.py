"""What the command line calls to fit and measure presets."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path

from core import registry
from core.errors import ConfigError, WorkbenchError
from core.fusion.fits import fit_path, read_fit, write_fit
from core.registry import Ensemble, ThresholdFit
from core.settings import CONFIGS
from core.training.evaluate import DOCS
from core.training.fit_fusion import Fitted, fit_preset
from core.training.fusion_media import make_media, recipe
from core.training.fusion_scores import ask_all
from core.training.presets import Measure, groups_of, measure, page
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
    """Measure presets on held-out people and true generators; writes ``docs/measured/presets.{md,json}`` and returns
    the page. A preset that cannot be measured is left out, and the log says why."""
    held = recipe(data, store, "held-out", CONFIGS / "training", pictures=150)
    found: list[Measure] = []
    fits = {}
    for name in ensembles or registry.ensemble_ids():
        try:
            preset = registry.ensemble(name)
            fits[name] = read_fit(preset)
            found += [measure(group) for group in groups_of(preset, held, work)]
        except WorkbenchError as error:
            log.warning("%s was not measured: %s", name, error)
    text = page(found, fits, f"python -m core.cli presets {' '.join(ensembles)}".strip())
    (DOCS / "presets.md").write_text(text, encoding="utf-8")
    facts = ",\n".join(json.dumps(_facts(one)) for one in found)
    (DOCS / "presets.json").write_text(f"[\n{facts}\n]\n", encoding="utf-8")
    return text


def _facts(one: Measure) -> dict[str, object]:
    group, result = one.group, one.group.result
    return {
        "preset": group.preset,
        "files": f"{group.kind}, {group.where}",
        "fake": result.fake.tolist(),
        "methods": list(result.methods),
        "p_fake": [round(float(p), 4) for p in result.p],
        "members": {
            name: [None if p != p else round(float(p), 4) for p in values] for name, values in group.members.items()
        },
    }
