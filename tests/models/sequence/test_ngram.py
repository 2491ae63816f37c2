"""N-grams against counts by hand, chains whose transitions are known, and the published numbers of a text."""

from __future__ import annotations

import itertools
import math
import os
from collections import defaultdict
from pathlib import Path

import pytest
import torch

from genlab.data.dataset import DataSpec, Split
from genlab.data.spaces import Frames, Image, Tokens, Waveform
from genlab.errors import ConfigError
from genlab.models.sequence.ngram import NGram

BOTH = pytest.mark.parametrize("smoothing", ["kneser_ney", "witten_bell"])


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def fitted(space, x, *, val=None, lengths=None, y=None, num_classes=None, **options):
    model = NGram(DataSpec(space=space, num_classes=num_classes), **options)
    train = Split(x, y, lengths=lengths)
    model.chosen = model.fit(train, train if val is None else Split(val), generator=seeded()).chosen
    return model.double()


def chain(n, length, *, order=2, symbols=3, seed=0):
    """Examples of a Markov chain with ``order - 1`` symbols of memory, and its transitions, the next symbol last."""
    g = seeded(seed)
    p = torch.rand(*[symbols] * order, generator=g, dtype=torch.float64) ** 3
    p /= p.sum(-1, keepdim=True)
    x = torch.randint(symbols, (n, length), generator=g)
    for t in range(order - 1, length):
        now = p[tuple(x[:, t - m] for m in range(order - 1, 0, -1))].expand(n, symbols)
        x[:, t] = torch.multinomial(now, 1, generator=g)[:, 0]
    return x.to(torch.uint8), p


def by_hand(examples, order, symbols, smoothing):
    """``p(symbol, context)`` from dictionaries; a context is a tuple, the oldest first, that may begin with None."""
    counts, before = defaultdict(int), defaultdict(set)
    for example in examples:
        marked = (None, *example)
        for t in range(1, len(marked)):
            for m in range(min(order - 1, t) + 1):
                counts[marked[t - m : t + 1]] += 1
                if t - m > 0:
                    before[marked[t - m : t + 1]].add(marked[t - m - 1])
    types = {gram: len(each) for gram, each in before.items()}

    def discounts(table, length):
        n = [sum(len(gram) == length and count == i for gram, count in table.items()) for i in range(1, 5)]
        if 0 in n:
            return (0, 0.5, 1.0, 1.5)
        y = n[0] / (n[0] + 2 * n[1])
        d = [i - (i + 1) * y * n[i] / n[i - 1] for i in (1, 2, 3)]
        return (0, *d) if min(d) > 0 else (0, 0.5, 1.0, 1.5)

    def p(symbol, context, table):
        lower = p(symbol, context[1:], counts if smoothing == "witten_bell" else types) if context else 1 / symbols
        after = [table.get((*context, s), 0) for s in range(symbols)]
        if sum(after) == 0:
            return lower
        if smoothing == "witten_bell":
            new = sum(count > 0 for count in after)
            return (after[symbol] + new * lower) / (sum(after) + new)
        d = discounts(table, len(context) + 1)
        taken = sum(d[min(count, 3)] for count in after)
        return (after[symbol] - d[min(after[symbol], 3)] + taken * lower) / sum(after)

    return lambda symbol, context: p(symbol, context, counts)


@BOTH
@pytest.mark.parametrize("order", [1, 2, 4])
def test_probabilities_are_those_counted_by_hand(smoothing, order):
    x, _ = chain(30, 6, order=3, seed=1)
    model = fitted(Tokens(6, 3), x, order=order, smoothing=smoothing)
    p = by_hand([tuple(row) for row in x.tolist()], order, 3, smoothing)
    new, _ = chain(8, 6, order=1, seed=2)  # whose contexts are not all known
    for row, terms in zip(new.tolist(), model.log_prob_per_dim(new).exp().tolist(), strict=True):
        marked = (None, *row)
        expected = [p(row[t], marked[max(0, t + 2 - order) : t + 1]) for t in range(6)]
        assert terms == pytest.approx(expected, abs=1e-6)  # discounts are held in float32


