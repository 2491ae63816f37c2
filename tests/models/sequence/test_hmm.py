"""Hidden Markov models against sums over all paths, and EM against what it must do."""

from __future__ import annotations

import itertools

import pytest
import torch

from genlab.data.dataset import DataSpec, Split
from genlab.data.lengths import mask
from genlab.data.spaces import Frames, Tokens
from genlab.models.sequence.forward_backward import Chain, expected
from genlab.models.sequence.hmm import HMM, beginning, improved


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def some_chain(states, width, levels, seed=0):
    shapes = ((states,), (states, states), (states, width, levels))
    return Chain(*(torch.randn(shape, generator=seeded(seed)).double().mul(2).softmax(-1) for shape in shapes))


def held(space, chain):
    """A model of these probabilities."""
    model = HMM(DataSpec(space=space), states=len(chain.start))
    model._hold(chain)
    return model.double()


def drawn(chain, n, length, seed=0):
    """``(n, length, K)``."""
    g = seeded(seed)

    def pick(p):
        return torch.multinomial(p, 1, generator=g)[:, 0]

    state, x = pick(chain.start.expand(n, -1)), []
    for _ in range(length):
        x.append(torch.stack([pick(chain.emission[state, k]) for k in range(chain.emission.shape[1])], 1))
        state = pick(chain.transition[state])
    return torch.stack(x, 1).to(torch.uint8)


def over_all_paths(chain, x):
    """``p(x)`` of one example ``(L, K)``."""
    total = 0.0
    for path in itertools.product(range(len(chain.start)), repeat=len(x)):
        p = chain.start[path[0]]
        for before, state in itertools.pairwise(path):
            p = p * chain.transition[before, state]
        for state, step in zip(path, x.tolist(), strict=True):
            for k, value in enumerate(step):
                p = p * chain.emission[state, k, value]
        total += p.item()
    return total


@pytest.mark.parametrize("space", [Tokens(5, 4), Frames(4, 3, 2, ragged=False), Frames(3, 2, 4, ragged=False)])
def test_the_likelihood_is_the_sum_over_all_paths(space):
    width = space.width if isinstance(space, Frames) else 1
    chain = some_chain(3, width, space.levels)
    x = drawn(chain, 4, space.length)
    found = held(space, chain).log_prob(x if isinstance(space, Frames) else x[..., 0]).exp()
    # what is held is float32
    assert found.tolist() == pytest.approx([over_all_paths(chain, each) for each in x], rel=1e-5)


def test_the_terms_of_a_frame_are_given_the_keys_before_them():
    chain, space = some_chain(3, 3, 2), Frames(1, 3, 2, ragged=False)
    x = torch.tensor([[[1, 0, 1]]], dtype=torch.uint8)
    terms = held(space, chain).log_prob_per_dim(x)[0, 0].exp().tolist()
    of = [
        torch.einsum(
            "s,sk->",
            chain.start,
            chain.emission[:, :k, :].gather(2, x[0].long().T[None, :k].expand(3, -1, -1))[..., 0].prod(1, keepdim=True),
        ).item()
        for k in range(4)
    ]
    assert terms == pytest.approx([of[k + 1] / of[k] for k in range(3)], rel=1e-5)


def ragged(chain, n, length, seed=0):
    x = drawn(chain, n, length, seed)
    inside = mask(torch.randint(1, length + 1, (n,), generator=seeded(seed)), length)
    return x * inside[..., None], inside


@pytest.mark.parametrize(("width", "levels"), [(1, 5), (4, 2), (2, 3)])
def test_no_pass_of_em_makes_the_examples_less_likely(width, levels):
    parts = [ragged(some_chain(3, width, levels), 20, 8, seed) for seed in range(3)]
    chain, values = beginning(parts, some_chain(4, width, levels), 0.1, generator=seeded()), []
    for _ in range(30):
        chain, value = improved(chain, parts, 0.1)
        values.append(value)
    assert all(after >= before - 1e-9 * abs(before) for before, after in itertools.pairwise(values))
    assert values[-1] > values[0] + 10


