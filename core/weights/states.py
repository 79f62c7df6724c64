"""Checkpoints as tensors by name. A file is recognised by its content and never runs code: safetensors, or torch's
format opened with ``weights_only=True``."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from core.errors import ConfigError, StorageError, WeightsError
from core.weights.files import fresh_sha256

State = dict[str, torch.Tensor]

_ORDER = "unmask.order"
_BRINGS_CODE = ("unsupported global", "unsupported class", "torchscript")


@dataclass(frozen=True, slots=True)
class Conversion:
    """A safetensors file, the hashes of both files, and what of the source it does not hold."""

    path: Path
    sha256: str
    source_sha256: str
    tensors: int
    left_out: tuple[str, ...]


def read_checkpoint(path: Path) -> Any:
    """What is stored in a file: tensors by name, or nested mappings that hold them somewhere.

    Raises:
        WeightsError: it is no checkpoint, is damaged, or would need code of its own to be opened.
    """
    if _is_torch(path):
        return _read_torch(path)
    try:
        with safe_open(path, framework="pt") as file:
            metadata, names = file.metadata() or {}, list(file.keys())
            order = json.loads(metadata[_ORDER]) if _ORDER in metadata else names
            return {name: file.get_tensor(name) for name in (order if sorted(order) == sorted(names) else names)}
    except (SafetensorError, OSError, ValueError, TypeError) as exc:
        raise _unreadable(path) from exc


def _is_torch(path: Path) -> bool:
    """A zip archive or a pickle; safetensors begin with the length of a header instead."""
    try:
        with path.open("rb") as file:
            head = file.read(9)
    except OSError as exc:
        raise _unreadable(path) from exc
    return head.startswith(b"PK\x03\x04") or (head.startswith(b"\x80") and head[8:9] != b"{")


def _read_torch(path: Path) -> Any:
    try:
        # As a stream: given a path, torch would choose a format by the name's ending.
        with path.open("rb") as file:
            return torch.load(file, map_location="cpu", weights_only=True)
    except Exception as exc:
        # The bytes are not trusted: whatever reading them raises, they cannot be read.
        if any(words in str(exc).lower() for words in _BRINGS_CODE):
            raise WeightsError(
                f"The file {path.name} holds more than numbers: opening it would run code that it brings along.",
                hint="Get it as safetensors or as a plain state dict from someone you trust; Unmask does not open it.",
            ) from exc
        raise _unreadable(path) from exc


def _unreadable(path: Path) -> WeightsError:
    return WeightsError(
        f"The file {path.name} cannot be read as weights.", hint="It is damaged or of another kind; fetch it again."
    )


# --- the tensors in a checkpoint -----------------------------------------------------------------------------------


def read_state(path: Path, root: tuple[str, ...] | None = None) -> State:
    """The tensors of a checkpoint by name, in the file's order.

    Args:
        path: the file.
        root: names that lead to the mapping that holds them; None looks for it and refuses where there are several.

    Raises:
        WeightsError: no such mapping, or the file cannot be read.
        ConfigError: ``root`` is needed.
    """
    return split(read_checkpoint(path), path.name, root)[0]


def split(stored: Any, name: str, root: tuple[str, ...] | None) -> tuple[State, tuple[str, ...]]:
    """Tensors of a checkpoint and the names of everything else that is in it; errors as :func:`read_state`."""
    places = dict(_mappings(stored))
    if root is None:
        root = _only_root(places, name)
    if root not in places:
        raise WeightsError(
            f"The file {name} has no weights under '{'.'.join(root)}'.",
            hint=f"There are weights under: {', '.join(repr('.'.join(p)) for p in places) or 'nothing'}.",
        )
    state = {str(key): value for key, value in places[root].items() if isinstance(value, torch.Tensor)}
    return state, tuple(_others(stored, root))


def _mappings(stored: Any, at: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Mapping[Any, Any]]]:
    """Every mapping that holds tensors directly, with the names that lead to it."""
    if not isinstance(stored, Mapping) or len(at) > 4:
        return
    if any(isinstance(value, torch.Tensor) for value in stored.values()):
        yield at, stored
    for key, value in stored.items():
        if isinstance(key, str):
            yield from _mappings(value, (*at, key))


def _only_root(places: Mapping[tuple[str, ...], Any], name: str) -> tuple[str, ...]:
    # Optimisers keep tensors too, by number; they are no weights.
    roots = [at for at in places if not any("optim" in part for part in at)]
    if len(roots) == 1:
        return roots[0]
    if not roots:
        raise WeightsError(f"There are no weights in {name}.", hint="It holds something else; fetch the right file.")
    listed = ", ".join(repr(".".join(at)) for at in roots[:6])
    raise ConfigError(
        f"The file {name} holds weights in {len(roots)} places: {listed}.", hint="Say which: --root NAME."
    )


def _others(stored: Any, root: tuple[str, ...], at: tuple[str, ...] = ()) -> Iterator[str]:
    for key, value in stored.items():
        here = (*at, str(key))
        if at == root and isinstance(value, torch.Tensor):
            continue
        if here == root[: len(here)]:
            yield from _others(value, root, here)
        else:
            yield ".".join(here)


# --- conversion ----------------------------------------------------------------------------------------------------


def convert(source: Path, out: Path, root: tuple[str, ...] | None = None) -> Conversion:
    """Write a checkpoint's tensors as safetensors, bit for bit the same, and prove it by reading them back.

    Args:
        source: a checkpoint.
        out: the file to write; it must not be there yet.
        root: as in :func:`read_state`.

    Raises:
        WeightsError: the source cannot be read, or what was written is not the same.
        StorageError: the file is there already or cannot be written.
    """
    if out.exists():
        raise StorageError(f"'{out}' is there already.", hint="Name another file with --out, or remove it first.")
    state, left_out = split(read_checkpoint(source), source.name, root)
    before = fresh_sha256(source)
    # Tensors that share memory would be refused; on disk each has its own.
    own = {name: value.detach().contiguous().clone() for name, value in state.items()}
    part = out.with_name(out.name + ".part")
    try:
        save_file(own, part, metadata={"source_sha256": before, _ORDER: json.dumps(list(own))})
        with part.open("rb") as file:
            os.fsync(file.fileno())
        if differing := differences(state, read_state(part, ())):
            raise WeightsError(
                f"The converted file differs from {source.name} in: {', '.join(differing[:5])}.",
                hint="Nothing was written. Use the original file, and report this.",
            )
        part.replace(out)
    except (OSError, SafetensorError, RuntimeError, ValueError) as exc:
        raise StorageError(f"'{out}' cannot be written: {exc}.", hint="Name another file with --out.") from exc
    finally:
        with suppress(OSError):
            part.unlink()
    return Conversion(out, fresh_sha256(out), before, len(own), left_out)


def differences(one: State, other: State) -> list[str]:
    """Names whose tensors are not the same bit for bit (type, shape, bytes), or are in one only; order counts too."""
    if list(one) != list(other):
        return sorted(one.keys() ^ other.keys()) or ["the order of the names"]
    return [name for name in one if not same_bits(one[name], other[name])]


def same_bits(a: torch.Tensor, b: torch.Tensor) -> bool:
    """Whether two tensors have the same type, shape and bytes (NaN equals itself, 0 is not -0)."""
    return a.dtype == b.dtype and a.shape == b.shape and torch.equal(_bytes(a), _bytes(b))


def _bytes(value: torch.Tensor) -> torch.Tensor:
    return value.detach().contiguous().reshape(-1).view(torch.uint8)
