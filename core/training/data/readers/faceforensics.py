"""FaceForensics++ (Rössler et al., 2019) with the DeepFakeDetection actors that are published beside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from core.errors import ConfigError
from core.training.data.manifest import CLIPS, Item
from core.training.data.readers.base import Groups, item, load_json, media_under, misfit, not_empty

LICENCE = "FaceForensics terms of use (research only, on request)"
COMPRESSIONS = ("raw", "c0", "c23", "c40")
_OFFICIAL = {"train.json": "train", "val.json": "calib", "test.json": "test"}


class FaceForensics:
    """``<branch>/<set>/<compression>/videos/*``, branches original_sequences and manipulated_sequences.

    ``071.mp4`` is a real clip, ``071_054.mp4`` its fake with the face of 054; both sources and all fakes between
    them are one identity, so a pair is never divided. The official ``train.json``, ``val.json`` and ``test.json``
    (lists of such pairs, in the root or in ``splits/``) decide the split if they are there. Actor clips
    (``01__scene``, ``01_02__scene__code``) share their actors so widely that all of them are one identity.
    """

    name = "ff++"
    title = "FaceForensics++"
    expects = "original_sequences/<set>/<raw|c23|c40>/videos and manipulated_sequences/<method>/<raw|c23|c40>/videos"

    def fits(self, root: Path) -> bool:
        return (root / "original_sequences").is_dir() or (root / "manipulated_sequences").is_dir()

    def read(self, root: Path, *, split: str = "test") -> list[Item]:
        official = _official_splits(root, self.title)
        clips = list(_clips(self, root))
        groups = Groups()
        for path, _ in clips:
            people = _people(path)
            for person in people[1:]:
                groups.join(people[0], person)
        made = []
        for path, method in clips:
            person = groups.root(_people(path)[0])
            own = official.get(path.stem.split("_")[0]) if not _is_actor(path) else None
            made.append(
                item(
                    root,
                    path,
                    method=method,
                    source="ff++-actors" if _is_actor(path) else "ff++",
                    identity=f"ff++/{person}",
                    split=own or split,
                    licence=LICENCE,
                )
            )
        return not_empty(made, self, root)


def _clips(reader: FaceForensics, root: Path) -> Iterator[tuple[Path, str | None]]:
    for branch, fake in (("original_sequences", False), ("manipulated_sequences", True)):
        for path in media_under(root / branch, CLIPS):
            parts = path.relative_to(root / branch).parts
            if "masks" in parts:
                continue
            if len(parts) != 4 or parts[1] not in COMPRESSIONS or parts[2] != "videos":
                raise misfit(reader, root, f"{'/'.join((branch, *parts))} is not where it should be")
            yield path, parts[0] if fake else None


def _is_actor(path: Path) -> bool:
    return "__" in path.stem


def _people(path: Path) -> list[str]:
    return ["actors"] if _is_actor(path) else path.stem.split("_")


def _official_splits(root: Path, title: str) -> dict[str, str]:
    """Source id → split, empty without the official lists."""
    splits: dict[str, str] = {}
    for folder in (root, root / "splits"):
        for name, split in _OFFICIAL.items():
            path = folder / name
            if path.is_file():
                for pair in load_json(path, list, title):
                    _add_pair(splits, pair, split, path)
    return splits


def _add_pair(splits: dict[str, str], pair: object, split: str, path: Path) -> None:
    if not isinstance(pair, list) or not all(isinstance(one, str) for one in pair):
        raise ConfigError(
            f"FaceForensics++: {path.name} is not a list of pairs of ids.", hint="Fetch the official list again."
        )
    for one in pair:
        if splits.setdefault(one, split) != split:
            raise ConfigError(
                f"FaceForensics++: source {one} is both in {splits[one]} and in {split}.",
                hint="Fetch the official lists again.",
            )
