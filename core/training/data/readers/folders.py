"""Any folder with ``real`` and ``fake`` in it, WildDeepfake (Zi et al., 2020) among them."""

from __future__ import annotations

from pathlib import Path

from core.training.data.manifest import CLIPS, PICTURES, Item
from core.training.data.readers.base import SOUNDS, item, media_under, misfit, modality_of, not_empty

_SPLITS = {"train": "train", "val": "calib", "valid": "calib", "validation": "calib", "calib": "calib", "test": "test"}
_FAKE = {"fake": True, "real": False}


class Folders:
    """``real/`` and ``fake/``, or ``real_train/``, ``fake_train/``, ``real_test/`` …, or either inside ``train/``,
    ``val/``, ``test/``.

    The first folder below ``fake`` names the method unless it is a mere number (WildDeepfake numbers its videos).
    Pictures in one numbered or innermost folder are frames of one video: they share an identity. A clip or a sound is
    an identity of its own, and so is a picture that lies directly in ``real``, ``fake`` or a method's folder.
    """

    name = "folders"
    title = "Folders real and fake"
    expects = "real/ and fake/ (or real_train/, fake_train/ …; or both inside train/, val/ and test/) with media"

    def fits(self, root: Path) -> bool:
        return len({fake for _, fake, _ in _branches(root)}) == 2

    def read(self, root: Path, *, split: str = "test") -> list[Item]:
        if not self.fits(root):
            raise misfit(self, root, "not both of real/ and fake/")
        source = root.resolve().name
        made = []
        for branch, fake, own in _branches(root):
            for path in media_under(branch, (*PICTURES, *CLIPS, *SOUNDS)):
                parts = path.relative_to(branch).parts[:-1]
                made.append(
                    item(
                        root,
                        path,
                        method=_method(parts) if fake else None,
                        source=source,
                        identity=f"{source}/{_identity(root, branch, path, parts, fake)}",
                        split=own or split,
                        licence="",
                    )
                )
        labels = {one.fake for one in made}
        if len(labels) == 1:
            raise misfit(self, root, f"no {'real' if True in labels else 'fake'} media file")
        return not_empty(made, self, root)


def _branches(root: Path) -> list[tuple[Path, bool, str | None]]:
    """(folder, fake, split or None) of every folder that names a label."""
    found: list[tuple[Path, bool, str | None]] = []
    for folder in sorted(path for path in root.iterdir() if path.is_dir()) if root.is_dir() else ():
        label, _, part = folder.name.lower().partition("_")
        if label in _FAKE and (not part or part in _SPLITS):
            found.append((folder, _FAKE[label], _SPLITS.get(part)))
        elif folder.name.lower() in _SPLITS:
            inner = sorted(path for path in folder.iterdir() if path.is_dir() and path.name.lower() in _FAKE)
            found.extend((path, _FAKE[path.name.lower()], _SPLITS[folder.name.lower()]) for path in inner)
    return found


def _method(parts: tuple[str, ...]) -> str:
    return parts[0] if parts and not parts[0].isdigit() else "unknown"


def _identity(root: Path, branch: Path, path: Path, parts: tuple[str, ...], fake: bool) -> str:
    of_method = fake and len(parts) == 1 and not parts[0].isdigit()
    framed = modality_of(path) == "image" and parts and not of_method
    return (path.parent if framed else path.with_suffix("")).relative_to(root).as_posix()
