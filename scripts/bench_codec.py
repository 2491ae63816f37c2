"""What a value costs without the model's pass: ``python scripts/bench.py codec``.

Microseconds for each of 20,000 values of some numbers of levels, of which the log-probabilities are random: those of
the tables of integers, of the coder that writes, of the coder that reads; and megabytes of values a minute, tables and
writing together. Times are those of the process, one thread, medians of five rounds; a JSON line each.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable

import torch

from genlab.codec.frequencies import categorical, constriction, weights

LEVELS = (2, 17, 65, 256)
VALUES = 20_000
ROUNDS = 5


def timed(work: Callable[[], object]) -> float:
    """Microseconds for each value."""
    times = []
    for _ in range(ROUNDS):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return 1e6 * statistics.median(times) / VALUES


def main() -> int:
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(0)
    family, queue = categorical(), constriction().stream.queue
    for levels in LEVELS:
        log_p = torch.randn(VALUES, levels, dtype=torch.float64, generator=generator)
        values = torch.randint(levels, (VALUES,), generator=generator).to(torch.int32).numpy()
        table = weights(log_p)
        whole = queue.RangeEncoder()
        whole.encode(values, family, table)
        words = whole.get_compressed()
        row = {
            "levels": levels,
            "tables": timed(lambda log_p=log_p: weights(log_p)),
            "write": timed(lambda values=values, table=table: queue.RangeEncoder().encode(values, family, table)),
            "read": timed(lambda words=words, table=table: queue.RangeDecoder(words).decode(family, table)),
        }
        row["MB/min"] = 60 / (row["tables"] + row["write"])
        print(json.dumps({key: round(value, 3) for key, value in row.items()}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
