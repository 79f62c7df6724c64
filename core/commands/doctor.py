"""``doctor``: whether this machine has what the program needs, and what to do where it has not."""

from __future__ import annotations

import argparse
import json
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from core.commands.common import Commands
from core.errors import WorkbenchError

if TYPE_CHECKING:
    from core.settings import Settings

_PACKAGES = (
    "torch", "torchvision", "timm", "transformers", "facenet-pytorch", "opencv-python-headless", "librosa",
    "grad-cam", "pandas", "diskcache", "gradio", "streamlit", "plotly", "av",
)  # fmt: skip
_DECODERS = ("h264", "hevc", "vp9", "av1", "mpeg4", "aac", "mp3", "opus", "vorbis", "flac", "pcm_s16le")
_LEAST_FREE = 1_000_000_000


class State(StrEnum):
    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Check:
    """One finding. ``hint`` says what to do where it is not ok."""

    name: str
    state: State
    detail: str
    hint: str = ""


def add(commands: Commands) -> None:
    parser = commands.add_parser("doctor", help="check this machine")
    parser.add_argument("--json", action="store_true", help="findings as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from core.settings import build_settings

    findings = examine(build_settings())
    if args.json:
        sys.stdout.write(json.dumps([asdict(f) for f in findings], indent=2) + "\n")
    else:
        for finding in findings:
            sys.stdout.write(f"{finding.state.value:8} {finding.name:28} {finding.detail}\n")
            if finding.state is not State.OK and finding.hint:
                sys.stdout.write(f"{'':8} {'':28} {finding.hint}\n")
    return 1 if any(f.state is State.FAILED for f in findings) else 0


def examine(settings: Settings) -> list[Check]:
    """All findings; a check that fails unexpectedly is a finding too."""
    checks: dict[str, Callable[[Settings], Iterator[Check]]] = {
        "python": _python,
        "packages": _packages,
        "device": _device,
        "decoders": _decoders,
        "presets": _presets,
        "weights": _weights,
        "folders": _folders,
        "history": _history,
    }
    return [finding for name, check in checks.items() for finding in _guarded(name, check, settings)]


def _guarded(name: str, check: Callable[[Settings], Iterator[Check]], settings: Settings) -> list[Check]:
    try:
        return list(check(settings))
    except WorkbenchError as error:
        return [Check(name, State.FAILED, error.message, error.hint)]
    except (ImportError, OSError) as exc:
        return [Check(name, State.FAILED, str(exc), "Install the requirements again: pip install -r requirements.txt")]


def _python(_settings: Settings) -> Iterator[Check]:
    good = sys.version_info >= (3, 11)
    yield Check("python", State.OK if good else State.FAILED, platform.python_version(), "Use Python 3.11 or newer.")


def _packages(_settings: Settings) -> Iterator[Check]:
    for name in _PACKAGES:
        try:
            yield Check(name, State.OK, version(name))
        except PackageNotFoundError:
            yield Check(name, State.FAILED, "not installed", "pip install -r requirements.txt")


def _device(settings: Settings) -> Iterator[Check]:
    import torch

    from core.runtime.device import resolve_device

    device = resolve_device(settings.runtime.device)
    name = torch.cuda.get_device_name(device) if device.startswith("cuda") else platform.machine()
    yield Check("device", State.OK, f"{device} ({name})")


def _decoders(_settings: Settings) -> Iterator[Check]:
    import av

    missing = [name for name in _DECODERS if name not in av.codecs_available]
    detail = f"PyAV {av.__version__}, " + (f"without {', '.join(missing)}" if missing else "all common codecs")
    yield Check("decoders", State.WARNING if missing else State.OK, detail, "Install PyAV from its own wheel.")


def _presets(settings: Settings) -> Iterator[Check]:
    from core.registry import ensemble, ensemble_ids, member_cards

    for name in ensemble_ids():
        members = [card.id for card in member_cards(ensemble(name))]
        yield Check(f"preset {name}", State.OK, ", ".join(members))
    ensemble(settings.preset)


def _weights(settings: Settings) -> Iterator[Check]:
    from core.registry import card, detector_ids, ensemble, member_cards
    from core.weights.files import Presence, find, verified

    usable = set()
    for name in detector_ids():
        try:
            path = verified(card(name), settings)
        except WorkbenchError as error:
            yield Check(f"weights {name}", State.WARNING, error.message, error.hint)
        else:
            usable.add(name)
            known = all(found.presence is Presence.PRESENT for found in find(card(name), settings))
            detail = "sha256 as on the card" if known else "vouched for by you"
            yield Check(f"weights {name}", State.OK, f"{path.name}, {detail}")
    members = {member.id for member in member_cards(ensemble(settings.preset))}
    state = State.OK if members & usable else State.FAILED
    hint = "No detector of this preset can run; get its weights, or choose another preset."
    yield Check(f"members of {settings.preset}", state, f"{len(members & usable)} of {len(members)} can run", hint)


def _folders(settings: Settings) -> Iterator[Check]:
    from core.store.files import private_folder

    for name, folder in (("data folder", settings.data_dir), ("cache folder", settings.data_dir / "cache")):
        hint = "Make it writable, or choose another one with UNMASK_DATA_DIR."
        try:
            with tempfile.TemporaryFile(dir=private_folder(folder)) as file:
                file.write(b"x")
        except OSError as exc:
            yield Check(name, State.FAILED, f"{folder}: {exc.strerror}", hint)
        else:
            yield _space(name, folder)


def _space(name: str, folder: Path) -> Check:
    free = shutil.disk_usage(folder).free
    state = State.OK if free >= _LEAST_FREE else State.WARNING
    return Check(name, state, f"{folder}, {free / 1e9:.1f} GB free", "Free some disk space.")


def _history(settings: Settings) -> Iterator[Check]:
    from core.store.history import Store

    store = Store(settings)
    yield Check("history", State.OK, f"{store.count()} analyses, {store.label_stats().total} labels")
    store.close()
