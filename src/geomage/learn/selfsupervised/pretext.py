"""What the methods here share: a network of which the encoder alone learns, and small heads."""

from __future__ import annotations

from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 -- the name everybody knows

from geomage.errors import InputError
from geomage.learn.objective import ChipBatch
from geomage.learn.selfsupervised.views import View
from geomage.model.architecture import Architecture, EarthNetwork, build_network

__all__ = [
    "Projector",
    "asked",
    "pooled",
    "pretrainable",
    "products",
    "read_encoder",
    "refuse_side",
    "see",
    "unit",
]


def pretrainable(architecture: Architecture, seed: int) -> EarthNetwork:
    """Build a network whose encoder learns; decoder and heads wait for labels."""
    network = build_network(architecture, seed)
    network.requires_grad_(requires_grad=False)
    network.encoder.requires_grad_(requires_grad=True)
    return network


def see(encoder: nn.Module, view: View) -> list[Tensor]:
    """Features of a view from fine to coarse."""
    features: list[Tensor] = encoder(view.pixels, view.channels, view.gsd)
    return features


def pooled(features: list[Tensor]) -> Float[Tensor, "batch width"]:
    """The mean of the coarsest features over y and x."""
    return features[-1].mean((2, 3))


def unit(z: Tensor) -> Tensor:
    """Vectors (…, width) of length 1."""
    return F.normalize(z, dim=-1)


def products(a: Float[Tensor, "i width"], b: Float[Tensor, "j width"]) -> Float[Tensor, "i j"]:
    """Products a b^T in full precision, for a temperature magnifies what rounding does."""
    with torch.autocast(a.device.type, enabled=False):
        return a.float() @ b.float().T


class Projector(nn.Module):
    """Two layers after the encoder, thrown away afterwards (Chen et al. 2020, section 2.1)."""

    def __init__(self, wide_in: int, wide_out: int, seed: int) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.layers = nn.Sequential(
                nn.Linear(wide_in, wide_in), nn.GELU(), nn.Linear(wide_in, wide_out)
            )

    def forward(self, h: Tensor) -> Tensor:
        """(…, wide_in) -> (…, wide_out)."""
        z: Tensor = self.layers(h)
        return z


def asked(batch: ChipBatch | None, method: str, field: str = "unlabelled") -> ChipBatch:
    """The chips a method cannot do without."""
    if batch is None:
        raise InputError(f"{method} learns from {field} chips, and there are none: name a source")
    return batch


def refuse_side(side: int, network: EarthNetwork, field: str) -> None:
    """Raise InputError where a side is no multiple of the network's stride."""
    if side < network.stride or side % network.stride:
        raise InputError(
            f"{field} = {side} px: give a multiple of the network's stride, {network.stride}"
        )


def read_encoder(path: Path) -> dict[str, Tensor]:
    """Weights of the encoder in a safetensors file of a network or of a whole run."""
    from safetensors import SafetensorError  # noqa: PLC0415 -- an extra that only training needs
    from safetensors.torch import load_file  # noqa: PLC0415

    if not path.is_file():
        raise InputError(
            f"teacher = {str(path)!r}: there is no such file; give a network's weights"
        )
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise InputError(f"{path} cannot be read: {error}: give a network's weights") from error
    found = {k.rpartition("encoder.")[::2]: v for k, v in tensors.items() if "encoder." in k}
    for owner in ("network.", ""):
        mine = {name: v for (before, name), v in found.items() if before == owner}
        if mine:
            return mine
    raise InputError(f"{path} holds no encoder: give the weights of a network of this architecture")
