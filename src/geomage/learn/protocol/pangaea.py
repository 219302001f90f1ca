"""One run of PANGAEA's protocol, to be read from top to bottom: parts, decoder, steps, test."""

from __future__ import annotations

import copy
import math
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 -- the name everybody knows
from tqdm import tqdm

from geomage.data.chip import UNKNOWN, ChipSource
from geomage.data.readers.xbd import CLASSES as XBD
from geomage.errors import InputError, RunError
from geomage.learn.objective import ChipBatch
from geomage.learn.protocol.params import PangaeaParams
from geomage.learn.protocol.parts import Parts, load_parts
from geomage.learn.protocol.weights import Weights, find_weights, put_weights
from geomage.learn.protocol.windows import batch_of, slide
from geomage.metrics import (
    XView2Counts,
    confusion,
    f1,
    iou,
    mean_iou,
    precision,
    recall,
    xview2_counts,
)
from geomage.model.architecture import Architecture, EarthNetwork, build_network

__all__ = ["Probe", "judge", "learn_decoder", "run_pangaea"]

HEAD = "classes"
LEARNING_RATE = 1e-4
WEIGHT_DECAY = 0.05  # of every parameter, norms and biases too
MILESTONES = (0.6, 0.9)  # shares of the steps after which the learning rate falls
GAMMA = 0.1
WINDOWS = 8  # of the test at once


@dataclass
class Probe:
    """A frozen encoder and the decoder that learns on it."""

    network: EarthNetwork
    params: PangaeaParams
    device: torch.device
    best: float = -math.inf
    """Validation mIoU of `kept`."""
    kept: dict[str, Tensor] = field(default_factory=dict)
    """Weights of the best validation."""
    history: list[dict[str, float]] = field(default_factory=list)
    """Epoch and mIoU of each validation."""

    def logits(self, batch: ChipBatch) -> Float[Tensor, "batch channel y x"]:
        """What the network says of a batch."""
        on = self.device
        said: dict[str, Tensor] = self.network(
            batch.pixels.to(on), batch.channels.to(on), batch.gsd.to(on)
        )
        return said[HEAD].float()

    @torch.no_grad()
    def test(self, source: ChipSource) -> dict[str, Any]:
        """Judge the network as it is."""
        self.network.eval()
        return judge(lambda batch: self.logits(batch).cpu(), source, self.params.size)

    def learn(self) -> None:
        """Dropout and norms as while learning, but for the encoder: it stays as it was."""
        self.network.train()
        self.network.encoder.eval()


def run_pangaea(
    model: str, data: Path, params: PangaeaParams, say: Callable[[str], None]
) -> dict[str, Any]:
    """See `geomage.learn.protocol.evaluate_pangaea`."""
    started = time.monotonic()
    weights = find_weights(model)
    parts = load_parts(data, params, say)
    probe = new_probe(weights, parts, params)
    learn_decoder(probe, parts)
    probe.network.load_state_dict(probe.kept)
    result = probe.test(parts.test)
    return {
        "protocol": "pangaea",
        "command": params.command(model, str(data)),
        "params": asdict(params),
        "model": weights.as_dict(),
        "weights": _sizes(probe.network),
        "chips": {name: len(getattr(parts, name).names) for name in ("train", "val", "test")},
        "skipped": parts.skipped,
        "validation": probe.history,
        "test": result,
        "machine": machine(probe.device),
        "seconds": round(time.monotonic() - started, 1),
    }


def new_probe(weights: Weights, parts: Parts, params: PangaeaParams) -> Probe:
    """A decoder on a frozen encoder, for the dates and the classes of a dataset."""
    dates = parts.train.chip(0).pixels.shape[0]
    if dates > 2:
        raise InputError(f"chips of {dates} dates: the protocol takes one or two")
    architecture = Architecture(
        encoder=weights.encoder,
        decoder="upernet",
        siamese="none" if dates == 1 else params.siamese,
        heads={HEAD: len(parts.classes)},
        width=params.width,
    )
    network = build_network(architecture, params.seed)
    if params.size % network.stride:
        raise InputError(f"--size {params.size} is no multiple of {network.stride}: take one")
    put_weights(weights, network)
    device = _device(params.device)
    return Probe(network.to(device), params, device)


