"""The analysis as one JSON document."""

from __future__ import annotations

import json

from core import schema
from core.types import Analysis


def to_json(analysis: Analysis) -> str:
    """The whole analysis, indented for reading; it validates against the JSON schema and :func:`core.schema.load`
    reads it back."""
    return json.dumps(json.loads(schema.dump(analysis)), indent=2, ensure_ascii=False) + "\n"
