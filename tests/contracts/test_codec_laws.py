"""Laws of range coding: what is written is read again, at the length that the likelihood says."""

import contextlib
import copy
import math

import pytest
import torch

from genlab.codec.coded import Coded, Examples, Written
from genlab.codec.range_coder import RangeCoder
from genlab.data.dataset import DataSpec
from genlab.data.spaces import Frames, Tokens, Waveform
from genlab.errors import DataError
from genlab.models import HMM, RNN, TCN, Transformer, WaveNet
from genlab.models.codable import Codable
from genlab.models.conditions import condition
from genlab.ops.bars import no_bar
from tests.contracts.catalogue import CATALOGUE, FITTED, Case

N = 5
CODABLE = [case for case in [*CATALOGUE, *FITTED] if isinstance(case.model(), Codable)]


def exact(case: Case) -> tuple[Codable, Examples]:
    model = case.model().eval()
    batch = case.batch(N)
    return copy.deepcopy(model).double(), Examples(batch.x, c=condition(model, batch))


def written(model: Codable, examples: Examples) -> Coded:
    return RangeCoder().encode(model, examples, progress=no_bar)


def read(model: Codable, coded: Coded, examples: Examples, *, at_once: int | None = None) -> torch.Tensor:
    written = Written(coded.payload, coded.facts, len(examples.x), examples.lengths, examples.c, at_once)
    return RangeCoder().decode(model, written, progress=no_bar)


@pytest.mark.parametrize("case", CODABLE, ids=lambda case: case.name)
class TestEveryModel:
    def test_reads_what_it_has_written(self, case):
        model, examples = exact(case)
        coded = written(model, examples)
        assert torch.equal(read(model, coded, examples), examples.x)
        assert torch.equal(read(model, coded, examples, at_once=2), examples.x)

    def test_steps_say_what_a_pass_says(self, case):
        model, examples = exact(case)
        known = model.values(examples.x).long()
        with torch.no_grad():
            whole = torch.cat(list(model.distributions(examples.x, examples.c)), 1).log_softmax(2)
        reading, said, at = model.unfold(N, examples.c), [], 0
        said.append(next(reading))
        with contextlib.suppress(StopIteration):
            while True:  # what was yielded is not written over by what follows
                at, start = at + said[-1].shape[1], at
                said.append(reading.send(known[:, start:at]))
        # levels whose probabilities are cut need not agree
        assert torch.allclose(torch.cat(said, 1).log_softmax(2).clamp_min(-30), whole.clamp_min(-30), atol=1e-9)

    def test_writes_as_many_bits_as_the_likelihood_says(self, case):
        model, examples = exact(case)
        coded = written(model, examples)
        with torch.no_grad():
            nats = -model.log_prob(examples.x, examples.c).sum()
        assert coded.ideal == pytest.approx(float(nats) / math.log(2), rel=1e-6)
        assert len(coded.payload) * 8 <= coded.ideal * 1.001 + 64


TEXT = DataSpec(space=Tokens(12, 7, ragged=True, end=6))
ROLL = DataSpec(space=Frames(9, 5, 2))
SOUND = DataSpec(space=Waveform(20, 2, 16))


def ragged(spec: DataSpec, seed: int = 0) -> Examples:
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.randint(1, spec.event_shape[0] + 1, (N,), generator=generator)
    x = torch.randint(spec.levels, (N, *spec.event_shape), generator=generator).to(spec.dtype)
    inside = torch.arange(spec.event_shape[0]) < lengths[:, None]
    return Examples(torch.where(inside.view(*inside.shape, *[1] * (x.dim() - 2)), x, 0).to(spec.dtype), lengths)


@pytest.mark.parametrize("build", [RNN, TCN, Transformer], ids=lambda build: build.__name__)
@pytest.mark.parametrize("spec", [TEXT, ROLL], ids=["text", "roll"])
def test_padding_is_not_written(build, spec):
    torch.manual_seed(0)
    model = build(spec, width=16).double().eval()
    examples = ragged(spec)
    coded = written(model, examples)
    longest = int(examples.lengths.max())
    assert torch.equal(read(model, coded, examples), examples.x[:, :longest])
    with torch.no_grad():
        nats = -model.log_prob(examples.x, lengths=examples.lengths).sum()
    assert coded.ideal == pytest.approx(float(nats) / math.log(2), rel=1e-6)


@pytest.mark.parametrize("build", [RNN, TCN, WaveNet, Transformer, HMM], ids=lambda build: build.__name__)
def test_sequences_longer_than_the_data_s(build):
    torch.manual_seed(0)
    spec = DataSpec(space=Tokens(12, 7))
    model = (build(spec) if build is HMM else build(spec, width=16)).double().eval()
    if build is HMM:
        for buffer in model.buffers():
            if buffer.is_floating_point():
                buffer.copy_(torch.randn(buffer.shape).double().log_softmax(-1))
    x = torch.randint(7, (3, 40)).to(spec.dtype)
    examples = Examples(x, torch.tensor([40, 39, 12]))
    x[1, 39:], x[2, 12:] = 0, 0
    coded = written(model, examples)
    assert torch.equal(read(model, coded, examples), x)


def test_sound_of_two_channels():
    torch.manual_seed(0)
    model = WaveNet(SOUND, width=16).double().eval()
    x = torch.randint(16, (N, 2, 20)).to(SOUND.dtype)
    assert torch.equal(read(model, written(model, Examples(x)), Examples(x)), x)


def test_a_cut_payload_is_named():
    model, examples = exact(CODABLE[0])
    coded = written(model, examples)
    with pytest.raises(DataError, match="cut"):
        read(model, Coded(coded.payload[:-1], coded.facts, 0.0), examples)
