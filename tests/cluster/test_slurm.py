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
CONFIGURATION = Path("/etc/slurm/slurm.conf")
HEADLINE = "snakemake --profile profiles/slurm results/metrics.csv"
# A cluster without accounting is watched by squeue; a copy lies elsewhere than it was made; the rest is haste.
OPTIONS = (
    *("--slurm-status-command", "squeue"),
    *("--slurm-init-seconds-before-status-checks", "2"),
    *("--seconds-between-status-checks", "2"),
    "--slurm-keep-successful-logs",
    *("--rerun-triggers", "mtime"),
)
PAIRS = ("plain_planets--plain_planets", "glasses_robot--glasses_robot")


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[None]:
    """A running SLURM, one for the whole machine at a time."""
    if os.geteuid() or not all(map(shutil.which, ("slurmctld", "slurmd", "munged"))):
        pytest.skip("no SLURM can be started here: it takes root, slurm-wlm and munge")
    if CONFIGURATION.exists() and "ClusterName=talkflow\n" not in CONFIGURATION.read_text():
        pytest.skip("this machine belongs to a cluster")
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
    assert counts(plan.stdout)["collect_scores"] == 1


def test_a_real_cluster_makes_the_table(demo, tmp_path, cluster):
    folder = tmp_path / "clone"
    shutil.copytree(demo, folder, symlinks=True)
    complete = table(folder)
    for name in ("metrics.csv", *(f"samples/diffdub/{pair}.mp4" for pair in PAIRS)):
        (folder / "results" / name).unlink()
    shutil.rmtree(folder / "results/scores/diffdub")
    # Fewer than this machine has and than a cluster gives by default.
    configuration = (folder / "config.yaml").read_text(encoding="utf-8")
    (folder / "config.yaml").write_text(re.sub("^threads: null", "threads: 1", configuration, flags=re.MULTILINE))
    jobs = {"sample_diffdub": 2, "score_pairs": 1, "collect_scores": 1, "total": 4}
    plan = typed(folder, HEADLINE, "--dry-run", *OPTIONS)
    assert counts(plan.stdout) == jobs, plan.stdout + plan.stderr

    run = typed(folder, HEADLINE, *OPTIONS)
    logs = {path: path.read_text() for path in (folder / ".snakemake/slurm_logs").rglob("*.log")}
    assert run.returncode == 0, "\n".join([run.stderr, *logs.values()])
    assert run.stderr.count("has been submitted with SLURM jobid") == len(logs) == 4
    assert table(folder) == complete, "a cluster makes the same table"

    samples = [text for path, text in logs.items() if "sample_diffdub" in str(path)]
    seen = [re.findall(r"threads: (\d+)", text) for text in (run.stderr, *samples)]
    assert seen == [[], [], []], "a job, and the rule in it, see the one thread that was asked for"
    submitted = [run.stderr.index(f"jobid {path.stem}") for path in logs if "sample_diffdub" in str(path)]
    assert max(submitted) < run.stderr.index("Finished jobid"), "the cap of one GPU is not the cluster's"
