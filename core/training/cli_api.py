"""What the command line calls: train, export, calibrate, evaluate and what follows from them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from core import registry
from core.errors import ConfigError, StorageError
from core.registry import Card
from core.settings import CONFIGS, ROOT, SHIPPED_WEIGHTS
from core.training.cards import card_path, read_card, update_card
from core.training.config import read_config
from core.training.dispatch import commands_of
from core.types import Modality


def run(config_path: Path, *, data: Path, out: Path, store: Path, resume: bool = True) -> Path:
    """Train a configuration; returns the best weights (float32 safetensors in ``out``).

    Args:
        config_path: a file of ``configs/training``.
        data: data root with ``manifest.csv``.
        out: folder of the run (checkpoint, history, weights).
        store: folder in which face crops are kept.
        resume: go on from the checkpoint in ``out`` if there is one.
    """
    from core.training.prepare import prepare
    from core.training.train import train

    if task := commands_of(config_path):
        return task.run(config_path, data=data, out=out, store=store, resume=resume)
    config = read_config(config_path)
    return train(config, prepare(config, data, store), out, resume=resume)


def generators(config_path: Path, *, data: Path, store: Path) -> list[Path]:
    """Train the generators of pseudo-fakes that are missing, on the faces of a configuration or, where it is one of
    voices, on its voices; returns their files."""
    from core.training import generators as of_faces
    from core.training import vocoders as of_voices
    from core.training.tasks import read_task

    if commands_of(config_path):
        return of_voices.train_missing(read_task(config_path), data, store)
    return of_faces.train_missing(read_config(config_path), data, store)


def export(config_path: Path, *, out: Path) -> Card:
    """Write weights, manifest entry and card of the run in ``out``."""
    from core.training.export import export as write

    if task := commands_of(config_path):
        return task.export(config_path, out=out)
    return write(read_config(config_path), out, config_file=config_path.as_posix())


def calibrate(config_path: Path, *, data: Path, store: Path) -> Card:
    """Fit the calibration of the exported detector and write it into its card."""
    from core.training.calibrate import calibrate as fit
    from core.training.calibrate import calibration_set

    if task := commands_of(config_path):
        return task.calibrate(config_path, data=data, store=store)
    config = read_config(config_path)
    path = card_path(config.id)
    known = calibration_set(config, data, store)
    return update_card(path, calibration=fit(read_card(path), known, SHIPPED_WEIGHTS).model_dump(mode="json"))


def evaluate(config_path: Path, *, data: Path, store: Path, html: Path) -> Card:
    """Measure the exported detector; writes its card, ``docs/measured/<id>.{json,md}`` and the report ``html``."""
    from core.training.evaluate import evaluate as measure
    from core.training.evaluate import write

    if task := commands_of(config_path):
        return task.evaluate(config_path, data=data, store=store, html=html)
    command = f"python -m core.cli evaluate {config_path.as_posix()}"
    found = measure(read_config(config_path), data, store, command=command)
    write(found, html)
    return found.card


def sheets(config_path: Path, *, data: Path, store: Path, out: Path) -> list[Path]:
    """Contact sheets of the worst errors on held-out people."""
    from core.training.sheets import write_sheets

    return write_sheets(read_config(config_path), data, store, out)


def data_report(data: Path, *, json_file: Path | None = None) -> tuple[str, bool]:
    """What the collection in ``data`` holds, as text, and whether its splits are clean.

    Files that calibration leaves out (``configs/training/splits/calibration-left-out.json``) are listed by themselves.

    Raises:
        StorageError: ``json_file`` cannot be written.
    """
    from core.training.calibrate import left_out
    from core.training.data.report import run as report
    from core.training.data.report import to_json, to_text

    found = report(data / "manifest.csv", data, left_out())
    if json_file is not None:
        try:
            json_file.write_text(to_json(found) + "\n", encoding="utf-8")
        except OSError as exc:
            raise StorageError(f"{json_file} cannot be written.", hint="Name another file.") from exc
    return to_text(found), found.ok


def compare(config_paths: Sequence[Path], *, ensemble: str, html: Path | None = None) -> str:
    """Compare measured detectors with each other and with a preset; writes ``docs/measured/README.md`` and the tables
    in README.md and docs/detectors.md. Of the preset, the members that look at faces are fused. Returns the table."""
    from core.fusion.fits import read_fit
    from core.training.compare import compare as beside
    from core.training.documents import put_between
    from core.training.evaluate import DOCS
    from core.training.fused import restricted
    from core.training.report import write_report

    ids = [config_id(path) for path in config_paths]
    preset = registry.ensemble(ensemble)
    faces = [m.detector for m in preset.members if registry.card(m.detector).modality is Modality.IMAGE]
    command = _command("compare", config_paths)
    found = beside(ids, restricted(preset, faces), faces, DOCS, command=command, fit=read_fit(preset))
    (DOCS / "README.md").write_text(found.page, encoding="utf-8")
    for document in (ROOT / "README.md", ROOT / "docs" / "detectors.md"):
        put_between(document, found.summary, "measured")
    if html is not None:
        write_report(found.results, html, heading="Comparison")
    return found.summary


def config_id(path: Path) -> str:
    """The id of a training configuration, whatever it trains.

    Raises:
        ConfigError: the file has none.
    """
    import yaml

    try:
        return str(yaml.safe_load(path.read_text(encoding="utf-8"))["id"])
    except (OSError, KeyError, TypeError, yaml.YAMLError) as exc:
        raise ConfigError(f"The training file {path.name} has no id.", hint="Correct it; docs/training.md.") from exc


def _command(name: str, paths: Sequence[Path]) -> str:
    """The command line; all configurations of the project are shortened to ``configs/training/*.yaml``."""
    every = {p.resolve() for p in (CONFIGS / "training").glob("*.yaml")}
    shown = (
        "configs/training/*.yaml" if {p.resolve() for p in paths} == every else " ".join(p.as_posix() for p in paths)
    )
    return f"python -m core.cli {name} {shown}"


def thresholds(
    ensemble: str, *, data: Path, store: Path, false_alarms: float, alpha: float, never_real: bool = False
) -> str:
    """Fit the thresholds of a preset and write them into its file; returns what they do on the calibration split."""
    from core.training.thresholds import fit, write_thresholds

    preset = registry.ensemble(ensemble)
    band, found = fit(preset, data, store, false_alarms=false_alarms, alpha=alpha)
    limits = {"fake": band.fake, "real": 0.0 if never_real else band.real}
    write_thresholds(CONFIGS / "ensembles" / f"{ensemble}.yaml", limits, found)
    real = "never" if never_real else f"from {band.real:.4f} down"
    return (
        f"{ensemble}: fake from {band.fake:.4f} up, real {real}; on {found.n_real} real and {found.n_fake} forged "
        f"pictures of the calibration split {band.false_alarms:.1%} of the reals are called fake, {band.misses:.1%} "
        f"of the fakes lie at or below {band.real:.4f}, {band.uncertain:.1%} lie between."
    )


def leave_one_out(
    config_path: Path, *, data: Path, out: Path, store: Path, epochs: int | None, methods: Sequence[str] | None
) -> str:
    """Train without each pseudo-fake method in turn and measure on it; writes
    ``docs/measured/<id>-leave-one-out.{json,md}`` and returns the table."""
    from core.training.evaluate import DOCS
    from core.training.leave_out import Plan, markdown
    from core.training.leave_out import leave_one_out as work
    from core.training.prepare import prepare

    config = read_config(config_path)
    command = _command("leave-one-out", [config_path]) + (f" --epochs {epochs}" if epochs else "")
    plan = Plan(config, tuple(methods or sorted(config.fakes)), epochs, command)
    document = DOCS / f"{config.id}-leave-one-out.json"
    return markdown(work(plan, prepare(config, data, store), out / "leave-one-out", document))


def measure_public(*, data: Path, command: str) -> str:
    """Score the test split with every public detector whose files are here; writes ``docs/measured/public.{json,md}``
    and the figures in docs/detectors.md; returns the page's path."""
    from core.settings import build_settings
    from core.training import public
    from core.training.evaluate import DOCS

    settings = build_settings()
    cards = public.public_cards(settings)
    rows = public.measure(data, settings, cards)
    found = public.lines(rows, cards)
    public.put_figures(ROOT / "docs" / "detectors.md", found)
    return str(public.write(rows, found, DOCS, command))
