"""What the environment says of ranks is a launcher's whole word, or it is refused."""

from __future__ import annotations

import pytest

from genlab.cli.main import main
from genlab.errors import ConfigError
from genlab.runs import ranks

TORCHRUN = {
    **{"TORCHELASTIC_RUN_ID": "none", "RANK": "1", "LOCAL_RANK": "1", "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"},
    **{"GROUP_RANK": "0", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1234"},
}
SRUN = {"SLURM_STEP_ID": "0", "SLURM_NTASKS": "2", "SLURM_PROCID": "1", "SLURM_LOCALID": "1", "SLURM_NODEID": "0"}
SRUN["SLURM_JOB_ID"] = "7"


@pytest.fixture
def environment(monkeypatch):
    """Let the environment hold these variables and none other of a launcher's."""
    for name in [*TORCHRUN, *SRUN, "NODE_RANK", "SLURM_JOB_NAME"]:
        monkeypatch.delenv(name, raising=False)

    def make(**variables):
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return make


@pytest.mark.parametrize(
    "left",
    [
        {"RANK": "1"},
        {"RANK": "0"},
        {"LOCAL_RANK": "1"},
        {"LOCAL_RANK": "0", "WORLD_SIZE": "2"},
        {"NODE_RANK": "1"},
        {"RANK": "one"},
        {"RANK": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "h", "MASTER_PORT": "1"},
        {"NODE_RANK": "-1", "MASTER_ADDR": "h", "MASTER_PORT": "1"},
        *({name: value for name, value in TORCHRUN.items() if name != gone} for gone in ("RANK", "WORLD_SIZE")),
        {**TORCHRUN, "WORLD_SIZE": "two"},
        *({name: value for name, value in SRUN.items() if name != gone} for gone in SRUN if gone != "SLURM_STEP_ID"),
        {**SRUN, "SLURM_PROCID": ""},
    ],
    ids=str,
)
@pytest.mark.parametrize("words", [["train"], ["sample"], ["train", "-m", "seed=0,1"], ["train", "resume=last"]])
def test_what_is_left_of_a_launch_is_refused_in_one_line(left, words, environment, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    environment(**left)
    assert main(words) == 2
    said = capsys.readouterr().err
    assert said.startswith("genlab: error: ")
    assert len(said.splitlines()) == 1
    assert "env" in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("launch", "name"), [(TORCHRUN, "torchrun-parent"), (SRUN, "slurm-7-0")])
def test_a_whole_launch_is_taken(launch, name, environment):
    environment(**launch)
    ranks.check()
    rank, named = ranks.external()
    assert (rank, ranks.global_rank()) == (1, 1)
    assert named.startswith(name)


@pytest.mark.parametrize(
    "alone",
    [
        {},
        {**TORCHRUN, "RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1"},
        {"SLURM_NTASKS": "2", "SLURM_JOB_ID": "7"},  # salloc
        {**SRUN, "SLURM_NTASKS": "1"},
        {**SRUN, "SLURM_JOB_NAME": "bash"},  # srun --pty bash
    ],
    ids=str,
)
def test_a_process_that_stands_alone(alone, environment):
    environment(**alone)
    ranks.check()
    assert ranks.external() is None
    assert ranks.global_rank() == 0


def test_nodes_that_are_started_by_hand(environment):
    environment(NODE_RANK="1", MASTER_ADDR="h", MASTER_PORT="1")
    ranks.check()
    assert ranks.global_rank() == 1
    ranks.check_nodes({"trainer": {"num_nodes": 2}})
    with pytest.raises(ConfigError, match="NODE_RANK=1"):
        ranks.check_nodes({"trainer": {"num_nodes": 1}})
