"""ASVspoof 2019, logical access (Wang et al., 2020)."""

from __future__ import annotations

from pathlib import Path

from core.errors import ConfigError
from core.training.data.manifest import Item
from core.training.data.readers.base import item, misfit, not_empty, read_lines

LICENCE = "ODC-By 1.0"
_PROTOCOLS = "ASVspoof2019_LA_cm_protocols"
_PARTS = (("train", "train.trn", "train"), ("dev", "dev.trl", "calib"), ("eval", "eval.trl", "test"))
_COLUMNS = 5


class AsvSpoof2019:
    """``ASVspoof2019_LA_cm_protocols/ASVspoof2019.LA.cm.<part>.txt`` with lines ``speaker file - system key`` and
    ``ASVspoof2019_LA_<part>/flac/<file>.flac``, in the root or in ``LA/``.

    Parts train, dev and eval become train, calib and test; ``split`` is not used. The identity is the speaker, the
    method the attack (A01 … A19). Files that a protocol names but the folder lacks are skipped.
    """

    name = "asvspoof2019-la"
    title = "ASVspoof 2019 LA"
    expects = f"{_PROTOCOLS}/ASVspoof2019.LA.cm.*.txt and ASVspoof2019_LA_<train|dev|eval>/flac/*.flac"

    def fits(self, root: Path) -> bool:
        return (_base(root) / _PROTOCOLS).is_dir()

    def read(self, root: Path, *, split: str = "test") -> list[Item]:
        base = _base(root)
        parts = [(base / f"{_PROTOCOLS}/ASVspoof2019.LA.cm.{file}.txt", name, to) for name, file, to in _PARTS]
        if not any(path.is_file() for path, _, _ in parts):
            raise misfit(self, root, "no protocol")
        made = []
        for protocol, name, to in parts:
            if protocol.is_file():
                made.extend(_read_part(root, protocol, base / f"ASVspoof2019_LA_{name}" / "flac", to))
        return not_empty(made, self, root)


def _base(root: Path) -> Path:
    return root / "LA" if (root / "LA").is_dir() else root


def _read_part(root: Path, protocol: Path, folder: Path, split: str) -> list[Item]:
    made = []
    for speaker, name, _, system, key, *_ in read_lines(protocol, _COLUMNS, AsvSpoof2019.title):
        if key not in ("bonafide", "spoof") or (key == "bonafide") != (system == "-"):
            raise ConfigError(
                f"{AsvSpoof2019.title}: {name} in {protocol.name} has system {system} and key {key}.",
                hint="A line ends with '- bonafide' or with the attack and 'spoof'.",
            )
        path = folder / f"{Path(name).name}.flac"
        if path.is_file():
            made.append(
                item(
                    root,
                    path,
                    method=None if key == "bonafide" else system,
                    source="asvspoof2019-la",
                    identity=f"asvspoof2019-la/{speaker}",
                    split=split,
                    licence=LICENCE,
                )
            )
    return made
