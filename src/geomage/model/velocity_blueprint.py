"""What a velocity network is to be: plain data for recipes, without torch."""

from __future__ import annotations

from dataclasses import dataclass

from geomage.errors import InputError

__all__ = ["VelocityParams", "VelocityTransformerParams", "VelocityUNetParams"]

_WIDEST = 1024


@dataclass(frozen=True)
class VelocityUNetParams:
    """Convolutions at one, half, quarter … resolution: what it says of a pixel hangs on few."""

    widths: tuple[int, ...] = (32, 48, 64)
    """Channels at the finest resolution, at half of it, and so on."""
    depth: int = 1
    """Blocks at each resolution, on the way down and on the way up."""
    told: int = 64
    """Channels that time and GSD are told in."""
    fold: int = 1
    """Pixels of a side that become channels first: at 2 a step costs a quarter."""

    def __post_init__(self) -> None:
        if not 1 <= len(self.widths) <= 6 or not all(1 <= w <= _WIDEST for w in self.widths):
            raise InputError(f"velocity: widths = {list(self.widths)}: give 1 to 6 of 1..{_WIDEST}")
        _refuse("depth", self.depth, 16)
        _refuse("told", self.told, _WIDEST)
        _refuse("fold", self.fold, 8)

    @property
    def stride(self) -> int:
        """Pixels between two cells of the coarsest resolution."""
        return int(self.fold * 2 ** (len(self.widths) - 1))


@dataclass(frozen=True)
class VelocityTransformerParams:
    """Patches that look at each other, told time and GSD by adaLN-Zero (Peebles and Xie 2023)."""

    width: int = 96
    """Channels of a token, a multiple of 8 and of `heads`."""
    depth: int = 4
    """Blocks."""
    heads: int = 4
    """Of the attention."""
    patch: int = 4
    """Side of the patch of a token, pixels."""

    def __post_init__(self) -> None:
        for name, most in (("width", _WIDEST), ("depth", 64), ("heads", 64), ("patch", 64)):
            _refuse(name, getattr(self, name), most)
        if self.width % 8 or self.width % self.heads:
            raise InputError(
                f"velocity: width = {self.width} must be a multiple of 8 and of heads = "
                f"{self.heads}"
            )

    @property
    def stride(self) -> int:
        """Rows and columns of an image are multiples of it."""
        return self.patch


VelocityParams = VelocityUNetParams | VelocityTransformerParams


def _refuse(name: str, value: int, most: int) -> None:
    if not 1 <= value <= most:
        raise InputError(f"velocity: {name} = {value} is outside 1..{most}")
