"""A dataset on disk, sample by sample, as PyTorch's loaders and torchgeo's conventions want it.

No torch is needed to read one: samples are NumPy arrays, and `torch.utils.data.DataLoader` makes
tensors of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from geomage.data.journal import MARK, read_mark
from geomage.data.layout import SPLITS, Layout, split_of
from geomage.data.recipe import recipe_from_table
from geomage.data.records import CLASSES
from geomage.data.sample_folder import band_names
from geomage.data.stored import stored_arrays, stored_record
from geomage.errors import InputError, near_names
from geomage.world.site import Site

__all__ = ["PairsDataset"]

MASKS = (*CLASSES, "landcover_second", "instances")

Item = dict[str, Any]


class PairsDataset:
    """Map-style access to a dataset that `geomage dataset` made.

    Item *i* is a dict: `image` float32 (date, band, y, x), counts as stored; `mask` int64 (y, x),
    the label asked for; `crs`, a text such as EPSG:32631; `bounds` float64 (left, bottom, right,
    top) in it; `gsd`, metres; `index`, the number of the sample. `labels` adds more of them under
    their own names.
    """

    def __init__(
        self,
        folder: Path | str,
        *,
        split: str | None = None,
        mask: str = "damage",
        labels: tuple[str, ...] = (),
        bands: tuple[str, ...] | None = None,
        transform: Callable[[Item], Item] | None = None,
    ) -> None:
        """Open a dataset.

        Args:
            folder: a whole dataset.
            split: train, val or test; all samples when None.
            mask: label of `mask`: damage, flood, change, landcover, landcover_second, obscured or
                instances.
            labels: names of further layers.
            bands: names of the bands of `image`, in order; those of the sensor when None.
            transform: applied to every item.

        Raises:
            InputError: no dataset, an unfinished one, or an unknown name.
        """
        self.folder, self.transform = Path(folder), transform
        self.mask, self.labels, self.bands = mask, tuple(labels), bands
        known = {"split": (*SPLITS, None), "mask": MASKS}
        for name, value in (("split", split), ("mask", mask)):
            if value not in known[name]:
                raise InputError(_unknown(name, str(value), known[name]))
        for label in labels:
            if label not in (*MASKS, "height", "depth"):
                raise InputError(_unknown("label", label, (*MASKS, "height", "depth")))
        self.layout, count = _opened(self.folder)
        self.indices = [i for i in range(count) if split in (None, split_of(i))]

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, position: int) -> Item:
        """Read one sample."""
        index = self.indices[position]
        record, arrays = self._read(index)
        gsd = float(record["gsd"])
        a = self.layout.box(index, gsd).boundingbox
        images = np.stack([arrays["before"], arrays["after"]])[:, self._chosen(record)]
        item: Item = {
            "image": images.astype(np.float32),
            "mask": arrays[self.mask].astype(np.int64),
            **{name: _wide(arrays[name]) for name in self.labels},
            "crs": Site().crs,
            "bounds": np.array([a.left, a.bottom, a.right, a.top]),
            "gsd": gsd,
            "index": index,
        }
        return item if self.transform is None else self.transform(item)

    def __iter__(self) -> Iterator[Item]:
        return (self[i] for i in range(len(self)))

    def _chosen(self, record: Mapping[str, Any]) -> slice | list[int]:
        """Which bands to take."""
        if self.bands is None:
            return slice(None)
        known = band_names(record["facts"]["before"]["sensor"])
        for band in self.bands:
            if band not in known:
                raise InputError(f"sample {record['index']}: {_unknown('band', band, known)}")
        return [known.index(band) for band in self.bands]

    def _read(self, index: int) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Record and arrays of a sample, from its shard where there is one."""
        shard = self.layout.recipe.shards
        record = stored_record(self.layout, index, shard=shard)
        return record, stored_arrays(self.layout, index, shard=shard)


def _wide(values: np.ndarray) -> np.ndarray:
    """Classes as torch's losses want them; metres as they are."""
    return values if values.dtype.kind == "f" else values.astype(np.int64)


def _unknown(name: str, value: str, known: tuple[str | None, ...]) -> str:
    names = [k for k in known if k]
    return f"{name} {value!r} is none of {', '.join(names)}{near_names(value, names)}"


def _opened(folder: Path) -> tuple[Layout, int]:
    """Recipe and count of a whole dataset."""
    mark = read_mark(folder)
    if mark is None:
        raise InputError(f"{folder} is no dataset: make one with geomage dataset")
    layout = Layout(folder, recipe_from_table(mark["recipe"], str(folder / MARK)))
    if not (folder / "datasheet.json").is_file():
        raise InputError(
            f"{folder} is unfinished: run geomage dataset with the same words again to go on"
        )
    return layout, mark["count"]
