"""What a schema says of a config that it refuses."""

from __future__ import annotations

from genlab.config.schema import suggest


def test_a_key_is_never_its_own_suggestion():
    known = ["data", "data.root", "data.batch_size", "objective.beta", "optim.lr"]
    assert suggest("data", known) == ""
    assert suggest("optim.lr", known) == ""
    assert suggest("data.subset", known) == ""
    assert suggest("data.rot", known) == "; did you mean data.root?"
