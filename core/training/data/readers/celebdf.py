"""Celeb-DF v2 (Li et al., 2020)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from core.errors import ConfigError
from core.training.data.manifest import CLIPS, Item
from core.training.data.readers.base import item, media_under, misfit, not_empty, read_lines

LICENCE = "Celeb-DF terms of use (research only, on request)"
LISTING = "List_of_testing_videos.txt"
_FOLDERS = {"Celeb-real": False, "YouTube-real": False, "Celeb-synthesis": True}
_CELEB = re.compile(r"(id\d+)_\d+")
_SWAP = re.compile(r"(id\d+)_(id\d+)_\d+")


class CelebDf:
    """``Celeb-real/id0_0000.mp4``, ``YouTube-real/00000.mp4``, ``Celeb-synthesis/id0_id1_0000.mp4`` and the list of
    test clips.

    With the list, its clips are ``test`` and all others ``train``: the official division, which is by clip, so the
    same celebrities are on both sides. The identity of a fake is the person whose clip was altered (id0); the face
    put in belongs to id1, who has an identity of his own (swaps join all 59 people, so no grouping keeps both apart).
    """

    name = "celeb-df"
    title = "Celeb-DF v2"
    expects = f"Celeb-real/, YouTube-real/ and Celeb-synthesis/ with .mp4 files, and {LISTING} for the official split"

    def fits(self, root: Path) -> bool:
        return (root / "Celeb-real").is_dir() or (root / "Celeb-synthesis").is_dir()

    def read(self, root: Path, *, split: str = "test") -> list[Item]:
        listed = _listed(root, self.title)
        made = []
        for folder, path in _clips(root):
            person = _person(folder, path)
            if person is None:
                raise misfit(self, root, f"{folder}/{path.name} is not named as the collection names its clips")
            own = split if listed is None else ("test" if f"{folder}/{path.name}" in listed else "train")
            made.append(
                item(
                    root,
                    path,
                    method="Celeb-synthesis" if _FOLDERS[folder] else None,
                    source="celeb-df",
                    identity=f"celeb-df/{person}",
                    split=own,
                    licence=LICENCE,
                )
            )
        return not_empty(made, self, root)


def _clips(root: Path) -> Iterator[tuple[str, Path]]:
    for folder in _FOLDERS:
        for path in media_under(root / folder, CLIPS):
            yield folder, path


def _person(folder: str, path: Path) -> str | None:
    if folder == "YouTube-real":
        return f"youtube-{path.stem}"
    match = (_SWAP if _FOLDERS[folder] else _CELEB).fullmatch(path.stem)
    return match.group(1) if match else None


def _listed(root: Path, title: str) -> set[str] | None:
    """Paths of the official test clips, or None without the list. Its first column is 1 for real and 0 for fake."""
    path = root / LISTING
    if not path.is_file():
        return None
    named = set()
    for label, name, *_ in read_lines(path, 2, title):
        folder = name.split("/")[0]
        if folder not in _FOLDERS or label != ("0" if _FOLDERS[folder] else "1"):
            raise ConfigError(
                f"{title}: '{label} {name}' in {LISTING} contradicts its folder.", hint="Fetch the official list again."
            )
        named.add(name)
    return named
