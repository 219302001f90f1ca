"""What translating simulated chips is worth to a network that is tested on real images.

    python -m benchmarks.adaptation [PART …] [--arms ARM …] [--seeds 0 1 2] [-o FILE]
    python -m benchmarks.adaptation --merge FILE … [-o FILE]

`kept`: what each translation keeps (`geomage.adapt.faithfulness`), and what it costs.
`buildings`: a translator learns from simulated towns and unlabelled real images; a small network
learns buildings from the translated towns and is tested on each real set, at the same steps, crops
and first weights whatever the translator. `ranked`: average precision of these networks.
`damage`: the same with both dates of the pairs, and where damage is bad. `temporal`: networks of
`buildings` that saw simulated first dates, on real second dates as they are, and shown as first
dates. `paired`: water on Sen1Floods11, by an optical network on translated radar, on real optical,
and by a radar network. `--target` adapts to one set and is tested on it.

Runs that the output file holds are not done again, so that arms can be added. Processes that run
side by side write a file each, in a folder each; `--merge` makes one table of them.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks._adaptation_chips import (
    STREAM,
    Buildings,
    RealImages,
    stretched,
    target,
    towns,
)
from benchmarks._adaptation_damage import FORM, WEIGHTS, damage_scores, real_pairs, struck
from benchmarks._adaptation_paired import paired
from benchmarks._adaptation_runs import (
    FLOW,
    NOISY,
    SMALL,
    Arm,
    average_precision,
    built,
    encoder,
    fitted,
    fitting_of,
    seen_through,
    trained_on,
)
from benchmarks._adaptation_table import picture, table
from benchmarks._run_files import runs_of, write_runs
from benchmarks._semisupervised_chips import SETS, Chips, joined, real
from benchmarks._semisupervised_runs import (
    Budget,
    add_budget,
    architecture,
    budget_of,
    tested,
    trained,
)
from benchmarks.semisupervised import methods
from geomage.adapt.domains import JoinedChips
from geomage.adapt.faithfulness import FaithfulnessParams, Instruments, measure_faithfulness
from geomage.adapt.method import Domains, Parts
from geomage.adapt.segmenter import shipped_segmenter
from geomage.data.chip import ChipSource
from geomage.data.translation import TranslatedChips, Translator
from geomage.learn.processes import together
from geomage.metrics import f1
from geomage.model.architecture import build_network

Row = dict[str, Any]
Done = set[tuple[str, str, int]]
POOLED = {"match": "domain"}
SITES = {"match": "site"}
ARMS = {
    "identity": Arm("identity"),
    "histogram": Arm("histogram"),
    "histogram, pooled": Arm("histogram", POOLED),
    "colour": Arm("colour", {"match": "image"}),
    "colour, pooled": Arm("colour", POOLED),
    "colour, sites": Arm("colour", SITES, looks=4),
    "fourier": Arm("fourier"),
    "spectrum": Arm("spectrum"),
    "spectrum, pooled": Arm("spectrum", POOLED),
    "spectrum, sites": Arm("spectrum", SITES, looks=4),
    "cut": Arm("cut", {"network": SMALL}),
    "cyclegan": Arm("cyclegan", {"network": SMALL}),
    "sdedit": Arm("sdedit", {"network": SMALL}),
    "flow, 4 steps": Arm("flow", FLOW, {"steps": 4}),
    **{
        f"{name} .6, {steps} steps": Arm("flow", params, {"strength": 0.6, "steps": steps})
        for name, params in (("flow", FLOW), ("noisy flow", NOISY))
        for steps in (2, 4, 20)
    },
    **{
        f"{name}, half of 3 looks": Arm(method, params, numbers, share=0.5, looks=3)
        for name, method, params, numbers in (
            ("histogram", "histogram", {}, {}),
            ("colour", "colour", {"match": "image"}, {}),
            ("fourier", "fourier", {}, {}),
            ("spectrum", "spectrum", {}, {}),
            ("colour, pooled", "colour", POOLED, {}),
            ("flow .6", "flow", FLOW, {"strength": 0.6, "steps": 4}),
            ("noisy flow .6", "flow", NOISY, {"strength": 0.6, "steps": 4}),
        )
    },
}
BESIDE = {
    "identity and cut": ("identity", "cut"),
    "identity, colour and cut": ("identity", "colour, pooled", "cut"),
}
"""Chips as several arms show them, side by side."""
TEMPORAL = ("identity", "histogram", "colour", "colour, pooled", "fourier")
PARTS = ("kept", "buildings", "ranked", "damage", "temporal", "paired")
JUDGED = 16  # chips whose translation is measured


@dataclass
class Bench:
    """What all runs share; each is made when it is first asked for."""

    args: argparse.Namespace
    learnt: dict[tuple[str, int], tuple[Parts, float]] = field(default_factory=dict)

    @cached_property
    def pairs(self) -> ChipSource:
        """Simulated, two dates."""
        return towns(self.args.pool, self.args.pairs, self.args.jobs)

    @cached_property
    def source(self) -> ChipSource:
        """Simulated first dates."""
        return Buildings(self.pairs)

    @cached_property
    def target(self) -> RealImages:
        """Real images without labels."""
        return RealImages(self.asked(target(self.args.data).chips))

    @cached_property
    def out(self) -> Chips:
        """Real images that are tested on."""
        return self.asked(real(self.args.data)[2])

    def asked(self, chips: Chips) -> Chips:
        """Those of the one set that is adapted to, or all."""
        return chips.of(chips.sets == self.args.target) if self.args.target else chips

    @cached_property
    def instruments(self) -> Instruments:
        """What measures faithfulness."""
        seen = joined([_cut(stretched(self.source)), stretched(self.target)])
        budget = self.budget(0, self.args.encoder_steps)
        return Instruments(shipped_segmenter(), encoder(seen, budget))

    def budget(self, seed: int, steps: int = 0) -> Budget:
        """Of a network that finds buildings, or of something that has other steps."""
        asked = budget_of(self.args).seeded(seed)
        return replace(asked, loop=replace(asked.loop, steps=steps or asked.loop.steps))

    def fit_budget(self, seed: int) -> Budget:
        """Of a translator that trains."""
        return self.budget(seed, self.args.fit_steps)

    def folder(self, arm: Arm, seed: int) -> Path:
        """Where a translator learns."""
        name = "".join(c if c.isalnum() else "-" for c in arm.learnt)
        return self.beside(f"{name}-{seed}")

    def beside(self, name: str) -> Path:
        """A file or folder of this benchmark."""
        return Path(self.args.out.parent) / "adaptation" / name

    def translator(self, name: str, seed: int) -> tuple[Translator, float]:
        """Of an arm, and processor seconds it took to learn; arms that share it learn once."""
        arm = ARMS[name]
        if (arm.learnt, seed) not in self.learnt:
            domains = Domains(self.source, self.target, sites=self.target.sites)
            asked = fitting_of(domains, self.folder(arm, seed), self.fit_budget(seed))
            self.learnt[arm.learnt, seed] = fitted(arm, asked)
        parts, seconds = self.learnt[arm.learnt, seed]
        return built(arm, parts), seconds

    def shown(self, name: str, source: ChipSource, seed: int) -> ChipSource:
        """A source as an arm shows it to a network."""
        arms = BESIDE.get(name, (name,))
        each = [seen_through(source, ARMS[a], self.translator(a, seed)[0], seed) for a in arms]
        return each[0] if len(each) == 1 else JoinedChips(tuple(each))

    def due(self, part: str, done: Done) -> Iterator[tuple[str, int]]:
        """Arms and seeds that are not done yet."""
        for seed in self.args.seeds:
            for name in self.args.arms:
                if (part, name, seed) not in done:
                    yield name, seed


def _cut(chips: Chips, side: int = 128) -> Chips:
    """The corner of each, as large as real chips are."""
    return Chips(chips.pixels[..., :side, :side], chips.labels[:, :side, :side], chips.sets)


# ------------------------------------------------------------------------------ kept


def kept(bench: Bench, done: Done) -> Iterator[Row]:
    """What the translator of the first seed keeps, and a picture of it; the score is of masks."""
    asked = FaithfulnessParams(chips=JUDGED, target_chips=200)
    for name, seed in bench.due("kept", done):
        if seed == bench.args.seeds[0] and name in ARMS:
            translator, seconds = bench.translator(name, seed)
            found = measure_faithfulness(
                translator, bench.source, bench.target, asked, bench.instruments
            )
            shown = TranslatedChips(bench.source, translator, seed)
            picture(bench.beside(f"{name}.png"), bench.source, shown, bench.target)
            facts = {"faithfulness": found.as_dict(), "fit_seconds": seconds}
            row = {"part": "kept", "arm": name, "seed": seed, "score": found.mask_consistency}
            yield row | facts


# ------------------------------------------------------------------------------ buildings


def buildings(bench: Bench, done: Done) -> Iterator[Row]:
    """F1 of building on real images, by arm and seed; and what `ranked` says of the network."""
    for name, seed in bench.due("buildings", done):
        yield _building_row(bench, name, seed)
        yield _ranked_row(bench, name, seed)


def _building_row(bench: Bench, name: str, seed: int) -> Row:
    """One network, tested on each set."""
    chips = stretched(bench.shown(name, bench.source, seed), bench.args.jobs)
    network, facts = trained(methods(2)["supervised"], 2, (chips, None), bench.budget(seed))
    keep_network(network, bench.beside(f"{name}-{seed}.npz"))
    sets = scores(network, bench.out)
    row = {"part": "buildings", "arm": name, "seed": seed, **facts, "sets": sets}
    return row | {"score": float(np.mean(list(sets.values())))}


def scores(network: nn.Module, out: Chips) -> dict[str, float]:
    """F1 of building on each set."""
    names = sorted(set(out.sets.tolist()))
    return {s: float(f1(tested(network, out.of(out.sets == s), 2))[1]) for s in names}


def keep_network(network: nn.Module, path: Path) -> None:
    """Keep weights, for parts that use a network again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **{name: value.cpu().numpy() for name, value in network.state_dict().items()})


