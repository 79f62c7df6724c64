"""What can be taken away from an analysis: JSON and CSV."""

from core.reports.files import to_json
from core.reports.tables import Table, to_csv, to_csv_rows

__all__ = ["Table", "to_csv", "to_csv_rows", "to_json"]
