"""The benchmarks of speed, one after the other: ``make bench``. Load, fuzzing and fine-tuning have commands of their
own."""

from __future__ import annotations

from benchmarks import long_video, repeated
from benchmarks.speed import main as speed

if __name__ == "__main__":
    speed()
    long_video.main()
    repeated.main()
