"""Train the weights of the first line on, over pairs of the simulator of today.

    python dev/train_on.py OLD.onnx NEW.onnx --run FOLDER [--steps 800] [--jobs 2]

The network of the shipped model is no longer in the code: its graph is run node by node in torch
(`geomage.model.torch_operators`), its weights made parameters. OLD is the graph before
`trim_model.py`, `git show 4473016^:src/geomage/model/weights/default.onnx`; NEW is one like it and
is trimmed next. Pool, crops, steps and loss are those of `geomage train`; `SLOTS` says what strikes
each of eight pairs. FOLDER keeps the pool and is used again. With `--mean A.onnx B.onnx` nothing is
trained: the mean of their weights is calibrated and written. Nothing that it made is shipped; what
it made stands in dev/LOG.md.
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import ModelProto, helper, numpy_helper
from torch import Tensor, nn
from tqdm import tqdm

from geomage import __version__
from geomage.data import StreamParams
from geomage.learn.calibrate import Validation, validate
from geomage.learn.checkpoint import Learner, learner_of
from geomage.learn.crop_feed import upcoming_crops
from geomage.learn.pool import Pool, PoolPlan, trim
from geomage.learn.recipe import Recipe, recipe_hash, shipped_recipe
from geomage.learn.stream import MarkedPairs
from geomage.learn.train import training_step
from geomage.model import ModelCard
from geomage.model.card import METADATA_KEY
from geomage.model.network import Logits
from geomage.model.torch_operators import OPERATORS

LOGITS = (
    "/network/DepthToSpace_output_0",
    "/network/Slice_9_output_0",
    "/network/Slice_10_output_0",
)
TEMPERATURE = "/Constant_1_output_0"
FOUND = ("landcover", "damage", "flags", "/Sub_output_0", "/Div_output_0")  # after the logits
STORM: Mapping[str, Any] = {"hazards": {"storm": 1.0}, "cloudy": 0.3}
FLOOD: Mapping[str, Any] = {"hazards": {"flood": 1.0}, "cloudy": 0.3}
CLOUD: Mapping[str, Any] = {"calm": 1.0, "cloudy": 1.0}
HELD_OUT = 96  # pairs; of 16 the temperature came out as .72 and as 1.5
SLOTS = (STORM, STORM, STORM, FLOOD, CLOUD, None, None, None)  # None: the stream of `line`


class Graph(nn.Module):
    """The network of an exported graph, from shares of both dates to logits."""

    def __init__(self, model: ModelProto) -> None:
        super().__init__()
        self.model = model
        held = model.graph.initializer
        self.names = [one.name for one in held]
        self.weights = nn.ParameterList(
            [nn.Parameter(torch.from_numpy(numpy_helper.to_array(one).copy())) for one in held]
        )
        nodes = [(n, {a.name: helper.get_attribute_value(a) for a in n.attribute})
                 for n in model.graph.node]  # fmt: skip
        self.constants = {
            n.output[0]: torch.from_numpy(np.array(numpy_helper.to_array(options["value"])))
            for n, options in nodes
            if n.op_type == "Constant"
        }
        self.nodes = [
            (n, options)
            for n, options in nodes
            if n.op_type != "Constant" and n.output[0] not in FOUND
        ]

    def __deepcopy__(self, memo: dict[int, Any]) -> Graph:
        return Graph(self.written(1.0))

    def forward(self, before: Tensor, after: Tensor) -> Logits:
        """Logits of classes, grades and flags for two dates (n, 3, y, x) in 0..1."""
        values = {"before": before, "after": after, **self.constants}
        values |= zip(self.names, self.weights, strict=True)
        for node, options in self.nodes:
            taken = [values[name] if name else None for name in node.input]
            made = OPERATORS[node.op_type](options, *taken)
            values |= zip(node.output, made if isinstance(made, tuple) else (made,), strict=True)
        return Logits(*(values[name] for name in LOGITS))

    def written(self, temperature: float) -> ModelProto:
        """The graph with the weights of now."""
        model = copy.deepcopy(self.model)
        for one, weight in zip(model.graph.initializer, self.weights, strict=True):
            one.CopyFrom(numpy_helper.from_array(weight.detach().float().numpy(), one.name))
        for node in model.graph.node:
            if node.output[0] == TEMPERATURE:
                value = numpy_helper.from_array(np.array(temperature, np.float32))
                node.attribute[0].CopyFrom(helper.make_attribute("value", value))
        return model


@dataclass(frozen=True)
class Slots:
    """Pairs of several streams in turn, each slot with a seed of its own."""

    streams: tuple[MarkedPairs, ...]

    def stack(self, index: int) -> np.ndarray:
        """Make pair `index`."""
        turn, slot = divmod(index, len(self.streams))
        return self.streams[slot].stack(turn)

    def fingerprint(self) -> str:
        """Change whenever the pairs could."""
        return recipe_hash({"slots": [one.fingerprint() for one in self.streams]})


def slots_of(recipe: Recipe) -> Slots:
    """The streams of `SLOTS`."""
    params = [
        StreamParams(**{**recipe.stream, **(special or {}), "seed": 100 + k})
        for k, special in enumerate(SLOTS)
    ]
    return Slots(tuple(MarkedPairs(one) for one in params))


def mean_of(paths: Sequence[Path]) -> ModelProto:
    """The first graph, with the mean of the weights of all."""
    models = [onnx.load(str(path)) for path in paths]
    for one, *others in zip(*(model.graph.initializer for model in models), strict=True):
        values = [numpy_helper.to_array(x) for x in (one, *others)]
        one.CopyFrom(
            numpy_helper.from_array(np.asarray(np.mean(values, 0, dtype=np.float32)), one.name)
        )
    return models[0]


def train(recipe: Recipe, learner: Learner[Graph], store: Pool) -> None:
    """Every step of the recipe."""
    with tqdm(total=recipe.steps, unit="step") as bar:
        for batch in upcoming_crops(recipe, store, 0):
            terms = training_step(recipe, learner, batch)
            bar.set_postfix(total=f"{terms['total']:.3f}", refresh=False)
            bar.update()


def card_of(old: ModelCard, recipe: Recipe, report: Validation) -> ModelCard:
    """The card of the weights trained on: what they come from, and what was done since."""
    slots = [dict(one) if one else "stream of the recipe" for one in SLOTS]
    on = {**asdict(recipe), "slots": slots, "validation": asdict(report)}
    return replace(
        old,
        version="2",
        temperature=report.temperature,
        recipe={**old.recipe, "trained_on_by": on},
        geomage_version=__version__,
    )


def main() -> None:
    """Make the pairs, train, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--run", type=Path, required=True, help="folder of the pool")
    parser.add_argument("--steps", type=int, default=800)
    parser.add_argument("--pairs", type=int, default=1600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--mean", type=Path, nargs="+", metavar="ONNX", help="of runs, no training")
    words = parser.parse_args()
    line = shipped_recipe("line")
    pool = replace(line.pool, count=words.pairs, start=words.pairs, held_out=HELD_OUT)
    augment = replace(line.augment, pan_noise=0.0, sharpen=0.2)  # the pictures have noise enough
    recipe = replace(line, steps=words.steps, seed=words.seed, learning_rate=3e-4, ema=0.99,
                     augment=augment, pool=pool, threads=words.jobs)  # fmt: skip
    old = onnx.load(str(words.old))
    card = ModelCard.from_json({p.key: p.value for p in old.metadata_props}[METADATA_KEY])
    learner = learner_of(Graph(mean_of(words.mean) if words.mean else old), recipe)
    source = slots_of(recipe)
    plan = PoolPlan(source.fingerprint(), pool.count, pool.start, pool.rate, pool.held_out)
    words.run.mkdir(parents=True, exist_ok=True)
    store = Pool(words.run, plan)
    store.fill(source, words.jobs)
    try:
        everything = range(plan.count + plan.held_out)
        for index in tqdm(everything, "pairs"):
            store.read(index)
        torch.set_num_threads(words.jobs)
        if not words.mean:
            train(recipe, learner, store)
        held = (trim(store.read(k)) for k in everything[plan.count :])
        report = validate(learner.averaged, held, recipe.loss.damage_weights)
    finally:
        store.close()
    print(report)
    model = learner.averaged.written(report.temperature)
    onnx.helper.set_model_props(model, {METADATA_KEY: card_of(card, recipe, report).to_json()})
    part = words.new.with_suffix(".part")
    onnx.save(model, str(part))
    part.replace(words.new)


if __name__ == "__main__":
    main()
