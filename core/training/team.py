"""Several processes that train one network: each takes its share of every batch, gradients are averaged."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch.multiprocessing.spawn import start_processes


class Team:
    """One process's view of all of them. A team of one needs no communication."""

    def __init__(self, rank: int = 0, size: int = 1) -> None:
        self.rank = rank
        self.size = size

    @property
    def leads(self) -> bool:
        """Whether this process writes files and validates."""
        return self.rank == 0

    def average(self, tensors: Iterable[torch.Tensor | None]) -> None:
        """Replace each tensor by its mean over all processes."""
        if self.size == 1:
            return
        present = [t for t in tensors if t is not None]
        flat = torch.cat([t.detach().reshape(-1).float() for t in present])
        dist.all_reduce(flat)
        flat /= self.size
        start = 0
        for tensor in present:
            part = flat[start : start + tensor.numel()]
            tensor.detach().copy_(part.view_as(tensor))
            start += tensor.numel()

    def share(self, value: Any) -> Any:
        """The first process's value, in all of them."""
        if self.size == 1:
            return value
        box = [value]
        dist.broadcast_object_list(box, src=0)
        return box[0]

    def wait(self) -> None:
        """Go on when all have come here."""
        if self.size > 1:
            dist.barrier()


def together(size: int, work: Callable[[Team], None]) -> None:
    """Run ``work`` in ``size`` forked processes that know each other; in this one if ``size`` is 1."""
    if size == 1:
        work(Team())
        return
    with tempfile.TemporaryDirectory() as folder:
        start_processes(_member, args=(size, Path(folder) / "meet", work), nprocs=size, start_method="fork")


def _member(rank: int, size: int, meet: Path, work: Callable[[Team], None]) -> None:
    # The forked thread pool is made anew at its first use, which is safe only while this is the sole thread.
    torch.set_num_threads(torch.get_num_threads())
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    dist.init_process_group("gloo", init_method=f"file://{meet}", rank=rank, world_size=size)
    try:
        work(Team(rank, size))
    finally:
        dist.destroy_process_group()
