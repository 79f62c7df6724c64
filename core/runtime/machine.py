"""What a measured figure belongs to: the processor, its cores and the accelerator."""

from __future__ import annotations

import os
import platform
from functools import lru_cache
from pathlib import Path

import torch

_LOW_PRECISION = {"amx_bf16", "avx512_bf16", "bf16"}  # as Linux names them, the last on ARM


@lru_cache(maxsize=8)
def machine(device: str) -> str:
    """In words: processor, cores, and the accelerator where ``device`` is one. Not how many threads are used: what is
    fastest with all of them is so, or nearly, with a worker's share, and is not tried again in every worker."""
    name = _cpu().get("model name") or platform.processor() or platform.machine()
    parts = [name, f"{os.cpu_count()} cores"]
    if device.startswith("cuda"):
        parts.append(torch.cuda.get_device_name(device))
    return ", ".join(parts)


def fast_bfloat16(device: str) -> bool:
    """Whether the device computes in bfloat16, rather than emulating it."""
    if device.startswith("cuda"):
        return torch.cuda.is_bf16_supported()
    flags = _cpu().get("flags") or _cpu().get("Features") or ""
    return device == "cpu" and bool(_LOW_PRECISION & set(flags.split()))


@lru_cache(maxsize=1)
def _cpu() -> dict[str, str]:
    """Names and values that Linux gives of the first processor; nothing elsewhere."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    rows = (line.partition(":") for line in text.split("\n\n")[0].splitlines())
    return {name.strip(): value.strip() for name, _, value in rows}
