"""Laws of bijectors and flows: both directions, the log-determinant by autograd, mass one, integers by their cubes."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from genlab.bijectors import (
    ActNorm,
    AdditiveCoupling,
    AffineCoupling,
    BatchNorm,
    Bijector,
    Chain,
    Checkerboard,
    DiagonalScale,
    EvenOdd,
    Flatten,
    Halves,
    Logit,
    MultiScale,
    Partition,
    Squeeze,
)
from genlab.bijectors.moments import moments
from genlab.data.spaces import DataSpec, Split
from genlab.distributions.priors import StandardLogistic, StandardNormal
from genlab.errors import ConfigError
from genlab.evaluation import likelihood
from genlab.models import Dequantised, Flow, nice, realnvp
from genlab.models.capabilities import ExactLikelihood, LikelihoodBound
from genlab.models.flow.dequantised import NUMBERS_AT_ONCE
from genlab.nn.networks import mlp
from genlab.nn.resnet import ResidualNetwork
from tests.contracts.catalogue import off_identity

PICTURE = (2, 4, 6)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def net(partition: Partition, factor: int, shape: tuple[int, ...]) -> nn.Module:
    if len(shape) == 1:
        return mlp(partition.inputs, [16], factor * partition.moved)
    return ResidualNetwork(partition.inputs, channels=8, outputs=factor * partition.moved, blocks=1)


PARTITIONS: dict[str, tuple[tuple[int, ...], Callable[[int], Partition]]] = {
    "even": ((6,), lambda keep: Halves(6, keep=keep)),
    "odd": ((5,), lambda keep: Halves(5, keep=keep)),
    "plane": ((2,), lambda keep: Halves(2, keep=keep)),
    "channels": (PICTURE, lambda keep: Halves(2, keep=keep)),
    "checkerboard": (PICTURE, lambda keep: Checkerboard(PICTURE, keep=keep)),
}


def affine(partition: Partition, shape: tuple[int, ...]) -> Bijector:
    return AffineCoupling(partition, net(partition, 2, shape))


def additive(partition: Partition, shape: tuple[int, ...]) -> Bijector:
    return AdditiveCoupling(partition, net(partition, 1, shape))


def batchnorm(features: int) -> Bijector:
    made = BatchNorm(features)
    made.mean.normal_()
    made.variance.uniform_(0.3, 3)
    return made


def two_scales() -> Bijector:
    """Squeeze, then half leaves; distinct parameters in every channel show where a number went."""
    return MultiScale([Chain([ActNorm(2), Squeeze(), ActNorm(8)]), ActNorm(4)], shape=PICTURE)


BIJECTORS: dict[str, tuple[tuple[int, ...], Callable[[], Bijector]]] = {
    **{
        f"{kind.__name__}-{name}-{keep}": (
            shape,
            lambda kind=kind, make=make, keep=keep, shape=shape: kind(make(keep), shape),
        )
        for kind in (affine, additive)
        for name, (shape, make) in PARTITIONS.items()
        for keep in (0, 1)
    },
    "actnorm-vector": ((5,), lambda: ActNorm(5)),
    "actnorm-picture": (PICTURE, lambda: ActNorm(2)),
    "batchnorm-vector": ((5,), lambda: batchnorm(5)),
    "batchnorm-picture": (PICTURE, lambda: batchnorm(2)),
    "scale": ((5,), lambda: DiagonalScale(5)),
    "logit": (PICTURE, lambda: Logit(alpha=0.05)),
    "flatten": (PICTURE, lambda: Flatten(PICTURE)),
    "even-odd": ((5,), EvenOdd),
    "squeeze": (PICTURE, Squeeze),
    "multi-scale": (PICTURE, two_scales),
    "chain": ((4,), lambda: Chain([ActNorm(4), affine(Halves(4, keep=0), (4,)), DiagonalScale(4)])),
    "realnvp-vector": ((3,), lambda: realnvp(DataSpec((3,), None), couplings=3, hidden=[8]).bijector),
    "realnvp-picture": ((1, 8, 8), lambda: realnvp(DataSpec((1, 8, 8), 5), couplings=2, channels=2).flow.bijector),
    "nice-vector": ((3,), lambda: nice(DataSpec((3,), None), hidden=[8]).bijector),
}


def perturbed(make: Callable[[], nn.Module]) -> nn.Module:
    """In double precision, away from the identity and from all symmetric values."""
    torch.manual_seed(0)
    module = make().double().eval()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter += 0.3 * torch.randn(parameter.shape)
    return module


def inputs(shape: tuple[int, ...], n: int = 3) -> Tensor:
    return torch.rand(n, *shape, generator=seeded(), dtype=torch.float64)  # in (0, 1), where the logit lives


def slogdet(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """``log |det|`` of the Jacobian at each example, by autograd."""
    values = []
    for example in x:
        jacobian = torch.autograd.functional.jacobian(lambda row: function(row[None]).flatten(), example)
        values.append(torch.linalg.slogdet(jacobian.reshape(x[0].numel(), x[0].numel())).logabsdet)
    return torch.stack(values)


@pytest.mark.parametrize("name", BIJECTORS)
def test_a_bijector_inverts_and_matches_autograd_s_slogdet(name: str) -> None:
    shape, make = BIJECTORS[name]
    bijector, x = perturbed(make), inputs(shape)
    z, log_det = bijector.forward_and_log_det(x)
    again, back = bijector.inverse_and_log_det(z)
    assert log_det.shape == back.shape == (len(x),)
    assert torch.allclose(again, x, atol=1e-9)
    assert torch.allclose(back, -log_det, atol=1e-9)
    assert torch.allclose(log_det, slogdet(lambda row: bijector.forward_and_log_det(row).value, x), atol=1e-8)
    assert torch.allclose(back, slogdet(lambda row: bijector.inverse_and_log_det(row).value, z), atol=1e-8)


@pytest.mark.parametrize("keep", [0, 1])
@pytest.mark.parametrize("name", PARTITIONS)
def test_a_coupling_keeps_one_part_and_moves_the_other_by_it(name: str, keep: int) -> None:
    """The Jacobian is the identity on the rows of A, and on the rows of B diagonal in B and full in A."""
    shape, make = PARTITIONS[name]
    coupling, x = perturbed(lambda: affine(make(keep), shape)), inputs(shape, 1)
    size = x.numel()
    jacobian = torch.autograd.functional.jacobian(lambda row: coupling.forward_and_log_det(row).value, x)
    jacobian = jacobian.reshape(size, size)
    moves = (jacobian != torch.eye(size)).any(1)
    if name == "checkerboard":
        i, j = torch.arange(shape[1])[:, None], torch.arange(shape[2])
        expected = ((i + j) % 2 != keep).expand(shape).flatten()
    else:
        first = torch.arange(shape[0]) < shape[0] - shape[0] // 2
        expected = (first if keep else ~first).repeat_interleave(size // shape[0])
    assert torch.equal(moves, expected)
    within = jacobian[moves][:, moves]
    assert torch.equal(within, within.diagonal().diag())
    assert (jacobian[moves][:, ~moves] != 0).any(1).all()


def test_the_scale_of_an_affine_coupling_is_bounded() -> None:
    """``|s| <= |c|``, whatever the network says."""
    coupling = affine(Halves(4, keep=0), (4,))
    nn.init.constant_(coupling.net[-1].bias, 1e6)
    assert torch.allclose(coupling.forward_and_log_det(torch.randn(3, 4)).log_det, torch.tensor(2.0))


def test_squeeze_makes_channels_of_the_pixels_of_each_square() -> None:
    x = torch.arange(2 * 4 * 4, dtype=torch.float32).view(1, 2, 4, 4)
    z = Squeeze().forward_and_log_det(x).value
    for i, j in ((0, 0), (0, 1), (1, 0), (1, 1)):
        first = (2 * i + j) * 2
        assert torch.equal(z[:, first : first + 2], x[:, :, i::2, j::2])


def test_half_of_the_channels_leave_at_each_scale() -> None:
    bijector = realnvp(DataSpec((1, 16, 16), 256), couplings=1, channels=2).flow.bijector
    assert bijector.shapes == [(2, 8, 8), (4, 4, 4), (4, 4, 4)]
    assert sum(math.prod(shape) for shape in bijector.shapes) == 256
    mnist = realnvp(DataSpec((1, 28, 28), 256), couplings=1, channels=2).flow.bijector
    assert mnist.shapes == [(2, 14, 14), (4, 7, 7), (4, 7, 7)]


@pytest.mark.parametrize("shape", [(3,), (3, 4, 4)])
def test_actnorm_starts_from_its_first_training_batch_and_only_from_that(shape: tuple[int, ...]) -> None:
    x = 3 + 2 * torch.randn(64, *shape, generator=seeded())
    x[:, 2] = 7.0  # constant
    norm = ActNorm(3)
    norm.eval()
    assert torch.equal(norm.forward_and_log_det(x).value, x)
    norm.train()
    mean, variance = moments(norm.forward_and_log_det(x).value)
    assert torch.allclose(mean, torch.zeros(3), atol=1e-5)
    assert torch.allclose(variance, torch.tensor([1.0, 1.0, 0.0]), atol=1e-4)
    before = {name: value.clone() for name, value in norm.state_dict().items()}
    norm.forward_and_log_det(10 * x)
    other = ActNorm(3)
    other.forward_and_log_det(x + 1)  # another batch, and then a checkpoint
    other.load_state_dict(before)
    other.forward_and_log_det(5 * x)
    for module in (norm, other):
        assert all(torch.equal(before[name], value) for name, value in module.state_dict().items())
    fresh = ActNorm(3)
    norm.load_state_dict(fresh.state_dict())
    assert not torch.equal(norm.forward_and_log_det(x).value, x), "the state says that no batch was seen"


@pytest.mark.parametrize("shape", [(3,), (3, 4, 4)])
def test_batchnorm_normalises_by_running_averages_that_include_the_batch(shape: tuple[int, ...]) -> None:
    norm = BatchNorm(3, momentum=0.75, eps=0.0).double()
    x = (3 + 2 * torch.randn(8, *shape, generator=seeded(), dtype=torch.float64)).requires_grad_()
    dims = [0, *range(2, x.ndim)]
    z, log_det = norm.forward_and_log_det(x)
    mean = 0.25 * x.mean(dims)
    variance = 0.75 + 0.25 * x.var(dims, correction=0)
    broadcast = (1, 3, *[1] * (x.ndim - 2))
    expected = (x - mean.view(broadcast)) / variance.sqrt().view(broadcast)
    assert torch.allclose(z, expected)
    gradients = [torch.autograd.grad(value.sin().sum(), x, retain_graph=True)[0] for value in (z, expected)]
    assert torch.allclose(*gradients), "the gradient passes through the batch's share"
    assert torch.allclose(norm.mean, mean)
    assert torch.allclose(norm.variance, variance)
    assert torch.allclose(log_det, -0.5 * variance.log().sum() * math.prod(shape[1:]))
    again, back = norm.inverse_and_log_det(z)  # still in training: the averages have moved already
    assert torch.allclose(again, x)
    assert torch.allclose(back, -log_det)
    assert torch.autograd.grad(log_det.sum(), x)[0].abs().min() > 0
    norm.eval()
    before = norm.mean.clone()
    assert torch.allclose(norm.forward_and_log_det(x).value, z)
    assert torch.equal(norm.mean, before)


def two_halves(rank: int, folder: str) -> None:
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    x = torch.randn(8, 3, generator=seeded(), dtype=torch.float64)[4 * rank : 4 * rank + 4].requires_grad_()
    mean, variance = moments(x)
    (mean.sin() + variance.log()).sum().backward()
    norm = ActNorm(3)
    norm.forward_and_log_det(x.detach().float())
    state = {**norm.state_dict(), "mean": mean.detach(), "variance": variance.detach(), "gradient": x.grad}
    torch.save(state, f"{folder}/{rank}.pt")
    torch.distributed.destroy_process_group()


@pytest.mark.slow
def test_two_processes_share_the_statistics_of_their_batches(tmp_path: Path) -> None:
    torch.multiprocessing.spawn(two_halves, args=(str(tmp_path),), nprocs=2)
    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in (0, 1))
    x = torch.randn(8, 3, generator=seeded(), dtype=torch.float64).requires_grad_()
    mean, variance = moments(x)
    (mean.sin() + variance.log()).sum().backward()
    for state in (first, second):
        assert torch.allclose(state["mean"], mean)
        assert torch.allclose(state["variance"], variance)
        assert state["initialised"].item() == 1
    assert all(torch.equal(first[name], second[name]) for name in ("log_scale", "shift", "mean", "variance"))
    # two losses, each of both halves: the processes' gradients add up to twice that of one
    assert torch.allclose(torch.cat([first["gradient"], second["gradient"]]), 2 * x.grad)


def plane_flow(build: Callable[..., Flow]) -> Flow:
    flow = perturbed(lambda: build(DataSpec((2,), None), hidden=[16], couplings=4))
    assert isinstance(flow, Flow)
    return flow


@torch.no_grad()
@pytest.mark.parametrize("build", [realnvp, nice])
def test_the_density_of_a_plane_flow_integrates_to_one_and_its_samples_follow_it(build: Callable[..., Flow]) -> None:
    """On a grid: the mass, and the mean log-density, which the samples' must be too."""
    flow = plane_flow(build)
    samples = flow.decode(flow.sample_latents(20_000, generator=seeded()))
    low, high = samples.min(0).values - 1, samples.max(0).values + 1
    axes = [torch.linspace(a, b, 701, dtype=torch.float64) for a, b in zip(low.tolist(), high.tolist(), strict=True)]
    log_prob = torch.cat([flow.log_prob(points) for points in torch.cartesian_prod(*axes).split(20_000)])
    cell = ((high - low) / 700).prod().item()
    assert abs(log_prob.exp().sum().item() * cell - 1) < 2e-3
    expected = (log_prob.exp() * log_prob).sum().item() * cell
    found = flow.log_prob(samples)
    assert abs(found.mean().item() - expected) < 4 * found.std().item() / len(found) ** 0.5


