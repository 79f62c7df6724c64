"""Many files as one CSV table, also those that could not be analysed."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from core.errors import WorkbenchError
from core.reports.tables import COLUMNS, escape, to_csv_rows
from core.types import Analysis


def to_batch_csv(outcomes: Sequence[tuple[str, Analysis | WorkbenchError]]) -> str:
    """One row a file in the order of ``outcomes`` (name, what came of it), with the columns of the table ``files``;
    a file that failed has the label "failed" and its message among the warnings."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(COLUMNS["files"])
    for name, outcome in outcomes:
        if isinstance(outcome, Analysis):
            (row,) = to_csv_rows(outcome, "files")
        else:
            row = {"file": name, "label": "failed", "warnings": str(outcome)}
        writer.writerow([escape(row.get(column)) for column in COLUMNS["files"]])
    return out.getvalue()