def kept_network(path: Path, device: str) -> nn.Module:
    """Read weights that `keep_network` wrote, and bring them to a device."""
    if not path.exists():
        raise SystemExit(f"{path} is not there: run the part buildings of this arm and seed first")
    network = build_network(architecture(2), 0)
    with np.load(path, allow_pickle=False) as kept:
        network.load_state_dict({name: torch.from_numpy(kept[name]) for name in kept.files})
    with together(device) as group:
        return network.eval().to(group.device)


# ------------------------------------------------------------------------------ ranked


def ranked(bench: Bench, done: Done) -> Iterator[Row]:
    """Average precision of the networks of `buildings`: the same without a threshold.

    A short run that is unsure says building too seldom; what it ranks shows what it has learnt.
    """
    for name, seed in bench.due("ranked", done):
        yield _ranked_row(bench, name, seed)


def _ranked_row(bench: Bench, name: str, seed: int) -> Row:
    network = kept_network(bench.beside(f"{name}-{seed}.npz"), bench.args.device)
    names = sorted(set(bench.out.sets.tolist()))
    each = {s: average_precision(network, bench.out.of(bench.out.sets == s)) for s in names}
    mean = float(np.mean(list(each.values())))
    return {"part": "ranked", "arm": name, "seed": seed, "score": mean, "sets": each}


