"""Models for `benchmarks.engine`: untrained, and such as answer as much as they see."""

from __future__ import annotations

from pathlib import Path

import torch

from geomage.model import ModelCard, load_model
from geomage.model.export import HALO, TRIM, WINDOW, write_onnx
from geomage.model.network import STRIDE, Network, NetworkParams

SMALL = NetworkParams((8, 8, 8, 8, 8), 8)  # for trials: it answers a thousand tiles in minutes
STEEP = 10.0  # times the weights of the heads, or else every answer of an untrained one is alike


def write_untrained(
    path: Path, params: NetworkParams | None = None, trim: int = TRIM, window: int = WINDOW
) -> Path:
    """A network as it is before training, always the same."""
    torch.manual_seed(0)
    network = Network(params).eval()
    with torch.no_grad():
        for head in (network.cover_head, network.change_head):
            head.weight.mul_(STEEP)
    card = ModelCard(
        name="untrained", version="0", gsd_min=0.25, gsd_max=1.0, gsd=0.5, stride=STRIDE,
        halo=HALO, window=window, trim=trim, recipe=_recipe(network.params),
    )  # fmt: skip
    return write_onnx(network, card, path)


def _recipe(params: NetworkParams) -> dict[str, object]:
    return {
        "widths": list(params.widths),
        "decoder": params.decoder,
        "context": list(params.context),
    }


def untrimmed(model: Path, path: Path) -> Path:
    """A model that answers all it sees: the same one, or one of the same widths, untrained.

    Of an untrained one that is the same network; a trained one is kept as a graph that trims, and
    its twin costs the same and says something else.
    """
    card = load_model(model, 1, accept_loss=True).card
    if not card.trim:
        return model
    if not path.exists():
        write_untrained(path, _params(card), trim=0, window=card.window)
    return path


def _params(card: ModelCard) -> NetworkParams:
    recipe = card.recipe
    return NetworkParams(tuple(recipe["widths"]), int(recipe["decoder"]), tuple(recipe["context"]))
