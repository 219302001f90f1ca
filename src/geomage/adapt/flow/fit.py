"""A flow learnt from two domains, to be read from top to bottom: pairs, values, velocity, parts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

import torch
from torch import nn

from geomage.adapt.flow.codec import AnyCodec, Codecs, LatentCodec, PixelCodec, pixel_codec
from geomage.adapt.flow.coupling import compared
from geomage.adapt.flow.cover_reader import fit_cover_reader
from geomage.adapt.flow.distil import Distillation, Lesson
from geomage.adapt.flow.flow_batches import FlowBatches
from geomage.adapt.flow.keep import Kept, keep_parts
from geomage.adapt.flow.latent import RoundTrips, mask_survival, refuse_lost_masks
from geomage.adapt.flow.matching import FlowMatching, Guidance, given_planes, side_of
from geomage.adapt.flow.pairs import Pairs, refuse_domains
from geomage.adapt.flow.params import FlowParams, LatentFlowParams, LatentParams
from geomage.adapt.flow.path import Values
from geomage.adapt.flow.solver import ADAPTIVE, even_times, solve
from geomage.adapt.flow.translator import FlowNumbers
from geomage.adapt.method import Fitting, Parts
from geomage.data.tables import recipe_hash
from geomage.errors import InputError
from geomage.learn.loop import run_loop
from geomage.learn.objective import ChipBatch, Objective
from geomage.learn.run_folder import RunPaths
from geomage.model.autoencoder import Autoencoder, build_autoencoder
from geomage.model.velocity import VelocityNetwork, build_velocity

__all__ = ["COUPLING", "fit_flow", "fit_latent_flow"]

COUPLING = "coupling.json"
"""In the run folder: how crops were paired, and by which features."""

_STEPPED = "bogacki-shampine"  # what marches over the times that the adaptive solver chose
_PROBED = 8  # crops that the adaptive solver chooses its times on


@dataclass(frozen=True)
class _Run:
    """What is learnt from, and where it is kept."""

    params: FlowParams
    fitting: Fitting
    batches: FlowBatches
    mark: str

    @property
    def pairs(self) -> Pairs:
        """The first pool."""
        return self.batches.pairs(0)

    @property
    def same_bands(self) -> bool:
        """Whether both domains have the same bands."""
        return self.batches.channels[0] == self.batches.channels[1]

    @property
    def strength(self) -> float:
        """How much of the way a translation goes."""
        return self.params.way(paired=self.fitting.domains.paired)

    def learn(self, objective: Objective, name: str, share: float = 1.0) -> nn.Module:
        """Train in a folder of its own; return the averaged network, on the CPU."""
        folder = self.fitting.out / name
        folder.mkdir(exist_ok=True)
        loop = self.fitting.loop
        loop = replace(loop, steps=max(1, round(share * loop.steps)))
        network = run_loop(objective, self.batches, loop, RunPaths(folder), self.mark)
        objective.modules.cpu()
        return network


def fit_flow(params: FlowParams, fitting: Fitting) -> Parts:
    """Learn a flow of pixels.

    Raises:
        InputError: domains that cannot be learnt from, or a folder of another run.
        RunError: the loss is not finite, or too many images cannot be read.
    """
    run = _begin(params, fitting, asdict(params), cell=1)
    return _flow(run, _both(_pixel_codecs(run)), "flow")


def fit_latent_flow(params: LatentFlowParams, fitting: Fitting) -> Parts:
    """Learn an autoencoder, see that masks survive it, and learn a flow of its cells.

    Raises:
        InputError: as `fit_flow`, or no labels to see masks by.
        RunError: as `fit_flow`, or masks do not survive.
    """
    latent = params.latent
    classes = fitting.domains.source.classes
    if latent.least_iou > 0 and not classes:
        raise InputError(
            "latent: whether masks survive is seen by the labels of the source, and it has none: "
            "give a labelled source, or set latent.least_iou to 0"
        )
    run = _begin(params.flow, fitting, asdict(params), cell=latent.stride)
    return _flow(run, _both(_latent_codecs(run, latent)), "latent-flow")


def _begin(params: FlowParams, fitting: Fitting, told: object, *, cell: int) -> _Run:
    """Refuse what cannot be, cut and couple the first pool."""
    refuse_domains(fitting.domains, params.pairs, fitting.crop)
    step = cell * params.velocity.stride * (2 if params.network == "transformer" else 1)
    if fitting.crop % step:
        raise InputError(f"flow: crop = {fitting.crop} px must be a multiple of {step}")
    batches = FlowBatches(fitting.domains, params.pairs, fitting.crop, fitting.batch, fitting.seed)
    run = {"crop": fitting.crop, "batch": fitting.batch, "seed": fitting.seed}
    mark = recipe_hash({"params": told, "run": run, "loop": asdict(fitting.loop)})
    made = _Run(params, fitting, batches, mark)
    if not made.same_bands and made.strength != 1:
        raise InputError(
            f"flow: strength = {made.strength:g}, and source and target have other bands, so "
            "that there is no half-way: set it to 1"
        )
    _note_coupling(made)
    return made


def _note_coupling(run: _Run) -> None:
    """Write which features made the pairs: what only one domain tells is not compared."""
    kind = "paired" if run.fitting.domains.paired else run.params.pairs.coupling.kind
    features = compared(*run.pairs, run.params.pairs.coupling) if kind == "optimal" else ()
    file = run.fitting.out / COUPLING
    part = file.with_suffix(".part")
    part.write_text(json.dumps({"kind": kind, "compared": features}) + "\n", encoding="utf-8")
    part.replace(file)


# ------------------------------------------------------------------------------ values


def _both(codecs: Mapping[str, AnyCodec]) -> Codecs:
    return Codecs(codecs["source"], codecs.get("target", codecs["source"]))


def _pixel_codecs(run: _Run) -> dict[str, PixelCodec]:
    """One scale for both domains where they have the same bands."""
    if run.same_bands:
        return {"source": pixel_codec(*run.pairs)}
    return {name: pixel_codec(crops) for name, crops in run.pairs._asdict().items()}


def _latent_codecs(run: _Run, params: LatentParams) -> dict[str, LatentCodec]:
    """Train an autoencoder for each scale, and settle the scale of their cells."""
    pixels = _pixel_codecs(run)
    most = max(codec.channels for codec in pixels.values())
    channels = params.channels or most * params.stride**2
    built = {
        name: build_autoencoder(
            codec.channels,
            channels,
            params.stride,
            params.width,
            params.depth,
            seed=run.fitting.seed,
        )
        for name, codec in pixels.items()
    }
    learnt = run.learn(RoundTrips(built, pixels, params.divergence), "autoencoder", params.share)
    made = {}
    for name, autoencoder in learnt.named_children():
        assert isinstance(autoencoder, Autoencoder)
        made[name] = LatentCodec(pixels[name], autoencoder)
        made[name].settle(*(run.pairs if run.same_bands else [getattr(run.pairs, name)]))
    _see_masks(run, made["source"], params.least_iou)
    return made


def _see_masks(run: _Run, codec: LatentCodec, least: float) -> None:
    """Raise RunError where masks of the source do not survive."""
    if least == 0:
        return
    crops, classes = run.pairs.source, run.fitting.domains.source.classes
    reader = fit_cover_reader(crops, len(classes))
    again = codec.decode(
        codec.encode(torch.from_numpy(crops.pixels), torch.from_numpy(crops.valid))
    )
    refuse_lost_masks(mask_survival(crops, again.numpy(), reader), classes, least)


# ------------------------------------------------------------------------------ velocity


def _flow(run: _Run, codecs: Codecs, method: str) -> Parts:
    """Learn the velocity, choose or distil its steps, and keep all that a translation needs."""
    params, guidance = run.params, _guidance(run, codecs)
    values = [codec.channels for codec in codecs]
    network = build_velocity(
        params.velocity, values[1], guidance.planes(values[0]), run.fitting.seed
    )
    learnt = run.learn(FlowMatching(network, codecs, params.path, guidance), "velocity")
    numbers = FlowNumbers(
        run.strength,
        _STEPPED if params.solver.method == ADAPTIVE else params.solver.method,
        (),
        params.solver.steps,
        params.path.source_noise,
        from_source=guidance.from_source,
        told_source=guidance.told_source,
        classes=guidance.classes,
        cell=codecs.source.stride,
        square=run.fitting.crop if params.network == "transformer" else 0,
    )
    if params.distil.steps and run.strength > 0:
        learnt, numbers = _distilled(run, learnt, codecs, guidance, numbers)
    elif params.solver.method == ADAPTIVE:
        numbers = _with_times(run, learnt, codecs, guidance, numbers)
    return keep_parts(Kept(run.batches, method, _velocity(learnt), codecs, numbers))


def _velocity(network: nn.Module) -> VelocityNetwork:
    assert isinstance(network, VelocityNetwork)
    return network


def _guidance(run: _Run, codecs: Codecs) -> Guidance:
    """From the source where its values are like those of the target; else told of it."""
    alike = codecs.source.channels == codecs.target.channels
    alike = alike and (run.same_bands or isinstance(codecs.source, LatentCodec))
    classes = len(run.fitting.domains.source.classes) if run.params.labelled > 0 else 0
    told = run.params.told_source or not alike
    return Guidance(classes, run.params.labelled, from_source=alike, told_source=told)


def _distilled(
    run: _Run, teacher: nn.Module, codecs: Codecs, guidance: Guidance, numbers: FlowNumbers
) -> tuple[nn.Module, FlowNumbers]:
    """A student that goes in few Euler steps from where a translation starts."""
    params = run.params.distil
    times = even_times(1 - numbers.strength, 1.0, params.steps)
    lesson = Lesson(times, max(1, -(-run.params.solver.steps // params.steps)))
    objective = Distillation(teacher, codecs, run.params.path, guidance, lesson)
    student = run.learn(objective, "student", params.share)
    return student, replace(numbers, method="euler", times=times, student=True)


@torch.no_grad()
def _with_times(
    run: _Run, network: nn.Module, codecs: Codecs, guidance: Guidance, numbers: FlowNumbers
) -> FlowNumbers:
    """Times that the adaptive solver takes on some crops, from 0 to 1, for every window alike."""
    batch = run.batches.batch(0, 0, 1)
    assert batch.labelled is not None
    few = ChipBatch(
        batch.labelled.pixels[:_PROBED],
        batch.labelled.labels[:_PROBED],
        batch.labelled.channels,
        batch.labelled.gsd[:_PROBED],
    )
    source = side_of(few, codecs.source)
    told = torch.ones(len(source.values), dtype=torch.bool)
    given = given_planes(source, few.labels, told, guidance)
    shape = (len(given), codecs.target.channels, *source.values.shape[2:])
    noise = torch.randn(shape, generator=torch.Generator().manual_seed(run.fitting.seed))

    def v(x: Values, t: float) -> Values:
        return network(x, x.new_full((len(x),), t), few.gsd, given)

    begin = 1 - numbers.strength
    path = run.params.path
    x = path.start(source.values, begin, noise) if guidance.from_source else noise
    times = solve(v, x, run.params.solver, begin, 1.0).times if numbers.strength else (0.0, 1.0)
    scale = numbers.strength or 1.0
    even = tuple((t - begin) / scale for t in times[1:-1])
    return replace(numbers, times=(0.0, *even, 1.0))
