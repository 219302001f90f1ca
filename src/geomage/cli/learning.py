"""Verbs that learn: train by a recipe, export a run, evaluate a model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from geomage.cli.frame import done, examples, print_json, say
from geomage.cli.options import (
    Backend,
    Gsd,
    Json,
    Overwrite,
    Pool,
    Precision,
    Processes,
    RunFolder,
    Workers,
)

verbs = typer.Typer(rich_markup_mode=None)

RecipeName = Annotated[
    str, typer.Argument(metavar="RECIPE", help="A TOML file, or the name of a shipped recipe.")
]


@verbs.command(
    "pretrain",
    epilog=examples(
        "geomage pretrain pretrain-small -o encoder", "geomage pretrain mine.toml -o encoder"
    ),
)
def pretrain(
    recipe: RecipeName,
    *,
    out: RunFolder,
    jobs: Workers = 2,
    pool: Pool = None,
    as_json: Json = False,
) -> None:
    """Pre-train an encoder on images without labels; needs the extra [train].

    Ends with RUN/network.safetensors; a recipe of `train` begins with it by `start = "RUN"`.
    """
    from geomage.adapt.translator_file import open_translator_file
    from geomage.geo import refuse_unwritable
    from geomage.learn import find_training_recipe, pretrain_recipe

    for folder in filter(None, (out, pool)):
        refuse_unwritable(folder.absolute())
    weights = pretrain_recipe(
        find_training_recipe(recipe),
        out,
        jobs=jobs,
        pool=pool,
        open_translator=open_translator_file,
    )
    done(f"Pre-trained: {weights}", {"out": out, "weights": weights}, as_json=as_json)


@verbs.command(
    "train",
    epilog=examples(
        "geomage train line -o run",
        "geomage train mine.toml -o run --jobs 2",
        "geomage train few-labels -o run --pool chips",
    ),
)
def train(
    recipe: RecipeName,
    *,
    out: RunFolder,
    jobs: Workers = 2,
    pool: Pool = None,
    as_json: Json = False,
) -> None:
    """Train a model on simulated pairs, or on chips; needs the extra [train].

    A recipe with an `objective` learns from chips of datasets or of the simulator, labelled and
    unlabelled. The same recipe gives the same model, whatever the timing. Ends with RUN/model.onnx.
    """
    from geomage.adapt.translator_file import open_translator_file
    from geomage.geo import refuse_unwritable
    from geomage.learn import find_training_recipe, train_recipe

    for folder in filter(None, (out, pool)):
        refuse_unwritable(folder.absolute())
    model = train_recipe(
        find_training_recipe(recipe),
        out,
        jobs=jobs,
        pool=pool,
        open_translator=open_translator_file,
    )
    done(f"Trained: {model}", {"out": out, "model": model}, as_json=as_json)


@verbs.command("export", epilog=examples("geomage export run -o model.onnx"))
def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")],
    *,
    out: Annotated[Path, typer.Option("--out", "-o", help="Model file to write (ONNX).")],
    pool: Pool = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Export the last checkpoint of a run as one model file; needs the extra [train]."""
    from geomage.geo import refuse_file
    from geomage.learn import export_run

    refuse_file(out, overwrite=overwrite)
    model = export_run(run, out, pool=pool)
    done(f"Exported: {model}", {"model": model}, as_json=as_json)


def _protocol(name: str, metavar: str, text: str, default: object) -> Any:
    """An option that belongs to --protocol; None where it is not given."""
    return typer.Option(name, metavar=metavar, help=f"Protocol: {text}", show_default=str(default))


