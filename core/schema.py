"""The analysis as JSON: one canonical text for the cache, the history, the API and downloads.

Equal analyses give byte-identical text: keys are sorted, numbers rounded to nine significant digits, non-finite
numbers refused. ``python -m core.cli schema`` prints the JSON schema.
"""

from __future__ import annotations

import json
import math
from dataclasses import fields, is_dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from pydantic import TypeAdapter, ValidationError

from core.errors import InternalError, StorageError
from core.types import ANALYSIS_VERSION, Analysis

_DIGITS = 9


@lru_cache(maxsize=1)
def _adapter() -> TypeAdapter[Analysis]:
    return TypeAdapter(Analysis)


def dump(analysis: Analysis) -> str:
    """Canonical JSON of an analysis.

    Raises:
        InternalError: a value does not fit its type, or a number is not finite.
    """
    try:
        plain = _adapter().dump_python(_adapter().validate_python(_plain(analysis)))
        return json.dumps(plain, sort_keys=True, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    except (ValidationError, ValueError, TypeError) as exc:
        raise InternalError(
            f"The result cannot be written: {_first_line(exc)}.",
            hint="This is a fault of the program; please report it with the name of the preset.",
        ) from exc


def load(text: str) -> Analysis:
    """The analysis behind a text of :func:`dump`.

    Raises:
        StorageError: not an analysis, or one of another version of the format.
    """
    try:
        data = json.loads(text)
    except ValueError as exc:
        raise _unreadable("it is not JSON") from exc
    version = data.get("version") if isinstance(data, dict) else None
    if version != ANALYSIS_VERSION:
        raise _unreadable(f"its format is version {version}, this program reads version {ANALYSIS_VERSION}")
    try:
        return _adapter().validate_python(data)
    except ValidationError as exc:
        raise _unreadable(_first_line(exc)) from exc


def json_schema() -> dict[str, Any]:
    """JSON schema (draft 2020-12) of what :func:`dump` writes."""
    schema = _adapter().json_schema(mode="serialization")
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["properties"]["version"] = {"const": ANALYSIS_VERSION, "title": "Version", "type": "integer"}
    return schema


def schema_text() -> str:
    """The schema as the file ``docs/analysis.schema.json`` holds it."""
    return json.dumps(json_schema(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _unreadable(why: str) -> StorageError:
    return StorageError(f"A stored analysis cannot be read: {why}.", hint="Analyse the file again to make a new one.")


def _first_line(exc: Exception) -> str:
    if isinstance(exc, ValidationError):
        first = exc.errors()[0]
        return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
    return str(exc).splitlines()[0] if str(exc) else type(exc).__name__


def _plain(value: Any) -> Any:
    """Dataclasses to dicts, NumPy scalars to numbers, numbers rounded, text made encodable."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):  # most of an analysis is
        return _rounded(value)
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, str):
        return str(value).encode("utf-8", "replace").decode("utf-8")
    if is_dataclass(value):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
    return value


def _rounded(value: float) -> float:
    if not math.isfinite(value):
        raise ValueError("a number is not finite")
    # Adding zero turns -0.0 into 0.0.
    return float(f"{value:.{_DIGITS}g}") + 0.0
