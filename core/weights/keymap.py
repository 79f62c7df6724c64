"""Key maps: how the names in a checkpoint become the names of a network, declared in ``configs/keymaps/<name>.yaml``.

A map is a list of rules that are applied in order. Every name that a file holds has to be used or dropped for a reason
that the map gives; what is left over is an error (:mod:`core.weights.keys`).
"""

from __future__ import annotations

import difflib
import re
from typing import Annotated, Literal, TypeAlias

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from core.errors import ConfigError, NotFoundError
from core.settings import CONFIGS


def _regex(text: str) -> str:
    try:
        re.compile(text)
    except re.error as exc:
        raise ValueError(f"'{text}' is no regular expression: {exc}") from exc
    return text


Pattern: TypeAlias = Annotated[str, AfterValidator(_regex)]
"""A regular expression that has to match a whole name."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class StripPrefix(_Part):
    """Take ``prefix`` off the names that begin with it."""

    rule: Literal["strip_prefix"]
    prefix: str = Field(min_length=1)


class Rename(_Part):
    """Names that match ``keys`` become ``to``, which may use the groups of the expression."""

    rule: Literal["rename"]
    keys: Pattern
    to: str


class Drop(_Part):
    """Leave out the names that match ``keys``, because of ``reason``."""

    rule: Literal["drop"]
    keys: Pattern
    reason: str = Field(min_length=1)


class Transform(_Part):
    """Change the values of the names that match ``keys``.

    ``transpose`` swaps the two axes of a matrix. ``permute`` puts the axes into the order ``axes``. ``reshape`` gives
    the shape ``axes``. ``negate`` changes the sign.
    """

    rule: Literal["transform"]
    keys: Pattern
    how: Literal["transpose", "permute", "reshape", "negate"]
    axes: tuple[int, ...] = ()


class FoldLowRank(_Part):
    """Where ``main``, ``u``, ``s`` and ``v`` lie under one name, put ``main + u diag(s) v`` there as ``to``."""

    rule: Literal["fold_low_rank"]
    main: str
    u: str
    s: str
    v: str
    to: str


class Fill(_Part):
    """Set the network's counters that match ``keys`` to zero, because of ``reason``; for whole numbers only."""

    rule: Literal["fill"]
    keys: Pattern
    reason: str = Field(min_length=1)


class InOrder(_Part):
    """The names left, all of which match ``keys``, stand for the network's names left, in the same order.

    The last part of each name (weight, bias, …) and every shape have to agree.
    """

    rule: Literal["in_order"]
    keys: Pattern


Rule: TypeAlias = Annotated[
    StripPrefix | Rename | Drop | Transform | FoldLowRank | Fill | InOrder, Field(discriminator="rule")
]


class KeyMap(_Part):
    """The rules of one checkpoint format.

    ``root`` are the names that lead to the weights in a file that holds more. ``floats`` are the types that may be
    converted to those of the network; whole numbers have to be of the network's own type.
    """

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    summary: str
    root: tuple[str, ...] = ()
    floats: tuple[Literal["float16", "bfloat16", "float32", "float64"], ...] = ("float16", "bfloat16", "float32")
    rules: tuple[Rule, ...] = ()


SAME_NAMES = KeyMap(id="same-names", summary="the names are the network's own")


def key_map_ids() -> list[str]:
    return sorted(path.stem for path in (CONFIGS / "keymaps").glob("*.yaml"))


def key_map(name: str | None) -> KeyMap:
    """A key map by name; None is :data:`SAME_NAMES`.

    Raises:
        NotFoundError: there is none of that name.
        ConfigError: the file is wrong.
    """
    if name is None:
        return SAME_NAMES
    known = key_map_ids()
    if name not in known:
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"Did you mean '{close[0]}'?" if close else f"There are: {', '.join(known) or 'none'}."
        raise NotFoundError(f"There is no key map called '{name}'.", hint=hint)
    path = CONFIGS / "keymaps" / f"{name}.yaml"
    try:
        return KeyMap.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (ValidationError, yaml.YAMLError, UnicodeDecodeError) as exc:
        raise ConfigError(f"The file {path.name} is wrong: {exc}", hint=f"Correct {path}.") from exc