@verbs.command(
    "evaluate",
    epilog=examples(
        "geomage evaluate default scene",
        "geomage evaluate model.onnx pairs --gsd 0.5",
        "geomage evaluate run sen1floods11 --protocol pangaea --dataset sen1floods11 "
        "--fraction 0.125",
        "geomage evaluate resnet-tiny xbd --protocol pangaea --dataset xbd --leave-out "
        "palu-tsunami --epochs 5 --width 64",
    ),
)
def evaluate(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="A model file, or `default`; with --protocol a run folder, its weights, or the "
            "name of an encoder.",
        ),
    ],
    data: Annotated[
        Path,
        typer.Argument(
            metavar="DATA",
            help="Folder of x_before, x_after, x_damage rasters; with --protocol of the dataset.",
        ),
    ],
    *,
    backend: Backend = "onnxruntime",
    precision: Precision = None,
    gsd: Gsd = None,
    jobs: Processes = 1,
    protocol: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="pangaea: learn UPerNet on the frozen encoder of MODEL and test it (extra "
            "[train]).",
            show_default="map every pair",
        ),
    ] = None,
    dataset: Annotated[
        str | None,
        _protocol(
            "--dataset",
            "NAME",
            "bright, burnscars, levir, mados, openearthmap, sen1floods11, spacenet, xbd; or chips: "
            "your own.",
            "required",
        ),
    ] = None,
    product: Annotated[
        str | None,
        _protocol("--product", "NAME", "imagery or labels where DATA has several.", "usual ones"),
    ] = None,
    split: Annotated[
        str | None,
        _protocol(
            "--split",
            "NAME",
            "official parts, drawn (70, 15, 15 % of each event) or events "
            "(whole ones to each part).",
            "official",
        ),
    ] = None,
    leave_out: Annotated[
        str | None,
        _protocol("--leave-out", "EVENT", "test on this event, learn from all others.", "none"),
    ] = None,
    fraction: Annotated[
        float | None,
        _protocol("--fraction", "SHARE", "of the labels to learn from, stratified by class.", 1),
    ] = None,
    seed: Annotated[
        int | None, _protocol("--seed", "NUMBER", "same seed, same figures on a CPU.", 0)
    ] = None,
    epochs: Annotated[
        int | None, _protocol("--epochs", "NUMBER", "passes over the training chips.", 80)
    ] = None,
    every: Annotated[
        int | None, _protocol("--every", "EPOCHS", "between two validations.", 5)
    ] = None,
    batch: Annotated[int | None, _protocol("--batch", "NUMBER", "crops a step.", 8)] = None,
    size: Annotated[
        int | None, _protocol("--size", "PIXELS", "side of crops and windows.", 224)
    ] = None,
    width: Annotated[int | None, _protocol("--width", "CHANNELS", "of UPerNet.", 512)] = None,
    siamese: Annotated[
        str | None,
        _protocol(
            "--siamese",
            "NAME",
            "how two dates meet: concatenate, difference or attention.",
            "concatenate",
        ),
    ] = None,
    corrupt: Annotated[
        float | None,
        _protocol("--corrupt", "SHARE", "of unreadable chips that may be skipped.", 0.02),
    ] = None,
    device: Annotated[
        str | None, _protocol("--device", "NAME", "cpu, cuda or auto.", "auto")
    ] = None,
) -> None:
    """Map every labelled pair of a folder and score the maps: JSON on stdout.

    With --protocol pangaea: learn a decoder on a frozen encoder from a public dataset as it was
    unpacked, and test it (docs/protocol.md).
    """
    told = {
        "dataset": dataset, "product": product, "split": split, "leave_out": leave_out,
        "fraction": fraction, "seed": seed, "epochs": epochs, "every": every, "batch": batch,
        "size": size, "width": width, "siamese": siamese, "corrupt": corrupt, "device": device,
    }  # fmt: skip
    given = {name: value for name, value in told.items() if value is not None}
    if protocol is not None:
        print_json(_by_protocol(model, data, protocol, given))
        return
    _refuse_without_protocol(given)
    from geomage.evaluation import How, evaluate_model

    how = How(backend, precision)
    print_json(evaluate_model(model, data, gsd=gsd, jobs=jobs, how=how).as_dict())


def _refuse_without_protocol(given: Mapping[str, Any]) -> None:
    from geomage.errors import InputError

    if given:
        option = next(iter(given)).replace("_", "-")
        raise InputError(f"--{option} belongs to a protocol: add --protocol pangaea")


def _by_protocol(model: str, data: Path, name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    from geomage.errors import InputError, near_names
    from geomage.learn.protocol import PangaeaParams, evaluate_pangaea

    if name != "pangaea":
        raise InputError(f"no protocol {name!r}{near_names(name, ['pangaea'])}: there is pangaea")
    if "dataset" not in given:
        raise InputError("--protocol pangaea needs --dataset NAME: which reader DATA is for")
    return evaluate_pangaea(model, data, PangaeaParams(**given), say)


@verbs.command(
    "quantise",
    epilog=examples(
        "geomage quantise default xbd --gsd 0.5 -o int8.onnx",
        "geomage quantise default xbd --gsd 0.5 --precision bf16 --backend openvino -o bf16.onnx",
    ),
)
def quantise(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A model file, or `default`.")],
    data: Annotated[
        list[Path],
        typer.Argument(metavar="DATA", help="Folders of real labelled pairs, as for evaluate."),
    ],
    *,
    out: Annotated[Path, typer.Option("--out", "-o", help="Model file to write (ONNX).")],
    backend: Backend = "onnxruntime",
    precision: Annotated[
        str, typer.Option(metavar="NAME", help="int8, or bf16 of the same weights.")
    ] = "int8",
    gsd: Gsd = None,
    jobs: Processes = 1,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Let a model run in lower precision, if it loses under half a point of F1 on real images.

    int8 weights are calibrated on simulated pairs. Both models then map DATA; the F1 of building
    pixels of both is written in the card, and the file only when the loss is under 0.005. Needs the
    extra [train].
    """
    from geomage.evaluation import How, find_pairs
    from geomage.geo import refuse_file
    from geomage.lowering import lower_model

    refuse_file(out, overwrite=overwrite)
    for folder in data:
        find_pairs(folder)
    how = How(backend, precision)
    gate = lower_model(model, tuple(data), out, how, gsd=gsd, jobs=jobs)
    text = f"{precision} loses {100 * gate.loss:.2f} points of building F1 ({gate.f1:.4f}): {out}"
    done(text, {"model": out, **gate.as_dict(), "loss": gate.loss}, as_json=as_json)
