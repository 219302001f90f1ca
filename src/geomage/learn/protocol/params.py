"""What a run of the protocol is told; everything but the data that its figures depend on."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, fields

from geomage.data.limits import CHANCE, Limits, refuse_outside
from geomage.data.readers import find_reader
from geomage.errors import InputError, near_names

__all__ = ["SPLITS", "PangaeaParams"]

SPLITS = ("official", "drawn", "events")
_SIAMESE = ("concatenate", "difference", "attention")
_DEVICES = ("auto", "cpu", "cuda")
_LIMITS: Limits = {
    "fraction": (1e-6, 1.0),
    "seed": (0, 2**63 - 1),
    "epochs": (1, 10_000),
    "batch": (1, 4096),
    "size": (16, 4096),
    "width": (8, 1024),
    "every": (1, 10_000),
    "corrupt": CHANCE,
}


@dataclass(frozen=True)
class PangaeaParams:
    """One run."""

    dataset: str
    """Name of a reader of `geomage.data.readers`."""
    product: str = ""
    """Imagery or labels of the dataset; the usual ones when empty."""
    split: str = "official"
    """official: the dataset's own parts; drawn: 70, 15 and 15 % of each event; events: whole events
    to each part."""
    leave_out: str = ""
    """Event (or region) to test on, learning from all others: takes the place of `split`."""
    fraction: float = 1.0
    """Share of the training chips whose labels are used, stratified by class."""
    seed: int = 0
    """Of the decoder's first weights, parts, fractions, order and crops."""
    epochs: int = 80
    """Passes over the training chips."""
    batch: int = 8
    """Crops a step."""
    size: int = 224
    """Side of crops and of windows, pixels; a multiple of the network's stride."""
    width: int = 512
    """Channels of UPerNet, a multiple of 8."""
    siamese: str = "concatenate"
    """How two dates meet where there are two: concatenate, difference or attention."""
    every: int = 5
    """Epochs between two validations."""
    corrupt: float = 0.02
    """Share of chips that may be unreadable; more end the run."""
    device: str = "auto"
    """cpu, cuda, or auto: CUDA where there is one."""

    def __post_init__(self) -> None:
        find_reader(self.dataset)
        refuse_outside("protocol", vars(self), _LIMITS)
        told = {"split": SPLITS, "siamese": _SIAMESE, "device": _DEVICES}
        for name, known in told.items():
            value = getattr(self, name)
            if value not in known:
                raise InputError(
                    f"protocol: {name} = {value!r} is none of {', '.join(known)}"
                    f"{near_names(value, known)}"
                )

    def command(self, model: str, data: str) -> str:
        """The command line of this run: what differs from the defaults."""
        words = ["geomage", "evaluate", model, data, "--protocol", "pangaea"]
        for field in fields(self):
            value = getattr(self, field.name)
            if value != field.default:
                words += [f"--{field.name.replace('_', '-')}", str(value)]
        return shlex.join(words)
