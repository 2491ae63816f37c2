"""Does a network remember over 200 steps? A TCN and an LSTM of the same size on the synthetic tasks of their paper.

    python scripts/sequences.py copy --steps 6000
    python scripts/sequences.py adding --steps 3000

One seed, one thread, the same batches of fresh examples; every tenth of the steps says what 1,000 held-out examples
cost, beside what it costs to know nothing. "An Empirical Evaluation of Generic Convolutional and Recurrent Networks for
Sequence Modeling", S. Bai, J. Z. Kolter, V. Koltun, 2018, https://arxiv.org/abs/1803.01271, sections 4.1 and 5.1;
the tasks are of "Long Short-Term Memory", S. Hochreiter, J. Schmidhuber, 1997.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genlab.models.sequence.tcn import Blocks

SYMBOLS, REMEMBERED = 8, 10


@dataclass(frozen=True)
class Task:
    """What is learned.

    Attributes:
        inputs: numbers of a step.
        outputs: numbers that are said of a step.
        draw: n examples of a length, ``x (n, L, inputs)`` and what is asked.
        loss: of what is said ``(n, L, outputs)``.
        ignorance: the loss of who knows nothing of the example, by length.
        width, levels, kernel_size: of the TCN.
        rate: of learning.
    """

    inputs: int
    outputs: int
    draw: Callable[[int, int, torch.Generator], tuple[Tensor, Tensor]]
    loss: Callable[[Tensor, Tensor], Tensor]
    ignorance: Callable[[int], float]
    width: int
    levels: int
    kernel_size: int
    rate: float


def copying(n: int, length: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Ten symbols, blanks, and from a mark on the symbols again: ``length + 20`` steps, one-hot, and their classes."""
    symbols = torch.randint(1, SYMBOLS + 1, (n, REMEMBERED), generator=generator)
    blanks, mark = symbols.new_zeros(n, length + REMEMBERED), SYMBOLS + 1
    x = torch.cat([symbols, blanks[:, : length - 1], torch.full((n, REMEMBERED + 1), mark)], 1)
    return F.one_hot(x, mark + 1).float(), torch.cat([blanks, symbols], 1)


def adding(n: int, length: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Numbers in 0 ... 1 of which two are marked, and the sum of these."""
    values = torch.rand(n, length, generator=generator)
    marked = torch.rand(n, length, generator=generator).topk(2, 1).indices
    marks = torch.zeros(n, length).scatter_(1, marked, 1.0)
    return torch.stack([values, marks], 2), (values * marks).sum(1)


TASKS = {
    "copy": Task(
        inputs=SYMBOLS + 2,
        outputs=SYMBOLS + 2,
        draw=copying,
        loss=lambda said, y: F.cross_entropy(said.flatten(0, 1), y.flatten()),
        ignorance=lambda length: REMEMBERED * math.log(SYMBOLS) / (length + 2 * REMEMBERED),
        width=11,
        levels=8,
        kernel_size=8,
        rate=1e-3,
    ),
    "adding": Task(
        inputs=2,
        outputs=1,
        draw=adding,
        loss=lambda said, y: F.mse_loss(said[:, -1, 0], y),
        ignorance=lambda length: 1 / 6,  # the variance of a sum of two uniform numbers
        width=30,
        levels=7,
        kernel_size=6,
        rate=2e-3,
    ),
}


class Network(nn.Module):
    """A body and what it says of each step."""

    def __init__(self, body: nn.Module, width: int, outputs: int) -> None:
        super().__init__()
        self.body, self.head = body, nn.Linear(width, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """``(n, L, inputs) -> (n, L, outputs)``."""
        h = self.body(x)
        return self.head(h[0] if isinstance(h, tuple) else h)


def size(network: nn.Module) -> int:
    """Numbers that are learned."""
    return sum(each.numel() for each in network.parameters())


def tcn(task: Task) -> Network:
    """The TCN of a task."""
    body = Blocks(task.inputs, task.width, levels=task.levels, kernel_size=task.kernel_size)
    return Network(body, task.width, task.outputs)


def lstm(task: Task) -> Network:
    """The narrowest LSTM that has as many parameters as the TCN."""
    least = size(tcn(task))
    made = (Network(nn.LSTM(task.inputs, width, batch_first=True), width, task.outputs) for width in count(1))
    return next(network for network in made if size(network) >= least)


def learn(
    task: Task, build: Callable[[Task], Network], *, length: int, steps: int, batch: int, seed: int, held_out: int
) -> tuple[Network, list[float]]:
    """The network after so many steps, and the held-out loss after each tenth of them."""
    torch.manual_seed(seed)
    network, generator = build(task), torch.Generator().manual_seed(seed)
    optimiser = torch.optim.Adam(network.parameters(), lr=task.rate)
    test, losses = task.draw(held_out, length, torch.Generator().manual_seed(seed + 1)), []
    for step in range(1, steps + 1):
        x, y = task.draw(batch, length, generator)
        optimiser.zero_grad()
        task.loss(network(x), y).backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        if step % max(1, steps // 10) == 0:
            with torch.no_grad():
                losses.append(task.loss(network(test[0]), test[1]).item())
            print(f"  step {step}: {losses[-1]:.5f}", flush=True)
    return network, losses


def main(words: list[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=TASKS)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--length", type=int, default=200, help="T, the steps over which is remembered")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--held-out", type=int, default=1000)
    given = parser.parse_args(words)
    torch.set_num_threads(1)
    task, rows = TASKS[given.task], []
    settings = {"length": given.length, "steps": given.steps, "batch": given.batch, "seed": given.seed}
    for name, build in {"TCN": tcn, "LSTM": lstm}.items():
        print(f"{name}, {given.task}, T={given.length}", flush=True)
        begun = time.process_time()
        network, losses = learn(task, build, held_out=given.held_out, **settings)
        seconds = time.process_time() - begun
        rows.append(f"| {name} | {size(network):,} | {losses[-1]:.5f} | {min(losses):.5f} | {seconds:.0f} |")
    print(f"\nknowing nothing costs {task.ignorance(given.length):.4f}; {given.steps} steps of {given.batch}\n")
    print("| network | parameters | loss at the end | least | seconds of a core |\n| --- | --- | --- | --- | --- |")
    print("\n".join(rows))


if __name__ == "__main__":
    main()
