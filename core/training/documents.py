"""Figures that commands print into documents which are otherwise written by hand."""

from __future__ import annotations

from pathlib import Path

from core.errors import ConfigError


def put_between(path: Path, text: str, name: str) -> None:
    """Replace what stands between ``<!-- name -->`` and ``<!-- /name -->`` in a document.

    Raises:
        ConfigError: the document has no such place.
    """
    start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    old = path.read_text(encoding="utf-8")
    if old.count(start) != 1 or old.count(end) != 1 or old.index(start) > old.index(end):
        raise ConfigError(f"{path.name} has no place for the figures.", hint=f"Write {start} and {end} into it.")
    before, rest = old.split(start)
    new = f"{before}{start}\n{text.strip()}\n{end}{rest.split(end)[1]}"
    part = path.with_suffix(".part")
    part.write_text(new, encoding="utf-8")
    part.replace(path)
