"""Models for `benchmarks.engine`: untrained, and such as answer as much as they see."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import onnx
import torch

from geomage.model import ModelCard, load_model
from geomage.model.card import METADATA_KEY
from geomage.model.export import HALO, TRIM, WINDOW, write_onnx
from geomage.model.network import STRIDE, Network, NetworkParams

SMALL = NetworkParams((8, 8, 8, 8, 8), 8)  # for trials: it answers a thousand tiles in minutes
_CUT = "/cut"  # ends the names of nodes that cut, see `dev/trim_model.py`
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

    A graph of `dev/trim_model.py` is left without its cuts. Of an untrained one the twin is the
    same network; a trained one that was exported with its trim costs the same and says something
    else.
    """
    card = load_model(model, 1, accept_loss=True).card
    if not card.trim:
        return model
    if path.exists():
        return path
    graph = onnx.load(str(model))
    if any(node.name.endswith(_CUT) for node in graph.graph.node):
        return _without_cuts(graph, replace(card, trim=0), path)
    return write_untrained(path, _params(card), trim=0, window=card.window)


def _without_cuts(model: onnx.ModelProto, card: ModelCard, path: Path) -> Path:
    """The same graph, what it cut off left on."""
    cuts = [node for node in model.graph.node if node.name.endswith(_CUT)]
    whole = {node.output[0]: node.input[0] for node in cuts}
    for node in cuts:
        model.graph.node.remove(node)
    for node in model.graph.node:
        node.input[:] = [whole.get(name, name) for name in node.input]
    onnx.helper.set_model_props(model, {METADATA_KEY: card.to_json()})
    onnx.save(model, str(path))
    return path


def _params(card: ModelCard) -> NetworkParams:
    recipe = card.recipe
    return NetworkParams(tuple(recipe["widths"]), int(recipe["decoder"]), tuple(recipe["context"]))
