"""The strict audit: every name of a checkpoint fits its network after the key map, or the file is refused by name."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from pathlib import Path

import torch

from core.errors import ConfigError, WeightsError
from core.weights import keymap as rules
from core.weights.keymap import SAME_NAMES, KeyMap
from core.weights.states import State, read_state

_NAMED = 5


@dataclass(frozen=True, slots=True)
class KeyReport:
    """What became of every name.

    Args:
        matched: (name in the file, name in the network); folded tensors stand under the name of the main one.
        dropped: names that a rule left out, by its reason.
        filled: the network's counters that the file lacks and a rule set to zero.
        missing: the network's names that nothing gives.
        unexpected: the file's names that nothing takes, with why where that is not plain.
        wrong_shape: the network's names with the shapes found and wanted.
        wrong_dtype: the network's names with the types found and wanted.
    """

    matched: tuple[tuple[str, str], ...]
    dropped: Mapping[str, tuple[str, ...]]
    filled: tuple[str, ...]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    wrong_shape: tuple[str, ...]
    wrong_dtype: tuple[str, ...]

    @property
    def ok(self) -> bool:
        return not (self.missing or self.unexpected or self.wrong_shape or self.wrong_dtype)

    @property
    def faults(self) -> str:
        """What is wrong, kind by kind, with the first names of each."""
        kinds = (
            ("missing", self.missing),
            ("unexpected", self.unexpected),
            ("wrong shape", self.wrong_shape),
            ("wrong type", self.wrong_dtype),
        )
        return "; ".join(f"{kind}: {', '.join(k[:_NAMED])} ({len(k)} in all)" for kind, k in kinds if k)

    @property
    def summary(self) -> str:
        """Counts of everything, for logs and lists."""
        dropped = sum(len(names) for names in self.dropped.values())
        return (
            f"{len(self.matched)} matched, {dropped} dropped by rule, {len(self.filled)} filled, "
            f"{len(self.missing)} missing, {len(self.unexpected)} unexpected, {len(self.wrong_shape)} of the wrong "
            f"shape, {len(self.wrong_dtype)} of the wrong type"
        )


def audit(state: Mapping[str, torch.Tensor], network: torch.nn.Module, key_map: KeyMap = SAME_NAMES) -> KeyReport:
    """How ``state`` fits ``network`` after ``key_map``; nothing is loaded and nothing raised over names."""
    return resolve(state, network.state_dict(), key_map)[1]


def load_strictly(
    network: torch.nn.Module,
    state: Mapping[str, torch.Tensor],
    file: str,
    key_map: KeyMap = SAME_NAMES,
) -> KeyReport:
    """Fill ``network`` from ``state``; every name, shape and type must fit.

    Raises:
        WeightsError: names what is missing, unexpected, or of another shape or type; then nothing was loaded.
    """
    tensors, report = resolve(state, network.state_dict(), key_map)
    if not report.ok:
        raise WeightsError(
            f"The file {file} does not fit its network: {report.faults}.",
            hint="Use the file that the card names, or correct the card's architecture or key map.",
        )
    network.load_state_dict(tensors, strict=True)
    return report


def load_file_strictly(network: torch.nn.Module, path: Path, key_map: KeyMap = SAME_NAMES) -> KeyReport:
    """Read a checkpoint and fill ``network`` from it; errors as :func:`load_strictly` and of reading it."""
    return load_strictly(network, read_state(path, key_map.root), path.name, key_map)


def resolve(
    state: Mapping[str, torch.Tensor], wanted: Mapping[str, torch.Tensor], key_map: KeyMap
) -> tuple[State, KeyReport]:
    """Apply a key map.

    Args:
        state: tensors of a checkpoint.
        wanted: the network's own tensors.
        key_map: what to do with the names.

    Returns:
        The tensors under the network's names (only to be used where the report is ok), and the report.
    """
    work = _Work(dict(wanted), [_Item(name, name, value) for name, value in state.items()])
    for rule in key_map.rules:
        work.apply(rule)
    return work.finish(frozenset(key_map.floats))


# --- applying a map ------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Item:
    """One tensor on its way: its name in the file, its name by now, its values."""

    source: str
    name: str
    value: torch.Tensor

    @property
    def shown(self) -> str:
        return self.source if self.source == self.name else f"{self.source} (as {self.name})"


@dataclass(slots=True)
class _Work:
    wanted: State
    items: list[_Item]
    dropped: dict[str, tuple[str, ...]] = field(default_factory=dict)
    filled: dict[str, torch.Tensor] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)

    def apply(self, rule: rules.Rule) -> None:
        match rule:
            case rules.StripPrefix() | rules.Rename():
                for item in self.items:
                    item.name = _renamed(item.name, rule)
            case rules.Drop():
                self._drop(rule)
            case rules.Transform():
                self._transform(rule)
            case rules.FoldLowRank():
                self._fold(rule)
            case rules.Fill():
                self._fill(rule)
            case rules.InOrder():
                self._in_order(rule)

    def _drop(self, rule: rules.Drop) -> None:
        gone = tuple(item.source for item in self.items if re.fullmatch(rule.keys, item.name))
        if gone:
            self.dropped[rule.reason] = (*self.dropped.get(rule.reason, ()), *gone)
            self.items = [item for item in self.items if not re.fullmatch(rule.keys, item.name)]

    def _transform(self, rule: rules.Transform) -> None:
        kept = []
        for item in self.items:
            try:
                if re.fullmatch(rule.keys, item.name):
                    item.value = _transformed(item.value, rule)
                kept.append(item)
            except (RuntimeError, IndexError):
                self.refused.append(f"{item.shown}: {rule.how} does not apply to shape {_shape(item.value)}")
        self.items = kept

    def _fold(self, rule: rules.FoldLowRank) -> None:
        by_name = {item.name: item for item in self.items}
        for main in [item for item in self.items if item.name.endswith(rule.main)]:
            stem = main.name.removesuffix(rule.main)
            parts = [by_name.get(stem + part) for part in (rule.u, rule.s, rule.v)]
            if None in parts:
                continue
            u, s, v = (part.value for part in parts if part is not None)
            if u.ndim != 2 or v.ndim != 2 or s.ndim != 1 or (u.shape[0], v.shape[1]) != tuple(main.value.shape):
                continue
            if not u.shape[1] == s.shape[0] == v.shape[0]:
                continue
            low_rank = (u.double() * s.double()) @ v.double()
            main.value = (main.value.double() + low_rank).to(main.value.dtype)
            main.name = stem + rule.to
            used = {id(part) for part in parts}
            self.items = [item for item in self.items if id(item) not in used]

    def _fill(self, rule: rules.Fill) -> None:
        there = {item.name for item in self.items}
        for name, value in self.wanted.items():
            if name not in there and re.fullmatch(rule.keys, name) and not value.is_floating_point():
                self.filled[name] = torch.zeros_like(value)

    def _in_order(self, rule: rules.InOrder) -> None:
        taken = {item.name for item in self.items} & self.wanted.keys()
        free = [item for item in self.items if item.name not in taken and re.fullmatch(rule.keys, item.name)]
        open_ = [name for name in self.wanted if name not in taken and name not in self.filled]
        here = [(_leaf(item.name), tuple(item.value.shape)) for item in free]
        there = [(_leaf(name), tuple(self.wanted[name].shape)) for name in open_]
        for tag, a, b, c, d in SequenceMatcher(None, here, there, autojunk=False).get_opcodes():
            # Where the two lists part, names of the same kind still pair up, so that the report can tell the shapes.
            leaves = [x[0] for x in here[a:b]] == [x[0] for x in there[c:d]]
            if tag == "equal" or (tag == "replace" and leaves):
                for item, name in zip(free[a:b], open_[c:d], strict=True):
                    item.name = name

    def finish(self, floats: frozenset[str]) -> tuple[State, KeyReport]:
        """Hold what there is against what the network wants."""
        claims = Counter(item.name for item in self.items)
        fits = [item for item in self.items if item.name in self.wanted and claims[item.name] == 1]
        unexpected = [*self.refused]
        for item in self.items:
            if item.name not in self.wanted:
                unexpected.append(item.shown)
            elif claims[item.name] > 1:
                unexpected.append(f"{item.shown}: {claims[item.name]} tensors claim this name")
        tensors = self.filled | {item.name: item.value for item in fits}
        shapes = {item.name for item in fits if item.value.shape != self.wanted[item.name].shape}
        types = {i.name for i in fits if not _may_become(i.value.dtype, self.wanted[i.name].dtype, floats)}
        report = KeyReport(
            matched=tuple((item.source, item.name) for item in fits if item.name not in shapes | types),
            dropped=self.dropped,
            filled=tuple(sorted(self.filled)),
            missing=tuple(sorted(self.wanted.keys() - tensors.keys())),
            unexpected=tuple(sorted(unexpected)),
            wrong_shape=tuple(self._instead(name, tensors, _shape) for name in sorted(shapes)),
            wrong_dtype=tuple(self._instead(name, tensors, _type) for name in sorted(types)),
        )
        return tensors, report

    def _instead(self, name: str, tensors: State, of: Callable[[torch.Tensor], str]) -> str:
        return f"{name} ({of(tensors[name])} instead of {of(self.wanted[name])})"


def _renamed(name: str, rule: rules.StripPrefix | rules.Rename) -> str:
    if isinstance(rule, rules.StripPrefix):
        return name.removeprefix(rule.prefix)
    found = re.fullmatch(rule.keys, name)
    try:
        return found.expand(rule.to) if found else name
    except (re.error, IndexError) as exc:
        raise ConfigError(
            f"A key map renames '{rule.keys}' to '{rule.to}', which is not possible: {exc}.",
            hint="Correct the groups in the key map.",
        ) from exc


def _transformed(value: torch.Tensor, rule: rules.Transform) -> torch.Tensor:
    match rule.how:
        case "transpose":
            if value.ndim != 2:
                raise IndexError("a transpose needs two axes")
            return value.T.contiguous()
        case "permute":
            return value.permute(rule.axes).contiguous()
        case "reshape":
            return value.reshape(rule.axes)
        case "negate":
            return -value


def _may_become(found: torch.dtype, wanted: torch.dtype, floats: frozenset[str]) -> bool:
    return found == wanted or (wanted.is_floating_point and _named(found) in floats)


def _leaf(name: str) -> str:
    return name.rpartition(".")[2]


def _shape(value: torch.Tensor) -> str:
    return "×".join(str(n) for n in value.shape) or "a single number"


def _type(value: torch.Tensor) -> str:
    return _named(value.dtype)


def _named(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
