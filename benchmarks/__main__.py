"""The benchmarks of speed, one after the other: ``make bench``. Loads, fuzzing and fine-tuning are commands of their own."""

from __future__ import annotations

from benchmarks import long_video, repeated, speed

if __name__ == "__main__":
    speed.main()
    long_video.main()
    repeated.main()
