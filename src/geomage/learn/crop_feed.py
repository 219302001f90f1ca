"""The crops of the steps to come: drawn in this process, or ahead in others.

The batch of a step depends on recipe, pool and step alone. A step is handed to a reader when the
pairs it draws from are there, so a pool that fails is noticed here, where its processes are known.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from geomage.learn.augment import Batch, draw_batch
from geomage.learn.pool import Pool, PoolPlan, wait_for_pair
from geomage.learn.recipe import Recipe

__all__ = ["CropDraws", "upcoming_crops"]

_AHEAD = 4  # steps that each reader works ahead


class CropDraws(Dataset[Batch]):
    """The batch of every step, by its number."""

    def __init__(self, recipe: Recipe, folder: Path, plan: PoolPlan) -> None:
        self.recipe, self.folder, self.plan = recipe, folder, plan

    def pairs(self, step: int) -> tuple[list[int], np.random.Generator]:
        """Numbers of the pairs a step draws from, and the generator for the rest of its draws."""
        rng = np.random.default_rng([self.recipe.seed, step])
        drawn = rng.integers(self.plan.available(step), size=self.recipe.batch)
        return drawn.tolist(), rng

    def __getitem__(self, step: int) -> Batch:
        """Draw it; its pairs are there."""
        drawn, rng = self.pairs(step)
        stacks = [wait_for_pair(self.folder, index, ()) for index in drawn]
        return draw_batch(stacks, self.recipe.crop, self.recipe.augment, rng)


def upcoming_crops(recipe: Recipe, pool: Pool, first: int) -> Iterator[Batch]:
    """Batches of the steps from `first` to the last, in order.

    Raises:
        RunError: a pair is missing, and the simulation stopped.
    """
    draws = CropDraws(recipe, pool.folder, pool.plan)
    readers = recipe.readers
    return iter(
        DataLoader(
            draws,
            batch_size=None,
            sampler=_ready(draws, pool, first),
            num_workers=readers,
            multiprocessing_context="spawn" if readers else None,
            prefetch_factor=_AHEAD if readers else None,
            pin_memory=torch.cuda.is_available() and recipe.device != "cpu",
        )
    )


def _ready(draws: CropDraws, pool: Pool, first: int) -> Iterator[int]:
    """Each step once all its pairs are there."""
    for step in range(first, draws.recipe.steps):
        for index in draws.pairs(step)[0]:
            pool.read(index)
        yield step
