"""Several processes that train one network: `torchrun` starts them, each sees its share of a batch.

Gradients are averaged by one sum over all of them in one buffer. What has no gradient (running
means, queues, teachers' buffers) is that of process 0 in all, as `DistributedDataParallel` has it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, distributed, nn

from geomage.errors import InputError

__all__ = ["Group", "average_gradients", "find_device", "same_buffers", "share_terms", "together"]


@dataclass(frozen=True)
class Group:
    """This process among those that train together.

    rank: its number from 0; world: how many there are; device: where it computes.
    """

    rank: int
    world: int
    device: torch.device

    @property
    def first(self) -> bool:
        """Whether it is the one that writes files."""
        return self.rank == 0


@contextmanager
def together(device: str) -> Iterator[Group]:
    """Join the processes of `torchrun`; a process started otherwise is alone.

    Args:
        device: "cpu", "cuda", or "auto" for CUDA where there is one.

    Processes that have joined already stay together.
    """
    world = int(os.environ.get("WORLD_SIZE", "1"))
    rank = int(os.environ.get("RANK", "0"))
    chosen = find_device("recipe, loop", device, int(os.environ.get("LOCAL_RANK", "0")))
    if world == 1:
        yield Group(0, 1, chosen)
        return
    if distributed.is_initialized():
        yield Group(rank, world, chosen)
        return
    distributed.init_process_group("nccl" if chosen.type == "cuda" else "gloo")
    try:
        yield Group(rank, world, chosen)
    finally:
        distributed.destroy_process_group()


def find_device(where: str, name: str, local: int = 0) -> torch.device:
    """Where to compute: "cpu", "cuda" (its device number `local`), or "auto" for CUDA if any.

    Raises:
        InputError: CUDA is asked for, and there is none; `where` says by whom.
    """
    has = torch.cuda.is_available()
    if name == "cuda" and not has:
        raise InputError(f"{where}: device = 'cuda', and torch finds none: take 'auto'")
    if name == "cpu" or not has:
        return torch.device("cpu")
    torch.cuda.set_device(local)
    return torch.device("cuda", local)


def average_gradients(group: Group, trained: Sequence[nn.Parameter]) -> None:
    """Give all processes the mean of their gradients.

    A parameter that no process has a gradient for keeps none, so that its optimiser rests.
    """
    if group.world == 1:
        return
    have = torch.tensor([float(p.grad is not None) for p in trained], device=group.device)
    parts = [(torch.zeros_like(p) if p.grad is None else p.grad).flatten() for p in trained]
    flat = torch.cat([*parts, have])
    distributed.all_reduce(flat)
    sizes = [*(p.numel() for p in trained), len(trained)]
    *means, used = torch.split(flat / group.world, sizes)
    for p, mean, count in zip(trained, means, used.tolist(), strict=True):
        p.grad = mean.view_as(p).clone() if count else None


def same_buffers(group: Group, modules: nn.Module) -> None:
    """Give all processes the buffers of process 0."""
    if group.world > 1:
        for buffer in modules.buffers():
            distributed.broadcast(buffer, 0)


def share_terms(group: Group, terms: Mapping[str, Tensor]) -> dict[str, float]:
    """Means of the terms of the loss over all processes; not finite where one of them is not."""
    if group.world == 1:
        return {name: float(value.detach()) for name, value in terms.items()}
    values = torch.stack([value.detach().float() for value in terms.values()])
    distributed.all_reduce(values)
    return dict(zip(terms, (values / group.world).tolist(), strict=True))
