"""The README's cluster command, planned as it is written, and run on a real SLURM of one node where that can be started."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import gettempdir

import pytest
from filelock import FileLock

from tests.running import cloned, table, typed

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
HEADLINE = "snakemake --profile profiles/slurm results/metrics.csv"
# A cluster without accounting is watched by squeue; the rest is haste.
OPTIONS = (
    *("--slurm-status-command", "squeue"),
    *("--slurm-init-seconds-before-status-checks", "2"),
    *("--seconds-between-status-checks", "2"),
    "--slurm-keep-successful-logs",
)
PAIR = "plain_planets--plain_planets"


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[None]:
    """A running SLURM, one for the whole machine at a time."""
    if os.geteuid() or not all(map(shutil.which, ("slurmctld", "slurmd", "munged"))):
        pytest.skip("no SLURM can be started here: it takes root, slurm-wlm and munge")
    with FileLock(Path(gettempdir(), "talkflow-slurm.lock")):
        try:
            start = ["bash", HERE / "start.sh", tmp_path / "slurm"]
            output = tmp_path / "start.log"  # a pipe would stay open for as long as the daemons live
            with output.open("w") as log:
                code = subprocess.run(start, stdout=log, stderr=log, timeout=120).returncode
            assert code == 0, output.read_text()
            yield
        finally:
            subprocess.run(["bash", HERE / "stop.sh", tmp_path / "slurm"], timeout=60)


def counts(plan: str) -> dict[str, int]:
    """How often each rule is planned."""
    return {rule: int(count) for rule, count in re.findall(r"^(\w+) +(\d+)$", plan, flags=re.MULTILINE)}


def test_it_plans_as_written(tmp_path):
    plan = typed(cloned(tmp_path / "clone"), HEADLINE, "--dry-run")
    assert plan.returncode == 0, plan.stderr
    assert counts(plan.stdout)["render_talker"] == 8
    # 1 and the workers of `training: workers`; the demo's test pairs are known after the checkpoint alone
    assert set(re.findall(r"rule train_\w+:.*?threads: (\d+)", plan.stdout, flags=re.DOTALL)) <= {"5"}


def test_a_real_cluster_makes_the_table(demo, tmp_path, cluster):
    folder = tmp_path / "clone"
    shutil.copytree(demo, folder, symlinks=True)
    complete = table(folder)
    for name in (
        "metrics.csv",
        f"scores/still/{PAIR}.json",
        f"samples/diffdub/{PAIR}.mp4",
        f"scores/diffdub/{PAIR}.json",
    ):
        (folder / "results" / name).unlink()
    jobs = {"sample_diffdub": 1, "score_pair": 2, "collect_scores": 1, "total": 4}
    plan = typed(folder, HEADLINE, "--dry-run")
    assert counts(plan.stdout) == jobs, plan.stdout + plan.stderr

    run = typed(folder, HEADLINE, *OPTIONS)
    logs = {path: path.read_text() for path in (folder / ".snakemake/slurm_logs").rglob("*.log")}
    assert run.returncode == 0, (run.stderr, *logs.values())
    assert run.stderr.count("submitted with SLURM jobid") == len(logs) == 4
    assert table(folder) == complete, "a cluster makes the same table"

    # Four are asked for; the configuration names none, and this machine may have fewer.
    assert "threads: 4" in run.stderr
    (network,) = (text for path, text in logs.items() if "sample_diffdub" in str(path))
    assert "threads: 4" in network, "the rule sees in its job what was asked for"
