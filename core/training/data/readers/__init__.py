"""Readers of public collections in the layout they are published in.

Each takes the collection's root folder and the split for files whose collection names none, and returns manifest
items: ``fake`` and ``method`` from the layout, ``split`` from the collection's own lists (train, validation → calib,
test), ``identity`` as the group that must never be divided between splits.
"""

from __future__ import annotations

from pathlib import Path

from core.errors import NotFoundError
from core.training.data.manifest import Item
from core.training.data.readers.asvspoof import AsvSpoof2019
from core.training.data.readers.base import Reader, need_folder
from core.training.data.readers.celebdf import CelebDf
from core.training.data.readers.dfdc import Dfdc
from core.training.data.readers.faceforensics import FaceForensics
from core.training.data.readers.fakeavceleb import FakeAvCeleb
from core.training.data.readers.folders import Folders
from core.training.data.readers.table import Table, read_table, write_table

__all__ = ["Item", "Reader", "layout_of", "read", "read_table", "readers", "write_table"]


def readers() -> dict[str, Reader]:
    """Every reader by the name of its layout, the most particular first."""
    made: tuple[Reader, ...] = (
        Table(),
        FaceForensics(),
        CelebDf(),
        AsvSpoof2019(),
        FakeAvCeleb(),
        Dfdc(),
        Folders(),
    )
    return {reader.name: reader for reader in made}


def layout_of(root: Path) -> str:
    """The layout that ``root`` has.

    Raises:
        ConfigError: there is no such folder.
        NotFoundError: none of the known layouts fits.
    """
    need_folder(root, "data folder")
    for name, reader in readers().items():
        if reader.fits(root):
            return name
    wanted = "; ".join(f"{name}: {reader.expects}" for name, reader in readers().items())
    raise NotFoundError(f"{root.name} has none of the known layouts.", hint=f"One of these is needed. {wanted}.")


def read(root: Path, layout: str = "auto", *, split: str = "test") -> list[Item]:
    """Items of the collection in ``root``, sorted by path.

    Args:
        layout: a key of :func:`readers`, or ``auto`` to find out.
        split: given to files for which the collection names no split.

    Raises:
        NotFoundError: no such layout.
        ConfigError: the folder does not have the layout; the message names what is missing.
    """
    name = layout_of(root) if layout == "auto" else layout
    known = readers()
    if name not in known:
        raise NotFoundError(f"There is no layout '{name}'.", hint=f"There are: auto, {', '.join(known)}.")
    need_folder(root, known[name].title)
    return sorted(known[name].read(root, split=split), key=lambda item: item.path)