def test_padding_and_company_change_no_expectation():
    chain = some_chain(3, 1, 4)
    x, inside = ragged(chain, 6, 7)
    together = expected(chain, x, inside)
    assert together.chain.emission.sum().item() == pytest.approx(inside.sum().item())
    assert together.chain.start.sum().item() == pytest.approx(6)
    assert together.chain.transition.sum().item() == pytest.approx(inside.sum().item() - 6)
    apart = [expected(chain, x[i : i + 1, : int(n)], inside[i : i + 1, : int(n)]) for i, n in enumerate(inside.sum(1))]
    for index in range(3):
        torch.testing.assert_close(together.chain[index], sum(each.chain[index] for each in apart))
    torch.testing.assert_close(together.log_prob, sum(each.log_prob for each in apart))


def fitted(space, x, val=None, lengths=None, seed=0, **options):
    model = HMM(DataSpec(space=space), **options)
    train = Split(x, lengths=lengths)
    model.told = model.fit(train, train if val is None else Split(val), generator=seeded(seed))
    return model.double()


@pytest.mark.parametrize("kind", ["tokens", "frames"])
def test_states_that_differ_are_found(kind):
    chain = Chain(
        torch.tensor([0.8, 0.2]).double(),
        torch.tensor([[0.9, 0.1], [0.3, 0.7]]).double(),
        torch.tensor([[[0.85, 0.1, 0.05]], [[0.05, 0.15, 0.8]]]).double()
        if kind == "tokens"
        else torch.tensor([[[0.9, 0.1], [0.8, 0.2], [0.3, 0.7]], [[0.2, 0.8], [0.3, 0.7], [0.8, 0.2]]]).double(),
    )
    x = drawn(chain, 600, 60)
    space = Tokens(60, 3) if kind == "tokens" else Frames(60, 3, 2, ragged=False)
    model = fitted(space, x[..., 0].contiguous() if kind == "tokens" else x, states=2, tolerance=1e-7, smoothing=0.01)
    found = model.chain
    if (found.emission - chain.emission).abs().max() > 0.3:  # the other order
        found = Chain(found.start.flip(0), found.transition.flip(0, 1), found.emission.flip(0))
    for one, other in zip(found, chain, strict=True):
        torch.testing.assert_close(one, other, atol=0.06, rtol=0)


def test_of_several_beginnings_the_one_likeliest_on_held_out_examples_stays():
    x = drawn(some_chain(4, 1, 6), 200, 10)[..., 0]
    settings = {"val": x[100:], "states": 4, "iterations": 8, "seed": 1}
    one, several = (fitted(Tokens(10, 6), x[:100], restarts=n, **settings) for n in (1, 6))
    assert several.log_prob(x[100:]).sum() > one.log_prob(x[100:]).sum() + 0.1


def test_too_many_examples_are_thinned_and_windows_that_overlap_are_read_once():
    text = drawn(some_chain(3, 1, 4), 1, 600)[0, :, 0]
    windows = text.unfold(0, 20, 1)
    model = HMM(DataSpec(space=Tokens(20, 4)), states=2, iterations=1)
    (read, lengths), notes = model._read(Split(windows), seeded())
    assert torch.equal(read.flatten(), text)
    assert lengths.tolist() == [20] * 30
    assert notes == ()
    told = fitted(Tokens(20, 4), windows.contiguous(), states=2, iterations=1, max_examples=50).told
    assert told.notes == ("hmm reads 50 of 581 training examples (model.max_examples)",)
    lengths = torch.arange(581) % 20 + 1
    lines = HMM(DataSpec(space=Tokens(20, 4, ragged=True)), states=2, max_examples=50)
    (read, kept), _ = lines._read(Split(windows * mask(lengths, 20), lengths=lengths), seeded())
    assert ((read[..., 0] > 0) <= mask(kept, 20)).all()
    assert len(kept) == 50


def test_the_fit_is_the_same_whatever_fits_in_memory(monkeypatch):
    chain = some_chain(3, 1, 4)
    x, inside = ragged(chain, 40, 9)
    settings = {"lengths": inside.sum(1), "states": 3, "iterations": 1}
    whole = fitted(Tokens(9, 4, ragged=True), x[..., 0], **settings)
    monkeypatch.setattr("genlab.models.sequence.hmm.AT_ONCE", 100)
    start = Chain(*whole.chain)
    parts = list(whole._parts(x, inside.sum(1)))
    assert len(parts) > 5
    for one, other in zip(improved(start, parts, 0.1)[0], improved(start, [(x, inside)], 0.1)[0], strict=True):
        torch.testing.assert_close(one, other)
    new = drawn(chain, 30, 9, seed=5)[..., 0]
    in_parts = whole.log_prob(new)
    monkeypatch.undo()
    torch.testing.assert_close(in_parts, whole.log_prob(new))