@torch.no_grad()
def test_a_flow_without_layers_is_its_prior() -> None:
    x = torch.randn(50, 3, generator=seeded(), dtype=torch.float64)
    scale = DiagonalScale(3).double()
    scale.log_scale.copy_(torch.tensor([0.5, -1.0, 2.0]))
    std = torch.exp(-scale.log_scale)
    normal = Flow(DataSpec((3,), None), bijector=scale, prior=StandardNormal())
    assert torch.allclose(normal.log_prob(x), torch.distributions.Normal(0.0, std).log_prob(x).sum(1))
    logistic = Flow(DataSpec((3,), None), bijector=scale, prior=StandardLogistic())
    log_density = x / std - std.log() - 2 * nn.functional.softplus(x / std)
    assert torch.allclose(logistic.log_prob(x), log_density.sum(1))
    u = torch.sigmoid(logistic.sample(20_000, generator=seeded()) / std)  # the distribution function: uniform
    assert torch.allclose(u.mean(0), torch.full((3,), 0.5, dtype=u.dtype), atol=0.01)
    assert torch.allclose(u.var(0), torch.full((3,), 1 / 12, dtype=u.dtype), atol=0.003)


@torch.no_grad()
@pytest.mark.parametrize("spec", [DataSpec((2,), None), DataSpec((1, 8, 8), 17)])
def test_temperature_scales_the_latents(spec: DataSpec) -> None:
    model = off_identity(realnvp(spec, channels=4, couplings=2))
    cold, warm = (model.sample_latents(9, temperature=t, generator=seeded()) for t in (0.5, 1.0))
    assert torch.equal(cold, 0.5 * warm)
    samples = model.sample(9, temperature=0.5, generator=seeded())
    assert torch.equal(samples, model.decode(cold).to(samples.dtype))
    assert torch.equal(model.sample(9, generator=seeded()), model.decode(warm).to(samples.dtype))


