"""``analyse --report``: a report on all files that were analysed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from core.commands.common import printable
from core.errors import ConfigError, StorageError

if TYPE_CHECKING:
    from core.settings import Settings
    from core.types import Analysis

ENDINGS = (".pdf", ".html", ".json", ".csv", ".zip")


def check_target(name: str, files: list[Path]) -> Path:
    """The file to write.

    Raises:
        ConfigError: its ending means nothing here, or it is one of the files to analyse.
    """
    path = Path(name)
    if path.suffix.lower() not in ENDINGS:
        raise ConfigError(
            f"A report cannot be written as '{printable(path.name)}'.",
            hint=f"Give a name with one of these endings: {', '.join(ENDINGS)}.",
        )
    if any(path.exists() and file.exists() and path.samefile(file) for file in files):
        raise ConfigError(f"'{printable(name)}' is one of the files to analyse.", hint="Give another file.")
    return path


def write_report(target: Path, done: list[tuple[Path, Analysis]], settings: Settings) -> None:
    """Write a report on the analyses in the form that the ending of ``target`` names.

    Raises:
        StorageError: it cannot be written.
    """
    data = _made(target.suffix.lower(), done, settings)
    try:
        target.write_bytes(data)
    except OSError as exc:
        raise StorageError(
            f"The report cannot be written to '{printable(str(target))}': {exc.strerror}.",
            hint="Give a file in a folder that exists and is writable.",
        ) from exc


def _made(ending: str, done: list[tuple[Path, Analysis]], settings: Settings) -> bytes:
    from core.reports.content import Item
    from core.reports.files import to_json_list
    from core.reports.package import evidence_package
    from core.reports.page import to_html_page
    from core.reports.pdf import to_pdf
    from core.reports.pictures import report_pictures
    from core.reports.tables import to_csv

    analyses = [analysis for _, analysis in done]
    if ending == ".csv":
        return to_csv(analyses).encode()
    if ending == ".json":
        return to_json_list(analyses).encode()
    items = [Item(analysis, pictures=report_pictures(analysis, path, settings)) for path, analysis in done]
    if ending == ".zip":
        return evidence_package(items)
    return to_pdf(items) if ending == ".pdf" else to_html_page(items).encode()