# ------------------------------------------------------------------------------ damage


def damage(bench: Bench, done: Done) -> Iterator[Row]:
    """Bad damage on real pairs; both dates of a pair are translated in one style."""
    pairs = real_pairs(bench.args.data)
    for name, seed in bench.due("damage", done):
        chips = struck(bench.shown(name, bench.pairs, seed), bench.args.jobs)
        network = trained_on(chips, FORM, WEIGHTS, bench.budget(seed))
        sets = damage_scores(network, pairs)
        mean = float(np.mean([v for s, v in sets.items() if "chance" not in s]))
        yield {"part": "damage", "arm": name, "seed": seed, "score": mean, "sets": sets}


# ------------------------------------------------------------------------------ temporal


def temporal(bench: Bench, done: Done) -> Iterator[Row]:
    """F1 of what stood before, on second dates, by a network of first dates."""
    data = bench.args.data
    second, raw = real(data, date="after")[2], real(data, stretched=False, date="after")[2]
    for seed in bench.args.seeds:
        network = kept_network(bench.beside(f"identity-{seed}.npz"), bench.args.device)
        for name in TEMPORAL:
            if ("temporal", name, seed) in done:
                continue
            domains = Domains(target(data, "after"), bench.target)
            folder = bench.folder(ARMS[name], seed) / "temporal"
            asked = fitting_of(domains, folder, bench.fit_budget(seed))
            parts, _ = fitted(ARMS[name], asked)
            shown = stretched(TranslatedChips(RealImages(raw), built(ARMS[name], parts), seed))
            chips = second if name == "identity" else Chips(shown.pixels, raw.labels, raw.sets)
            sets = scores(network, chips)
            first = scores(network, bench.out)
            mean = float(np.mean(list(sets.values())))
            row = {"part": "temporal", "arm": name, "seed": seed, "score": mean, "sets": sets}
            yield row | {"first_dates": {s: first[s] for s in sets}}