@BOTH
def test_what_follows_a_context_sums_to_one(smoothing):
    x, _ = chain(40, 7, order=3)
    model = fitted(Tokens(7, 3), x, order=4, smoothing=smoothing)
    for context in itertools.product(range(3), repeat=4):
        reader = model.reader(1, None)
        reader.read(torch.tensor([context]))
        assert reader.outputs.exp().sum().item() == pytest.approx(1, abs=1e-12)
    assert NGram(DataSpec(space=Tokens(7, 3))).num_roots == 1


def test_order_1_is_frequencies_with_something_for_what_never_came():
    x = torch.tensor([[0, 0, 1], [0, 1, 0]], dtype=torch.uint8)
    model = fitted(Tokens(3, 4), x, order=1, smoothing="witten_bell")
    said = model.reader(1, None).outputs.exp()[0].tolist()
    assert said == pytest.approx([(4 + 0.5) / 8, (2 + 0.5) / 8, 0.5 / 8, 0.5 / 8])


@BOTH
def test_the_transitions_of_a_chain_are_found(smoothing):
    x, p = chain(300, 200)
    model = fitted(Tokens(200, 3), x, order=2, smoothing=smoothing)
    reader = model.reader(3, None)
    reader.read(torch.arange(3)[:, None])
    torch.testing.assert_close(reader.outputs.exp(), p, atol=0.01, rtol=0)


@BOTH
@pytest.mark.parametrize("order", [1, 2, 3])
def test_the_order_of_a_chain_is_found(smoothing, order):
    x, _ = chain(500, 100, order=order)
    model = fitted(Tokens(100, 3), x[:100], val=x[100:], smoothing=smoothing)
    assert model.chosen == {"order": order}
    fixed = fitted(Tokens(100, 3), x[:100], order=order, smoothing=smoothing)
    torch.testing.assert_close(model.log_prob(x[100:]), fixed.log_prob(x[100:]))


@BOTH
def test_windows_that_overlap_are_counted_once_as_the_text_that_they_are_of(smoothing):
    text, new = chain(1, 500)[0][0], chain(5, 20, seed=3)[0]
    windows = text.unfold(0, 20, 3)
    model = fitted(Tokens(20, 3), windows, order=4, smoothing=smoothing)
    assert int(model.counts[0].sum()) == 500 + 499 + 498 + 497
    terms = model.log_prob_per_dim(new)
    # what was before a window is not known: its first symbol is like any, the next given that one alone
    for order in (1, 2, 3):
        lower = fitted(Tokens(20, 3), windows, order=order, smoothing=smoothing)
        torch.testing.assert_close(terms[:, :order], lower.log_prob_per_dim(new)[:, :order])
    if smoothing == "witten_bell":  # Kneser and Ney's discounts are of all n-grams, and an example has a first one
        example = fitted(Tokens(500, 3), text[None], order=4, smoothing=smoothing)
        torch.testing.assert_close(terms[:, 3:], example.log_prob_per_dim(new)[:, 3:])


@BOTH
def test_the_beginning_of_an_example_is_a_context(smoothing):
    x = torch.tensor([[2, 0, 1, 0, 1, 0]], dtype=torch.uint8).expand(50, 6).contiguous()
    model = fitted(Tokens(6, 3), x, order=3, smoothing=smoothing)
    assert model.log_prob_per_dim(x[:1])[0].exp().tolist() == pytest.approx([1] * 6, abs=0.05)


def test_padding_is_not_counted():
    space, x = Tokens(9, 3, ragged=True), chain(50, 9)[0]
    lengths = torch.randint(1, 10, (50,), generator=seeded())
    long = torch.cat([x, x.new_full((50, 3), 2)], 1)
    one, other = (fitted(space, each, lengths=lengths, order=3) for each in (x, long))
    assert int(one.counts[0].sum()) > 0
    for name, value in one.state_dict().items():
        assert torch.equal(value, other.state_dict()[name]), name


