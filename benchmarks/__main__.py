"""All benchmarks, one after the other: ``make bench``."""

from __future__ import annotations

from benchmarks import long_video, repeated

if __name__ == "__main__":
    long_video.main()
    repeated.main()