# ------------------------------------------------------------------------------ command


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    root = Path(__file__).resolve().parents[1]
    data = Path(os.environ.get("GEOMAGE_DATA") or root.parent / "shared/data")
    parser.add_argument("parts", nargs="*", default=[], metavar="|".join(PARTS))
    parser.add_argument("-o", "--out", type=Path, default=root / "out/adaptation.json")
    parser.add_argument("--data", type=Path, default=data)
    parser.add_argument("--pool", type=Path, default=root / "out/adaptation_towns")
    parser.add_argument("--pairs", type=int, default=200, help="simulated pairs to learn from")
    parser.add_argument("--jobs", type=int, default=1, help="that simulate, and that translate")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    arms = [*ARMS, *BESIDE]
    parser.add_argument("--arms", nargs="+", choices=arms, default=arms[:5])
    parser.add_argument("--steps", type=int, default=400, help="of networks that find buildings")
    parser.add_argument("--fit-steps", type=int, default=400, help="of translators that train")
    parser.add_argument("--encoder-steps", type=int, default=200, help="of the encoder of KID")
    parser.add_argument("--target", choices=SETS, help="one set to adapt to and be tested on")
    parser.add_argument("--merge", type=Path, nargs="+", help="files of runs; nothing is run")
    add_budget(parser)
    args = parser.parse_args()
    unknown = sorted(set(args.parts) - set(PARTS))
    if unknown:
        parser.error(f"unknown part {unknown[0]!r}: {', '.join(PARTS)}")
    torch.set_num_threads(1)
    rows = runs_of(args.merge or ([args.out] if args.out.exists() else []))
    done = {(row["part"], row["arm"], row["seed"]) for row in rows}
    bench = Bench(args)
    runs = dict(zip(PARTS, (kept, buildings, ranked, damage, temporal, paired), strict=True))
    for part in () if args.merge else args.parts or PARTS:
        for row in runs[part](bench, done):
            rows.append(row)
            done.add((row["part"], row["arm"], row["seed"]))
            print(f"{row['part']}, {row['arm']}, seed {row['seed']}: {row['score']:.3f}")
            sys.stdout.flush()
            write(args, rows)
    write(args, rows)
    print("\n".join(table(rows)))


def write(args: argparse.Namespace, rows: list[Row]) -> None:
    """Everything so far, after each run."""
    facts = {
        "command": " ".join(["python -m benchmarks.adaptation", *sys.argv[1:]]),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, torch {torch.__version__}",
        "budget": asdict(budget_of(args)),
        "fit_steps": args.fit_steps,
        "target": args.target,
        "pairs": args.pairs,
        "stream": asdict(STREAM),
        "network": asdict(architecture(2)),
        "arms": {name: asdict(arm) for name, arm in ARMS.items()},
        "beside": BESIDE,
        "runs": rows,
    }
    write_runs(args.out, facts)


if __name__ == "__main__":
    main()
