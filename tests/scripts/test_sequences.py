"""The synthetic tasks ask what they say, and who knows nothing pays what the script says."""

from __future__ import annotations

import pytest
import torch

from scripts import sequences


def draw(name, n, length, seed=0):
    return sequences.TASKS[name].draw(n, length, torch.Generator().manual_seed(seed))


def test_what_is_copied_comes_first_and_is_asked_for_after_the_mark():
    x, y = draw("copy", 50, 30)
    read = x.argmax(2)
    assert x.shape == (50, 50, 10)
    assert torch.equal(read[:, :10], y[:, -10:])
    assert y[:, -10:].unique().tolist() == list(range(1, 9))
    assert not y[:, :-10].any()
    assert not read[:, 10:39].any()
    assert (read[:, 39:] == 9).all()


def test_two_numbers_are_marked_and_added():
    x, y = draw("adding", 50, 12)
    assert (x[:, :, 1].sum(1) == 2).all()
    torch.testing.assert_close(y, (x[:, :, 0] * x[:, :, 1]).sum(1))
    assert (x[:, :, 1].sum(0) > 0).all()  # anywhere


def test_knowing_nothing_costs_what_it_says():
    task = sequences.TASKS["copy"]
    y = draw("copy", 200, 30)[1]
    blind = torch.full((200, 50, 10), -50.0)
    blind[:, :40, 0] = blind[:, 40:, 1:9] = 50.0
    assert task.loss(blind, y).item() == pytest.approx(task.ignorance(30), rel=1e-4)
    task, y = sequences.TASKS["adding"], draw("adding", 20_000, 12)[1]
    assert task.loss(torch.ones(len(y), 12, 1), y).item() == pytest.approx(task.ignorance(12), rel=0.05)


@pytest.mark.parametrize("name", sequences.TASKS)
def test_both_networks_have_one_size_and_the_tcn_sees_the_whole(name):
    task = sequences.TASKS[name]
    one, other = sequences.tcn(task), sequences.lstm(task)
    assert sequences.size(other) == pytest.approx(sequences.size(one), rel=0.03)
    assert one.body.receptive_field >= 220
    assert sequences.size(one) == pytest.approx({"copy": 16_000, "adding": 70_000}[name], rel=0.1)


@pytest.mark.parametrize("name", sequences.TASKS)
def test_the_command_says_a_table(name, capsys):
    sequences.main([name, "--steps", "2", "--length", "5", "--batch", "2", "--held-out", "3"])
    said = capsys.readouterr().out
    assert [line.split(" | ")[0] for line in said.splitlines()[-2:]] == ["| TCN", "| LSTM"]
    assert said.count("step ") == 4
