"""Network to one ONNX file: probabilities out, everything else inside, the card in its metadata."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import onnx
import torch
from jaxtyping import Float
from torch import Tensor, nn

from geomage.model.card import METADATA_KEY, ModelCard
from geomage.model.network import FIELD, STRIDE, Image, Network

__all__ = ["HALO", "OPSET", "TRIM", "WINDOW", "Probabilities", "undo_weights", "write_onnx"]

OPSET = 18
HALO = FIELD  # pixels; a window says what the whole image says, but for rounding
TRIM = HALO  # pixels of the halo left out inside the graph, level by level
WINDOW = 1536  # pixels; 2048 costs 3 % less for each, and takes 1.8 times the memory
INPUTS = ("before", "after")
OUTPUTS = ("landcover", "damage", "flags")


UNWEIGHTED = (1.0, 1.0, 1.0, 1.0)


def undo_weights(
    damage: Float[Tensor, "batch 4 y x"], weights: Sequence[float]
) -> Float[Tensor, "batch 4 y x"]:
    """Take back from damage logits what each grade weighed in the loss.

    A grade that weighed w times as much is said w times too readily: log w is taken off its logit
    (Elkan 2001).
    """
    return (
        damage
        - torch.tensor(weights, dtype=damage.dtype, device=damage.device).log()[:, None, None]
    )


def _shares(logits: Tensor) -> Tensor:
    """Softmax over classes, spelt out.

    ONNX Runtime turns the classes to the last axis and back for its own: a quarter of all the time.
    """
    powers = (logits - logits.amax(1, keepdim=True)).exp()
    return powers / powers.sum(1, keepdim=True)


class Probabilities(nn.Module):
    """The network with softmax and sigmoid, its damage logits calibrated.

    weights: of the grades in the loss, undone before the temperature divides.
    trim: pixels at each side of the images that the answers leave out.
    """

    def __init__(
        self,
        network: Network,
        temperature: float,
        weights: Sequence[float] = UNWEIGHTED,
        trim: int = 0,
    ) -> None:
        super().__init__()
        self.network = network
        self.trim = trim
        self.temperature = temperature
        self.weights = tuple(weights)

    def forward(self, before: Image, after: Image) -> tuple[Tensor, Tensor, Tensor]:
        """Counts, or counts / 255, to probabilities of land cover (8), damage (4) and flags (3)."""
        logits = self.network(before, after, self.trim)
        damage = _shares(undo_weights(logits.damage, self.weights) / self.temperature)
        return _shares(logits.landcover), damage, logits.flags.sigmoid()


def write_onnx(
    network: Network, card: ModelCard, path: Path, weights: Sequence[float] = UNWEIGHTED
) -> Path:
    """Export a network in evaluation mode; the file appears under its name when complete.

    weights: of the grades in the loss it was trained with; undone in the graph.
    """
    module = Probabilities(network, card.temperature, weights, card.trim).eval()
    side = 2 * card.trim + 2 * STRIDE
    sample = torch.zeros(1, 3, side, side, dtype=torch.uint8)
    images, answers = {0: "batch", 2: "y", 3: "x"}, {0: "batch", 2: "rows", 3: "columns"}
    with warnings.catch_warnings():
        # The tracing exporter is deprecated, yet it alone keeps all three axes free.
        warnings.simplefilter("ignore")
        part = path.with_suffix(".part")
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.onnx.export(
            module,
            (sample, sample),
            str(part),
            input_names=list(INPUTS),
            output_names=list(OUTPUTS),
            dynamic_axes=dict.fromkeys(INPUTS, images) | dict.fromkeys(OUTPUTS, answers),
            opset_version=OPSET,
            dynamo=False,
        )
    model = onnx.load(str(part))
    onnx.helper.set_model_props(model, {METADATA_KEY: card.to_json()})
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, str(part))
    part.replace(path)
    return path
