"""The recipes of deploy/: they parse, agree with each other, and say what the page says."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"


def test_a_job_of_slurm_is_what_the_page_shows(project):
    pytest.importorskip("dask_jobqueue", reason="the recipe for SLURM needs it")
    spec = importlib.util.spec_from_file_location("slurm_recipe", DEPLOY / "slurm.py")
    recipe = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(recipe)
    options = {"n_workers": 0, "scheduler_options": {"dashboard_address": None}}
    with recipe.open_cluster("cpu", "me", **options) as cluster:
        said = cluster.job_script()
    page = (project / "docs" / "scale.md").read_text()
    for line in re.findall(r"^#SBATCH .+$", page, re.MULTILINE):
        assert line in said
    for word in ("--nworkers 16", "--nthreads 1", "--lifetime 235m", "OMP_NUM_THREADS=1"):
        assert word in said


def test_scheduler_workers_and_desk_share_image_and_files():
    yaml = pytest.importorskip("yaml", reason="distributed brings it")
    claim, cluster, desk = yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text())
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]
    spec = cluster["spec"]
    pods = [spec["scheduler"]["spec"], spec["worker"]["spec"], desk["spec"]["template"]["spec"]]
    assert len({pod["containers"][0]["image"] for pod in pods}) == 1
    assert all(pod["securityContext"]["runAsUser"] for pod in pods)
    name = claim["metadata"]["name"]
    for pod in pods[1:]:
        assert pod["volumes"][0]["persistentVolumeClaim"]["claimName"] == name
        assert pod["containers"][0]["volumeMounts"] == [{"name": "data", "mountPath": "/data"}]
    ports = {port["name"] for port in pods[0]["containers"][0]["ports"]}
    assert {port["targetPort"] for port in spec["scheduler"]["service"]["ports"]} == ports


def test_the_container_is_nobody_special_and_copies_what_is_there(project):
    lines = (DEPLOY / "Containerfile").read_text()
    assert re.search(r"^USER (?!root)", lines, re.MULTILINE)
    for line in re.findall(r"^COPY (?!--)(.+) \S+$", lines, re.MULTILINE):
        assert all((project / name).exists() for name in line.split()), line