def test_what_a_flow_claims_depends_on_the_data() -> None:
    for build in (realnvp, nice):
        vectors, pixels = build(DataSpec((2,), None)), build(DataSpec((1, 8, 8), 17))
        assert isinstance(vectors, ExactLikelihood)
        assert not isinstance(vectors, LikelihoodBound)
        assert isinstance(pixels, LikelihoodBound)
        assert not isinstance(pixels, ExactLikelihood)
        with pytest.raises(ConfigError, match="it fits data="):
            build(DataSpec((3, 8, 8), 256, None, "paired"))
        with pytest.raises(ConfigError, match="needs two dimensions or more, this data has fewer"):
            build(DataSpec((1,), None))
    with pytest.raises(ValueError, match="wrap it in Dequantised"):
        Flow(DataSpec((1, 8, 8), 17), bijector=Chain([]), prior=StandardNormal())
    with pytest.raises(ConfigError, match="can be halved 3 times"):
        realnvp(DataSpec((1, 8, 8), 17), scales=4)


class Unit(Bijector):
    """Pictures as vectors, with a parameter so that the model has a device."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.flatten = Flatten(shape)
        self.unused = nn.Parameter(torch.zeros(()))

    def forward_and_log_det(self, x: Tensor, c: Tensor | None = None):
        return self.flatten.forward_and_log_det(x)

    def inverse_and_log_det(self, z: Tensor, c: Tensor | None = None):
        return self.flatten.inverse_and_log_det(z)


@pytest.mark.parametrize("alpha", [1e-6, 0.05])
def test_a_uniform_model_scores_8_bits_per_dimension_by_its_terms(alpha: float) -> None:
    """The logit of a uniform number is logistic: all pictures are alike, and 2 alpha of each pixel's mass is lost."""
    spec = DataSpec((1, 4, 4), 256)
    flow = Flow(DataSpec((1, 4, 4), None), bijector=Unit((1, 4, 4)), prior=StandardLogistic())
    model = Dequantised(spec, flow=flow, alpha=alpha)
    split = Split(torch.randint(256, (37, 1, 4, 4), generator=seeded(), dtype=torch.uint8))
    record = likelihood.nll(model, split, split_name="test", num_particles=5, batch_size=10, seed=0)
    bits = likelihood.bpd(record, model)
    assert bits.value == pytest.approx(8 - math.log2(1 - 2 * alpha), abs=1e-5)
    assert bits.standard_error < 1e-6
    assert record.value == pytest.approx(sum(record.terms.values()), rel=1e-12)
    assert set(record.terms) == {"model", "logit", "levels", "dequantisation"}
    assert record.terms["levels"] == pytest.approx(16 * math.log(256), rel=1e-6)
    assert record.terms["dequantisation"] == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize("batch_size", [3, 20])