def learn_decoder(probe: Probe, parts: Parts) -> None:
    """All epochs; the weights of the best validation are kept.

    Raises:
        RunError: the loss is not finite.
    """
    params = probe.params
    trained = [p for p in probe.network.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    steps = params.epochs * steps_of(len(parts.train.names), params.batch)
    schedule = falling(optimiser, steps)
    with torch.random.fork_rng([probe.device] if probe.device.type == "cuda" else []):
        torch.manual_seed(params.seed)
        for epoch in tqdm(range(params.epochs), desc="pangaea", unit="epoch", file=sys.stderr):
            if epoch % params.every == 0:
                keep_best(probe, parts.val, epoch)
            probe.learn()
            for batch in epoch_batches(parts.train, params, epoch):
                take_step(probe, batch, optimiser)
                schedule.step()
        keep_best(probe, parts.val, params.epochs)


def falling(optimiser: torch.optim.Optimizer, steps: int) -> torch.optim.lr_scheduler.MultiStepLR:
    """Ten times slower from 60 % of the steps, and again from 90 %."""
    falls = [int(share * steps) for share in MILESTONES]
    return torch.optim.lr_scheduler.MultiStepLR(optimiser, falls, GAMMA)


def steps_of(chips: int, batch: int) -> int:
    """Steps of an epoch: the last, smaller batch is dropped, unless it is the only one."""
    return max(1, chips // batch)


def epoch_batches(source: ChipSource, params: PangaeaParams, epoch: int) -> Iterator[ChipBatch]:
    """Every chip once, in a drawn order, a drawn crop of each."""
    rng = np.random.default_rng([params.seed, epoch, 814])
    order = rng.permutation(len(source.names))
    for k in range(steps_of(len(order), params.batch)):
        some = order[k * params.batch : (k + 1) * params.batch]
        yield batch_of([source.chip(int(i)) for i in some], params.size, rng)


def take_step(probe: Probe, batch: ChipBatch, optimiser: torch.optim.Optimizer) -> float:
    """One step on the decoder; returns the loss."""
    loss = pixel_entropy(probe.logits(batch), batch.labels.to(probe.device))
    if not torch.isfinite(loss):
        raise RunError(f"the loss is {loss.item()}: look for values beyond 0..1 in the chips")
    optimiser.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    optimiser.step()
    return loss.item()


def pixel_entropy(logits: Float[Tensor, "batch channel y x"], labels: Tensor) -> Tensor:
    """Mean cross-entropy over known pixels; an attached 0 where there are none."""
    target = labels.long()
    if not bool((target != UNKNOWN).any()):
        return logits.sum() * 0.0
    return F.cross_entropy(logits, target, ignore_index=UNKNOWN)


def keep_best(probe: Probe, val: ChipSource, epoch: int) -> None:
    """Validate; keep the weights if they are better than any before."""
    share = probe.test(val)["mIoU"]
    probe.history.append({"epoch": float(epoch), "mIoU": share})
    if not probe.kept or share > probe.best:
        probe.best, probe.kept = share, copy.deepcopy(probe.network.state_dict())


def judge(
    say: Callable[[ChipBatch], Float[Tensor, "batch channel y x"]], source: ChipSource, size: int
) -> dict[str, Any]:
    """Test by sliding windows; shares 0..1, by class and their means.

    Args:
        say: logits of a batch of windows, on the CPU.
        source: chips; those without labels are left out.
        size: side of a window, pixels.
    """
    labels = range(len(source.classes))
    matrix = np.zeros((len(labels), len(labels)), np.int64)
    challenge: XView2Counts | None = None
    for index in range(len(source.names)):
        chip = source.chip(index)
        if chip.labels is None:
            continue
        predicted = slide(say, chip, size, WINDOWS).argmax(0).numpy()
        matrix += confusion(chip.labels, predicted, labels)
        if source.classes == XBD:
            one = xview2_counts(chip.labels, predicted)
            challenge = one if challenge is None else challenge + one
    return {**_shares(matrix, source.classes), **_challenge(challenge)}


def _shares(matrix: np.ndarray, classes: tuple[str, ...]) -> dict[str, Any]:
    by_class = {
        "IoU": iou(matrix),
        "F1": f1(matrix),
        "precision": precision(matrix),
        "recall": recall(matrix),
    }
    return {
        "mIoU": _number(mean_iou(matrix)) or 0.0,
        "mIoU_absent_as_0": mean_iou(matrix, absent=0.0),
        "mF1": _number(float(np.nanmean(by_class["F1"]))) if matrix.any() else None,
        "accuracy": _number(float(np.trace(matrix) / max(1, matrix.sum()))),
        **{
            name: {one: _number(float(v)) for one, v in zip(classes, values, strict=True)}
            for name, values in by_class.items()
        },
        "pixels": int(matrix.sum()),
    }


def _challenge(counts: XView2Counts | None) -> dict[str, Any]:
    return {} if counts is None else {"xView2": counts.as_dict()}


def _number(value: float) -> float | None:
    """None for nan, which JSON does not have."""
    return None if math.isnan(value) else value


def _sizes(network: EarthNetwork) -> dict[str, int]:
    def count(module: nn.Module) -> int:
        return sum(parameter.numel() for parameter in module.parameters())

    frozen = count(network.encoder)
    return {"frozen": frozen, "learnt": count(network) - frozen}


def _device(name: str) -> torch.device:
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError("--device cuda: there is none here; leave it out")
    chosen = ("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name
    return torch.device(chosen)


def machine(device: torch.device) -> dict[str, Any]:
    """What ran it."""
    cuda = device.type == "cuda"
    return {
        "device": torch.cuda.get_device_name(device) if cuda else _processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }


def _processor() -> str:
    """Name of the processor, where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.machine()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())
