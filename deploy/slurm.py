"""A Dask cluster out of jobs of SLURM, for `--scheduler`.

    pip install dask-jobqueue
    python deploy/slurm.py --jobs 8 --queue cpu2022
    geomage dataset vhr -o /scratch/pairs --count 100000 --scheduler tcp://…   # as it prints

Start it on a login or service node, in the environment that geomage is installed in, and leave it
running: it holds the scheduler, and asks for workers until it is ended. Each job is a node's share
of 16 cores in 16 processes of one thread, so that libraries written in C do not wait for each
other. `--show` prints the script that a job runs, and asks for nothing.
"""

from __future__ import annotations

import argparse
import signal
from typing import Any

from dask_jobqueue import SLURMCluster

CORES, MEMORY = 16, "32GiB"  # of a job; 2 GiB a process
HOURS = 4  # of a job; its workers leave five minutes before, so that no tile is cut off


def open_cluster(queue: str | None, account: str | None, **more: Any) -> SLURMCluster:
    """Start a scheduler here, whose workers will be jobs."""
    return SLURMCluster(
        queue=queue,
        account=account,
        cores=CORES,
        processes=CORES,
        memory=MEMORY,
        walltime=f"{HOURS:02d}:00:00",
        death_timeout=300,
        local_directory="/tmp",  # noqa: S108 -- of the node
        job_script_prologue=["export OMP_NUM_THREADS=1"],
        worker_extra_args=["--lifetime", f"{HOURS * 60 - 5}m", "--lifetime-stagger", "2m"],
        **more,
    )


def main() -> None:
    """Read the words, start the cluster, say its address, and hold it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=4, help="jobs of 16 workers to keep alive")
    parser.add_argument("--queue", help="partition of SLURM")
    parser.add_argument("--account", help="account that pays")
    parser.add_argument("--show", action="store_true", help="print the script of a job and leave")
    words = parser.parse_args()
    with open_cluster(words.queue, words.account) as cluster:
        if words.show:
            print(cluster.job_script())
            return
        # Jobs that end, at their time or by accident, are replaced.
        cluster.adapt(minimum_jobs=words.jobs, maximum_jobs=words.jobs)
        print(f"--scheduler {cluster.scheduler_address}", flush=True)
        signal.pause()


if __name__ == "__main__":
    main()
