"""Mixed precision or not: asked for, found out, and the same for all processes of a run."""

from __future__ import annotations

import torch
from torch import distributed

from geomage.learn.processes import Group

__all__ = ["has_bfloat16", "settle_bfloat16"]

_INSTRUCTIONS = ("avx512_bf16", "amx_bf16")


def has_bfloat16(device: torch.device) -> bool:
    """Whether a device multiplies numbers of bfloat16 itself, rather than by way of float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    has = torch.cpu.get_capabilities()
    return any(bool(has.get(name, False)) for name in _INSTRUCTIONS)


def settle_bfloat16(group: Group, *, asked: bool | None) -> bool:
    """Return what is asked for; where that is None, whether the devices of all processes have it.

    A process whose device has none would keep the others waiting.
    """
    if asked is not None:
        return asked
    own = has_bfloat16(group.device)
    if group.world == 1:
        return own
    have = torch.tensor([float(own)], device=group.device)
    distributed.all_reduce(have, distributed.ReduceOp.MIN)
    return bool(have.item())
