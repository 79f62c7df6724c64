"""All about speed, side by side, as a page.

    python -m benchmarks.speed [--only naive] [--write docs/speed.md]

Nothing is downloaded: media are drawn, and the large networks have the published layout and random values.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.speeds import backends, cluster, naive, scaling, sound, startup
from benchmarks.speeds.page import Chapter, where

CHAPTERS: dict[str, Callable[[Path], Chapter]] = {
    "naive": naive.measure,
    "backends": backends.measure,
    "single": scaling.single,
    "scaling": scaling.scaling,
    "sound": sound.measure,
    "batch": scaling.batch,
    "cluster": cluster.measure,
    "startup": startup.measure,
}
_ABOUT = """# Speed

Each detector's network is run by the engine that is fastest on your machine and answers like torch: the choice is made
at first use, by a trial of some seconds, and kept in `data_dir/backends`; delete that folder to try again. The setting
`runtime.backend` names one engine instead. The small networks that find faces are run by torch. Faces of a clip are
searched in every fourth sampled frame; between these they are sought where they must be, by the same networks (setting
`faces.search_every`). Only frames that are looked at are decoded. Mouths are followed beside the work of the detectors.

On a processor that multiplies in bfloat16, torch and OpenVINO are tried in it too. A large transformer (`effort-clip`)
is bound by multiplications: OpenVINO, where it is installed, also runs its large matrices in 8 bits (`openvino-int8`;
each output of a matrix and every 128 values of an input have their own scale), and the rest in bfloat16 where the
processor has it. Reduced precision of any kind is used only where no logit of the trial moves by more than .04, which
is a P(fake) of .01 at most wherever it stands. That is found on your machine for the file that you have: the first
table was measured with random values, and a file that fails is run in full precision, which is slower.

Each chapter names its command, and the machine that it was measured on; `python -m benchmarks.speed --write
docs/speed.md` measures all of them, `--only` some anew.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description="How fast the program is on this machine.")
    parser.add_argument("--only", choices=list(CHAPTERS), action="append", help="chapters to measure (all)")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="where the page goes besides standard output")
    options = parser.parse_args()
    chapters = known(options.write) if options.write else {}
    for name in options.only or CHAPTERS:
        measured = f"Measured on {datetime.now(UTC):%d %B %Y}: {where()}."
        with tempfile.TemporaryDirectory() as folder:
            chapters[name] = CHAPTERS[name](Path(folder)).markdown(measured)
        print(chapters[name], flush=True)
        if options.write:
            options.write.write_text(page(chapters), encoding="utf-8")


def known(path: Path) -> dict[str, str]:
    """The chapters that stand on a page already, by name."""
    if not path.is_file():
        return {}
    texts = ["## " + text for text in path.read_text(encoding="utf-8").split("\n## ")[1:]]
    found = {name: text for text in texts for name in CHAPTERS if f"--only {name}`" in text}
    return {name: text.rstrip() + "\n" for name, text in found.items()}


def page(chapters: Mapping[str, str]) -> str:
    """All chapters in the order of :data:`CHAPTERS`."""
    return "\n".join([_ABOUT, *(chapters[name] for name in CHAPTERS if name in chapters)])


if __name__ == "__main__":
    main()
