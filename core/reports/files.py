"""The analysis as one JSON document."""

from __future__ import annotations

import json
from collections.abc import Sequence

from core import schema
from core.types import Analysis


def to_json(analysis: Analysis) -> str:
    """The whole analysis, indented for reading; it validates against the JSON schema and :func:`core.schema.load`
    reads it back."""
    return json.dumps(json.loads(schema.dump(analysis)), indent=2, ensure_ascii=False) + "\n"


def to_json_list(analyses: Sequence[Analysis]) -> str:
    """One analysis as :func:`to_json` writes it; several as a JSON array of such."""
    if len(analyses) == 1:
        return to_json(analyses[0])
    every = [json.loads(schema.dump(analysis)) for analysis in analyses]
    return json.dumps(every, indent=2, ensure_ascii=False) + "\n"
