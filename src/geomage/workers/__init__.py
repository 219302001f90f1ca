"""Work in many hands: the same tasks in this process, in local ones, or on a Dask cluster."""

from __future__ import annotations

from geomage.workers.cores import cores, threads_here, threads_of_children
from geomage.workers.crew import Run, Workers, open_workers, run_tasks
from geomage.workers.likeness import makers
from geomage.workers.memory import give_back

__all__ = [
    "Run",
    "Workers",
    "cores",
    "give_back",
    "makers",
    "open_workers",
    "run_tasks",
    "threads_here",
    "threads_of_children",
]