def test_the_terms_of_a_bound_add_up_and_do_not_depend_on_the_batch(batch_size: int) -> None:
    torch.manual_seed(0)
    model = off_identity(realnvp(DataSpec((1, 8, 8), 17), channels=4, couplings=1)).eval()
    split = Split(torch.randint(17, (20, 1, 8, 8), generator=seeded(), dtype=torch.uint8))
    one, many = (
        likelihood.nll(model, split, split_name="test", num_particles=k, batch_size=batch_size, seed=0)
        for k in (1, NUMBERS_AT_ONCE // 64 + 5)
    )
    whole = likelihood.nll(model, split, split_name="test", num_particles=1, batch_size=20, seed=0)
    assert one.value == pytest.approx(whole.value, rel=1e-6)
    for record in (one, many):
        assert record.value == pytest.approx(sum(record.terms.values()), rel=1e-12)
    assert one.terms["dequantisation"] == pytest.approx(0, abs=1e-3)
    assert many.terms["dequantisation"] < -0.1
    alone = [model.elbo(split.x, generator=seeded()), model.log_prob_bound(split.x, 1, generator=seeded())]
    assert torch.allclose(*alone, rtol=1e-5)
    elbo = likelihood.elbo(model, split, split_name="test", batch_size=batch_size, seed=0)
    assert elbo.value == pytest.approx(-one.value, rel=1e-6)
    assert elbo.terms == pytest.approx({name: -value for name, value in one.terms.items()}, abs=1e-6)


@torch.no_grad()
@pytest.mark.parametrize("alpha", [1e-4, 0.05])
def test_the_bound_reaches_the_mass_of_the_unit_cube(alpha: float) -> None:
    """Two pixels of three levels: probabilities by quadrature; they add up to the mass inside the data's range."""
    spec = DataSpec((1, 1, 2), 3)
    model = perturbed(lambda: realnvp(spec, couplings=2, channels=4, blocks=1, alpha=alpha))
    pictures = torch.cartesian_prod(torch.arange(3), torch.arange(3)).to(torch.uint8).view(9, 1, 1, 2)
    cells = 60
    u = (torch.arange(cells, dtype=torch.float64) + 0.5) / cells
    cube = torch.cartesian_prod(u, u).view(-1, 1, 1, 2)
    exact = []
    for picture in pictures:
        y, log_det = model.logit.forward_and_log_det((picture + cube) / 3)
        exact.append((model.flow.log_prob(y) + log_det - 2 * math.log(3)).exp().mean())
    probability = torch.stack(exact)
    terms = model.log_prob_bound_terms(pictures, 2000, generator=[seeded(i) for i in range(9)])
    bound = sum(term.double() for term in terms.values())
    assert torch.allclose(bound.exp(), probability, rtol=0.05, atol=1e-4)
    assert (bound - terms["dequantisation"] < probability.log()).all()  # the mean of one-particle bounds
    z = model.sample_latents(20_000, generator=seeded())
    w = model.logit.inverse_and_log_det(model.flow.decode(z)).value
    inside = ((w >= 0) & (w < 1)).flatten(1).all(1).double().mean().item()
    assert probability.sum().item() == pytest.approx(inside, abs=0.01)
    assert (inside > 0.99) == (alpha < 0.01)


@torch.no_grad()
def test_pictures_survive_encoding_and_decoding_exactly() -> None:
    torch.manual_seed(0)
    x = torch.randint(256, (5, 3, 8, 8), generator=seeded(), dtype=torch.uint8)
    x[0], x[1] = 0, 255
    for build in (realnvp, nice):
        model = off_identity(build(DataSpec((3, 8, 8), 256), couplings=2))
        z = model.encode(x)
        assert z.shape == (5, model.latent_dim) == (5, 192)
        assert torch.equal(model.decode(z), x.float())
