"""Are worn pictures called fake: ``python -m benchmarks.worn --data DIR --write docs/measured/worn.md``.

Real pictures of the test split (README of the data root) are analysed as they are and after one nuisance at a time, by
a preset as users meet it. The verdict counts, not only the figure: a worn picture may well be uncertain.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from core.errors import WorkbenchError
from core.media.decoding import decoder
from core.pipeline import analyse
from core.settings import Settings, build_settings
from core.training.data.manifest import read_manifest
from core.training.intervals import wilson
from core.training.robustness import Series, all_series
from core.types import RGB, Label

_HARDEST = 2  # levels of each nuisance


@dataclass(slots=True)
class Counted:
    """Verdicts on one kind of picture, and P(fake) where there is one."""

    name: str
    labels: list[Label] = field(default_factory=list)
    p_fake: list[float] = field(default_factory=list)

    def add(self, path: Path, settings: Settings) -> None:
        verdict = analyse(path, settings).verdict
        self.labels.append(verdict.label)
        if verdict.p_fake is not None:
            self.p_fake.append(verdict.p_fake)

    def row(self) -> str:
        fake, judged = self.labels.count(Label.FAKE), len(self.p_fake)
        low, high = wilson(fake, judged)
        cells = [
            self.name,
            str(judged),
            f"{fake / max(judged, 1):.3f} [{low:.3f}, {high:.3f}]",
            str(self.labels.count(Label.UNCERTAIN)),
            str(self.labels.count(Label.NOT_APPLICABLE)),
            f"{float(np.mean(self.p_fake)) if judged else float('nan'):.3f}",
        ]
        return f"| {' | '.join(cells)} |"


def pictures(data: Path, settings: Settings) -> Iterator[RGB]:
    """Real pictures of the test split; those that cannot be read are left out."""
    reader = decoder(settings)
    for item in read_manifest(data, modalities=("image",)):
        if item.split == "test" and not item.fake:
            try:
                yield reader.image(reader.identify(data / item.path))[0][0].rgb
            except WorkbenchError:
                continue


def measure(data: Path, preset: str) -> list[Counted]:
    found: dict[str, Counted] = {}
    with tempfile.TemporaryDirectory() as folder:
        settings = build_settings(preset=preset, data_dir=Path(folder), cache={"enabled": False})
        path = Path(folder) / "worn.png"
        for number, rgb in enumerate(pictures(data, settings)):
            for name, worn in _worn(rgb, number):
                cv2.imwrite(str(path), cv2.cvtColor(worn, cv2.COLOR_RGB2BGR))
                found.setdefault(name, Counted(name)).add(path, settings)
    return list(found.values())


def _worn(rgb: RGB, seed: int) -> Iterator[tuple[str, RGB]]:
    even = rgb[: rgb.shape[0] // 2 * 2, : rgb.shape[1] // 2 * 2]  # as H.264 wants it
    yield "as it is", even
    for series in all_series().values():
        for level in series.levels[-_HARDEST:]:
            yield f"{series.name}, {_level(series, level)}", series.apply(np.random.default_rng(seed), even, level)


def _level(series: Series, level: float) -> str:
    return f"{level:g} {series.unit}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the data root, with its manifest")
    parser.add_argument("--preset", default="default")
    parser.add_argument("--write", type=Path, help="a Markdown file")
    asked = parser.parse_args()
    rows = [counted.row() for counted in measure(asked.data, asked.preset)]
    text = "\n".join([_HEAD.format(preset=asked.preset), *rows]) + "\n"
    if asked.write is not None:
        asked.write.write_text(text, encoding="utf-8")
    print(text)


_HEAD = """# Worn pictures that are real

Printed by `python -m benchmarks.worn --data DIR --write docs/measured/worn.md`; preset `{preset}`.

Real pictures of the test split, as they are and after one nuisance at a time, at its two hardest levels. "Called fake"
is the share of those that were judged at all, with Wilson's 95 % interval; every one of them is a false alarm.

| nuisance | judged | called fake | uncertain | not applicable | mean P(fake) |
|---|---|---|---|---|---|"""


if __name__ == "__main__":
    main()
