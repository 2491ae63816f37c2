"""Laws of models of sequences: nothing sees what is to come, and a reader says what a pass over everything says."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from genlab.data.batches import Batch
from genlab.data.dataset import DataSpec, Split
from genlab.data.lengths import within
from genlab.data.spaces import Frames, Image, Tokens, Vector, Waveform
from genlab.distributions.pixels import uniform
from genlab.models.classical.base import Fitted
from genlab.models.conditions import condition
from genlab.models.sequence import in_steps
from genlab.models.sequence.base import SequenceModel
from genlab.models.sequence.hmm import HMM
from genlab.models.sequence.ngram import NGram
from genlab.models.sequence.rnn import RNN
from genlab.models.sequence.tcn import TCN
from genlab.models.sequence.transformer import Transformer
from genlab.models.sequence.wavenet import WaveNet

SPACES = {
    "tokens": Tokens(9, 5),
    "lines": Tokens(9, 5, ragged=True, end=0),
    "sound": Waveform(9, levels=7),
    "recordings": Waveform(9, levels=7, ragged=True),
    "stereo": Waveform(4, channels=2, levels=7),
    "roll": Frames(9, 4, 2),
    "frames": Frames(9, 3, 5, ragged=False),
    "picture": Image(1, 3, 3, 2),
    "colours": Image(3, 2, 2, 6),
    "vector": Vector(6, 4),
}


@dataclass(frozen=True)
class Case:
    """A small network, away from the symmetric values that it begins with."""

    name: str
    build: Callable[[DataSpec], SequenceModel]

    def model(self, space, **more) -> SequenceModel:
        torch.manual_seed(0)
        model = self.build(DataSpec(space=space, **more))
        if isinstance(model, Fitted):  # is no table of zeros then
            train, val = (Split(each.x, lengths=each.lengths) for each in (batch(space, 60, 9), batch(space, 20, 8)))
            model.fit(train, val, generator=torch.Generator().manual_seed(0))
        model = model.double().eval()
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.requires_grad:
                    parameter += 0.2 * torch.randn(parameter.shape, dtype=parameter.dtype)
        return model


CASES = [
    Case("lstm", lambda spec: RNN(spec, layers=2, width=8)),
    Case("gru", lambda spec: RNN(spec, cell="gru", layers=1, width=8)),
    Case("elman", lambda spec: RNN(spec, cell="rnn", layers=1, width=8)),
    Case("tcn", lambda spec: TCN(spec, levels=2, kernel_size=3, width=8)),
    Case("wavenet", lambda spec: WaveNet(spec, layers=2, cycles=2, width=8, skip_width=8)),
    Case("transformer", lambda spec: Transformer(spec, layers=2, heads=2, width=8)),
    Case("learned positions", lambda spec: Transformer(spec, layers=1, heads=2, width=8, positions="learned")),
]
FITTED = [
    Case("kneser-ney", lambda spec: NGram(spec, order=4)),
    Case("witten-bell", lambda spec: NGram(spec, order=3, smoothing="witten_bell")),
    Case("hidden markov", lambda spec: HMM(spec, states=4, iterations=15, tolerance=1e-9)),
]
each_case = pytest.mark.parametrize("case", [*CASES, *FITTED], ids=lambda case: case.name)
each_network = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
each_space = pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)


def batch(space, n, seed=0, *, ragged=True) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randint(space.levels, (n, *space.shape), generator=generator, dtype=torch.uint8)
    if not (space.ragged and ragged):
        return Batch(x)
    lengths = torch.randint(1, space.length + 1, (n,), generator=generator)
    return Batch(x * within(space, x, lengths), lengths=lengths)


@each_case
@pytest.mark.parametrize("space", [Tokens(3, 3), Frames(2, 2, 2), Image(1, 2, 2, 2)], ids=lambda space: space.kind)
def test_probabilities_sum_to_one(case, space):
    model = case.model(space)
    every = torch.tensor(list(itertools.product(range(space.levels), repeat=space.dim))).view(-1, *space.shape)
    assert model.log_prob(every).exp().sum().item() == pytest.approx(1, abs=1e-9)


@each_case
@each_space
def test_nothing_sees_itself_or_what_is_to_come(case, space):
    model, x = case.model(space), batch(space, 2, ragged=False).x
    before = in_steps.to_steps(space, model.log_prob_per_dim(x))
    changed = in_steps.to_steps(space, x).clone()
    at = changed.shape[1] // 2
    changed[:, at] = (changed[:, at] + 1) % space.levels
    after = in_steps.to_steps(space, model.log_prob_per_dim(in_steps.from_steps(space, changed)))
    assert torch.equal(before[:, :at], after[:, :at])
    assert not torch.allclose(before[:, at + 1], after[:, at + 1])  # but what comes next does see it


@each_case
@pytest.mark.parametrize("name", ["lines", "recordings", "roll"])
def test_a_ragged_batch_scores_as_its_examples_one_by_one(case, name):
    space = SPACES[name]
    model, all_of = case.model(space), batch(space, 6)
    together = model.log_prob(all_of.x, lengths=all_of.lengths)
    axis = 2 if name == "recordings" else 1
    for i, length in enumerate(all_of.lengths.tolist()):
        alone = model.log_prob(all_of.x[i : i + 1].narrow(axis, 0, length))
        torch.testing.assert_close(together[i : i + 1], alone, rtol=1e-10, atol=1e-10)
    terms = model.log_prob_per_dim(all_of.x, lengths=all_of.lengths)
    assert terms.shape == all_of.x.shape
    torch.testing.assert_close(terms.flatten(1).sum(1), together)
    assert not terms[~within(space, all_of.x, all_of.lengths)].any()


@each_case
@each_space
def test_a_pass_over_everything_says_what_a_reader_says_step_by_step(case, space):
    model, x = case.model(space), batch(space, 3, ragged=False).x
    s = in_steps.to_steps(space, x).long()
    torch.testing.assert_close(model.outputs(s, None), SequenceModel.outputs(model, s, None))


@each_case
@each_space
def test_a_reader_says_what_a_pass_over_everything_says(case, space):
    model, x = case.model(space), batch(space, 3, ragged=False).x
    s = in_steps.to_steps(space, x).long()
    whole = model.terms(s, None)
    for cuts in ([1] * s.shape[1], [2, 1, s.shape[1] - 3]):
        reader, at = model.reader(3, None), 0
        for size in cuts:
            said = model.output.log_prob(s[:, at : at + 1], reader.outputs[:, None])
            torch.testing.assert_close(said, whole[:, at : at + 1], rtol=1e-8, atol=1e-8)
            reader.read(s[:, at : at + size])
            at += size


def naive(model: SequenceModel, n: int, c: Tensor | None, generator: torch.Generator) -> Tensor:
    """Each step from a pass over all that was drawn."""
    like = next(model.parameters())
    total = model.length
    u = uniform(total, n, model.output.num_noise, like=like, generator=generator)
    shape = () if model.width is None else (model.width,)
    x = torch.zeros(n, total, *shape, dtype=torch.int64)
    for t in range(total):
        reader = model.reader(n, c)
        if t:
            reader.read(x[:, :t])
        x[:, t] = model.output.draw(reader.outputs, u[t])
    return in_steps.from_steps(model.spec.space, x).to(model.spec.dtype)


@each_case
@pytest.mark.parametrize("name", ["tokens", "stereo", "roll", "colours"])
def test_samples_are_those_of_a_pass_per_step_with_the_same_random_numbers(case, name):
    model = case.model(SPACES[name])
    fast = model.sample(5, generator=torch.Generator().manual_seed(3))
    assert torch.equal(fast, naive(model, 5, None, torch.Generator().manual_seed(3)))
    assert fast.shape == (5, *SPACES[name].shape)
    assert fast.dtype == torch.uint8


@each_case
def test_samples_come_as_often_as_the_model_says(case):
    space = Tokens(2, 3)
    model = case.model(space)
    drawn = model.sample(20_000, generator=torch.Generator().manual_seed(0)).long()
    found = torch.bincount(drawn[:, 0] * 3 + drawn[:, 1], minlength=9) / 20_000
    every = torch.cartesian_prod(torch.arange(3), torch.arange(3))
    p = model.log_prob(every).exp()
    assert ((found - p).abs() < 5 * (p * (1 - p) / 20_000).sqrt()).all()


@each_case
def test_a_prompt_stays_and_what_follows_is_drawn_given_it(case):
    model, prompt = case.model(SPACES["tokens"]), torch.tensor([1, 4, 2])
    drawn = model.draw(4, prompt=prompt, length=30, generator=torch.Generator().manual_seed(0))
    assert drawn.shape == (4, 30)
    assert torch.equal(drawn[:, :3], prompt.expand(4, 3).to(torch.uint8))
    completed = model.complete(drawn[:, :9], torch.arange(9) < 3, generator=torch.Generator().manual_seed(1))
    again = model.draw(4, prompt=prompt, generator=torch.Generator().manual_seed(1))
    assert torch.equal(completed, again)


@each_case
def test_kept_steps_stay_wherever_they_lie(case):
    space = SPACES["picture"]
    model, x = case.model(space), batch(SPACES["picture"], 4).x
    keep = torch.tensor([[0, 1, 0], [1, 1, 0], [0, 0, 1]], dtype=torch.bool)
    done = model.complete(x, keep, generator=torch.Generator().manual_seed(0))
    assert torch.equal(done[:, :, keep], x[:, :, keep])


@each_case
def test_what_is_drawn_ends_with_its_end(case):
    space = SPACES["lines"]
    drawn = case.model(space).sample(50, generator=torch.Generator().manual_seed(0)).long()
    ended = (drawn == 0).long().cumsum(1) > 0
    assert (drawn[ended] == 0).all()
    assert ended.any()


@each_case
def test_only_likely_values_are_drawn_when_asked(case):
    model = case.model(Tokens(1, 5))
    order = model.log_prob(torch.arange(5)[:, None]).sort(descending=True)
    settings = {"generator": torch.Generator().manual_seed(0)}
    assert set(model.draw(500, top_k=2, **settings).flatten().tolist()) == set(order.indices[:2].tolist())
    most = order.values.exp().cumsum(0)[1].item()  # the two likeliest, and nothing more
    assert set(model.draw(500, top_p=most - 1e-6, **settings).flatten().tolist()) == set(order.indices[:2].tolist())
    cold = model.draw(100, temperature=1e-3, **settings).flatten()
    assert (cold == order.indices[0]).all()


@each_network
@pytest.mark.parametrize("kind", ["label", "vector"])
def test_the_condition_changes_what_is_said(case, kind, monkeypatch):
    spec = DataSpec(space=Tokens(5, 4), num_classes=3, condition=Vector(2))
    torch.manual_seed(0)
    build = case.build
    model = _conditional(build, spec, kind)
    x = batch(spec.space, 3).x
    given = Batch(x, torch.tensor([0, 1, 2]), c=torch.randn(3, 2))
    c = condition(model, given)
    one, other = model.log_prob(x, c), model.log_prob(x, c.roll(1, 0))
    assert not torch.allclose(one, other)
    torch.testing.assert_close(one[:1], model.log_prob(x[:1], c[:1]))  # each example has its own
    reader, s = model.reader(3, c), x.long()
    for t, whole in enumerate(model.terms(s, c).unbind(1)):
        torch.testing.assert_close(model.output.log_prob(s[:, t : t + 1], reader.outputs[:, None])[:, 0], whole)
        reader.read(s[:, t : t + 1])
    assert model.sample(3, c, generator=torch.Generator().manual_seed(0)).shape == (3, 5)
    with pytest.raises(ValueError, match="conditional"):
        model.log_prob(x)


def _conditional(build, spec, kind):
    made = build(spec)
    small = {"levels" if isinstance(made, TCN) else "layers": 1, "width": 8}
    more = {"heads": 2} if isinstance(made, Transformer) else {}
    return type(made)(spec, **small, **more, condition=kind).eval()


def test_state_is_carried_on_beyond_where_gradients_are_cut():
    torch.manual_seed(0)
    spec = DataSpec(space=Tokens(12, 4))
    whole, cut = RNN(spec, layers=1, width=8), RNN(spec, layers=1, width=8, truncate=3)
    cut.load_state_dict(whole.state_dict())
    x = batch(spec.space, 2).x
    torch.testing.assert_close(whole.log_prob(x), cut.log_prob(x))
    grads = [torch.autograd.grad(model.log_prob(x).sum(), model.start)[0] for model in (whole, cut)]
    assert not torch.allclose(*grads)


def test_a_transformer_goes_on_when_its_window_is_full():
    torch.manual_seed(0)
    model = Transformer(DataSpec(space=Tokens(6, 5)), layers=1, heads=2, width=8).double().eval()
    s = torch.randint(5, (2, 20), generator=torch.Generator().manual_seed(0))
    reader = model.reader(2, None)
    for t in range(20):
        reader.read(s[:, t : t + 1])
    at_once = model.reader(2, None)
    at_once.read(s)
    torch.testing.assert_close(reader.outputs, at_once.outputs)
    kept = model.reader(2, None)  # it began anew before steps 5, 8, 11, 14 and 17 with two kept
    kept.read(s[:, 15:])
    torch.testing.assert_close(reader.outputs, kept.outputs)


def test_dropout_is_of_training_alone():
    spec = DataSpec(space=Tokens(6, 5))
    model = Transformer(spec, layers=1, heads=2, width=8, dropout=0.5)
    x = batch(spec.space, 2).x
    assert not torch.equal(model.log_prob(x), model.log_prob(x))
    model.eval()
    assert torch.equal(model.log_prob(x), model.log_prob(x))
