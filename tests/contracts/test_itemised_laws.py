"""Models that say what each dimension costs: the items are the bill."""

from __future__ import annotations

import pytest
import torch

from genlab.models.capabilities import ItemisedLikelihood
from genlab.models.conditions import condition
from tests.contracts.catalogue import CATALOGUE, FITTED, Case

CASES = [case for case in (*CATALOGUE, *FITTED) if isinstance(case.model(), ItemisedLikelihood)]


def test_there_are_networks_and_tables_among_them() -> None:
    names = {case.name.partition("-")[0] for case in CASES}
    assert names >= {"pixelcnn", "gated", "conditional", "histogram", "naive"}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@torch.no_grad()
def test_the_terms_are_log_probabilities_and_add_up_to_the_likelihood(case: Case) -> None:
    model = case.model().eval()
    assert isinstance(model, ItemisedLikelihood)
    batch = case.batch(5)
    c = condition(model, batch)
    terms = model.log_prob_per_dim(batch.x, c)
    assert terms.shape == (5, *case.spec.event_shape)
    assert (terms <= 1e-6).all()
    assert torch.allclose(terms.flatten(1).sum(1), model.log_prob(batch.x, c), rtol=1e-5)
    # an exact model of the whole picture: a change of the last value changes no term before it
    changed = batch.x.clone()
    changed[:, -1, -1, -1] = ((changed[:, -1, -1, -1].int() + 1) % case.spec.levels).to(torch.uint8)
    after = model.log_prob_per_dim(changed, c)
    assert torch.allclose(after.flatten(1)[:, :-1], terms.flatten(1)[:, :-1], atol=1e-5)
    assert not torch.allclose(after.flatten(1)[:, -1], terms.flatten(1)[:, -1], atol=1e-5)