@BOTH
def test_each_key_of_a_frame_and_each_channel_and_label_is_a_model_of_its_own(smoothing):
    x = torch.stack([chain(60, 8, symbols=2, seed=seed)[0] for seed in range(3)], 2)
    new = x[torch.arange(3)] ^ 1
    settings = {"order": 3, "smoothing": smoothing}
    alone = [fitted(Tokens(8, 2), x[..., key].contiguous(), **settings) for key in range(3)]
    expected = sum(model.log_prob(new[..., key]) for key, model in enumerate(alone))
    # discounts are of all keys: their tallies are alike here only where both fall back
    keys = fitted(Frames(8, 3, 2), x, **settings)
    tolerance = {"atol": 1e-9, "rtol": 0} if smoothing == "witten_bell" else {"atol": 0.1, "rtol": 0.05}
    torch.testing.assert_close(keys.log_prob(new), expected, **tolerance)
    label = torch.arange(3).repeat_interleave(60)
    told = fitted(Tokens(8, 2), x.permute(2, 0, 1).flatten(0, 1), y=label, num_classes=3, condition="label", **settings)
    for key, model in enumerate(alone):
        said = told.log_prob(new[..., key], torch.full((3,), key))
        torch.testing.assert_close(said, model.log_prob(new[..., key]), **tolerance)


def test_channels_have_counts_of_their_own():
    left = torch.zeros(40, 6, dtype=torch.uint8)
    stereo = fitted(Waveform(6, channels=2, levels=3), torch.stack([left, left + 2], 1), order=1)
    assert stereo.sample(20, generator=seeded())[:, 0].float().mean() < 0.2
    assert stereo.sample(20, generator=seeded())[:, 1].float().mean() > 1.8
    colours = fitted(Image(3, 2, 2, 4), torch.stack([torch.full((40, 2, 2), i) for i in (0, 1, 3)], 1).byte(), order=1)
    means = colours.sample(50, generator=seeded()).float().mean((0, 2, 3))
    assert (means - torch.tensor([0.0, 1.0, 3.0])).abs().max() < 0.2


def test_more_n_grams_than_fit_are_refused(monkeypatch):
    monkeypatch.setattr("genlab.models.sequence.ngram.MOST_GRAMS", 5)
    x = chain(20, 8)[0]
    with pytest.raises(ConfigError, match=r"model\.order=4: .* give a lower order"):
        fitted(Tokens(8, 3), x, order=4)
    model = fitted(Tokens(8, 3), x)  # "auto" stops there
    assert model.chosen["order"] <= 2


@pytest.mark.slow
@pytest.mark.skipif("GENLAB_DATA" not in os.environ, reason="needs tinyshakespeare/input.txt under GENLAB_DATA")
def test_a_text_takes_the_bits_that_were_measured_elsewhere():
    """The last tenth of tinyshakespeare given the rest, with 1 ... 6 symbols of context by Witten and Bell."""
    path = Path(os.environ["GENLAB_DATA"]) / "tinyshakespeare" / "input.txt"
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    text = path.read_text(encoding="utf-8")
    symbols = sorted(set(text))
    x = torch.tensor([symbols.index(each) for each in text], dtype=torch.uint8)
    cut = int(0.9 * len(x))
    space = Tokens(256, len(symbols), coding="characters")
    for order, expected in enumerate((3.586, 2.956, 2.559, 2.408, 2.450, 2.567), 2):
        bits = {}
        for smoothing in ("witten_bell", "kneser_ney"):
            model = fitted(space, x[:cut].unfold(0, 256, 16), order=order, smoothing=smoothing)
            bits[smoothing] = -model.log_prob(x[None, cut:]).item() / (len(x) - cut) / math.log(2)
        assert bits["witten_bell"] == pytest.approx(expected, abs=6e-4)
        assert bits["kneser_ney"] < bits["witten_bell"]
