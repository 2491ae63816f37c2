"""Files of an integer flow: exact, of the likelihood's length, whatever goes through the model together."""

from __future__ import annotations

import math

import pytest
import torch

from genlab.codec.coded import Examples, Written
from genlab.codec.part_coder import IntegerCoder
from genlab.errors import ConfigError
from genlab.models.conditions import condition
from genlab.models.integer_parts import IntegerParts
from genlab.ops.bars import no_bar
from tests.contracts.catalogue import CATALOGUE, Case
from tests.models.flow.test_idf import far

pytest.importorskip("constriction")

CASES = [case for case in CATALOGUE if isinstance(case.model(), IntegerParts)]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@torch.no_grad()
def test_what_is_written_is_read_and_as_long_as_the_likelihood_says(case: Case, monkeypatch) -> None:
    monkeypatch.setattr("genlab.codec.part_coder.TOGETHER", 13)
    monkeypatch.setattr("genlab.codec.part_coder.PROBABILITIES", 1 << 14)
    n = 30 if case.spec.dim < 100 else 14  # two blocks and more
    model, batch = far(case.model()).double().eval(), case.batch(n)
    c = condition(model, batch)
    coded = IntegerCoder().encode(model, Examples(batch.x, c=c), progress=no_bar)
    assert coded.ideal == pytest.approx(-model.log_prob(batch.x, c).sum().item() / math.log(2))
    assert len(coded.payload) * 8 <= 1.001 * coded.ideal + 64
    assert len(coded.payload) * 8 >= 0.9 * coded.ideal, "outside their range there is some mass, not a tenth"
    for at_once in (None, 1, 7):
        written = Written(coded.payload, coded.facts, n, c=c, at_once=at_once)
        assert torch.equal(IntegerCoder().decode(model, written, progress=no_bar), batch.x)


def test_integers_beyond_all_tables_are_refused() -> None:
    case = next(case for case in CASES if case.name == "idf-levels")
    model = far(case.model()).double()
    for module in model.modules():
        if hasattr(module, "step"):
            module.step = 1e5
    with pytest.raises(ConfigError, match="to integers from"):
        IntegerCoder().encode(model, Examples(case.batch(10).x), progress=no_bar)
