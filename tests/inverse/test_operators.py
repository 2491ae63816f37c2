"""Laws of the linear operators: adjoints, decompositions, and what each of them sees."""

import numpy as np
import pytest
import torch
from PIL import Image

from genlab.errors import ConfigError
from genlab.inverse.linear import LinearOperator
from genlab.inverse.observation import Observation, from_unit, observe, to_unit, typed
from genlab.inverse.operators import Downsample, Gaussian, Grey, Identity, Mask

EVENT = (3, 4, 6)


def _mask() -> Mask:
    return Mask(EVENT, torch.rand(4, 6, generator=torch.Generator().manual_seed(1)) < 0.4)


OPERATORS: dict[str, LinearOperator] = {
    "mask": _mask(),
    "mask of channels": Mask(EVENT, torch.tensor([True, False, True]).view(3, 1, 1)),
    "box": Downsample(EVENT, 2),
    "bicubic": Downsample(EVENT, 2, "bicubic"),
    "identity": Identity(EVENT),
    "grey": Grey(EVENT),
    "gaussian": Gaussian(EVENT, 20, seed=3),
    "gaussian, more than values": Gaussian((2, 3), 9),
    "vector": Mask((5,), torch.tensor([True, False, False, True, True])),
}
each = pytest.mark.parametrize("operator", OPERATORS.values(), ids=OPERATORS.keys())


def _random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@each
def test_the_adjoint_is_the_transpose(operator):
    u, y = _random(7, *operator.event), _random(7, operator.count, seed=1)
    left = (operator.forward(u) * y).sum(1)
    right = (u * operator.adjoint(y)).flatten(1).sum(1)
    torch.testing.assert_close(left, right)


@each
def test_the_matrix_is_the_map(operator):
    u = _random(5, *operator.event)
    assert operator.matrix().shape == (operator.count, operator.dim)
    torch.testing.assert_close(u.flatten(1) @ operator.matrix().T, operator.forward(u))


@each
def test_the_decomposition_reproduces_the_map(operator):
    parts, u, y = operator.singular(), _random(4, *operator.event), _random(4, operator.count, seed=2)
    turned = parts.forward(u)
    torch.testing.assert_close(turned.square().sum(1), u.square().flatten(1).sum(1))  # V is orthogonal
    torch.testing.assert_close(parts.backward(turned), u)
    torch.testing.assert_close(parts.measured(operator.forward(u)), parts.values * turned)
    # A^T = V diag(s) U^T
    torch.testing.assert_close(parts.backward(parts.values * parts.measured(y)), operator.adjoint(y))
    rank = torch.linalg.matrix_rank(operator.matrix(), rtol=1e-6)
    assert int((parts.values > 0).sum()) == int(rank)


@each
def test_the_pseudo_inverse_is_that_of_the_matrix(operator):
    y = _random(3, operator.count)
    expected = y @ torch.linalg.pinv(operator.matrix()).T
    torch.testing.assert_close(operator.pseudo_inverse(y).flatten(1), expected, atol=1e-9, rtol=1e-6)


@each
def test_float32_stays_float32(operator):
    u = _random(2, *operator.event).float()
    y = operator.forward(u)
    parts = operator.singular()
    back = (operator.adjoint(y), parts.forward(u), parts.backward(u.flatten(1)), parts.measured(y))
    assert {x.dtype for x in (y, *back)} == {torch.float32}


def test_box_downsampling_is_the_mean_of_blocks():
    u = _random(2, *EVENT)
    expected = torch.nn.functional.avg_pool2d(u, 2)
    torch.testing.assert_close(Downsample(EVENT, 2).forward(u).view(2, 3, 2, 3), expected)


@pytest.mark.parametrize("factor", [2, 4])
def test_bicubic_downsampling_is_that_of_pillow(factor):
    picture = np.random.default_rng(0).random((16, 24), dtype=np.float32)
    small = Image.fromarray(picture).resize((24 // factor, 16 // factor), Image.Resampling.BICUBIC)
    own = Downsample((1, 16, 24), factor, "bicubic").forward(torch.from_numpy(picture)[None, None])
    torch.testing.assert_close(own.view(16 // factor, -1), torch.from_numpy(np.array(small)), atol=1e-5, rtol=0)


def test_grey_of_grey_is_itself():
    flat = _random(2, 1, 4, 6).expand(2, *EVENT)
    torch.testing.assert_close(Grey(EVENT).forward(flat), flat[:, 0].flatten(1))


def test_gaussian_measurements_keep_lengths_on_average_and_depend_on_the_seed_alone():
    u = torch.ones(1, 1, 20, 20, dtype=torch.float64)
    lengths = torch.stack([Gaussian((1, 20, 20), 50, seed).forward(u).square().sum() for seed in range(40)])
    assert abs(lengths.mean().item() / 400 - 1) < 0.1
    torch.testing.assert_close(Gaussian(EVENT, 4, 1).a, Gaussian(EVENT, 4, 1).a, rtol=0, atol=0)


@pytest.mark.parametrize("factor", [1, 3, 4])
def test_a_factor_that_does_not_divide_is_refused(factor):
    with pytest.raises(ConfigError, match="factor="):
        Downsample(EVENT, factor)


def test_noise_has_the_standard_deviation_that_is_said():
    operator, u = Identity((1, 50, 50)), torch.full((4, 1, 50, 50), 0.5)
    seen = observe(operator, u, 0.2, generator=torch.Generator().manual_seed(0))
    assert abs(seen.residual(u).std().item() - 0.2) < 0.01
    assert torch.equal(observe(operator, u, 0.0).y, u.flatten(1))


def test_the_likelihood_of_measurements_is_the_normal_density():
    operator, u = Gaussian((2, 3), 4), _random(5, 2, 3)
    seen = Observation(operator, _random(5, 4, seed=1), 0.3)
    expected = torch.distributions.Normal(operator.forward(u), 0.3).log_prob(seen.y).sum(1)
    torch.testing.assert_close(seen.log_prob(u), expected)
    with pytest.raises(ValueError, match="exact"):
        Observation(operator, seen.y, 0.0).log_prob(u)


def test_rows_and_repeats_keep_measurements_beside_their_example():
    seen = Observation(Identity((2,)), torch.arange(6.0).view(3, 2), 0.1)
    assert torch.equal(seen.repeated(2).y, seen.y[[0, 0, 1, 1, 2, 2]])
    assert torch.equal(seen.rows(torch.tensor([2])).y, seen.y[2:])


def test_the_unit_scale_goes_from_black_to_white_and_back():
    from genlab.data.spaces import DataSpec

    spec = DataSpec((1, 2, 2), 17)
    x = torch.tensor([0, 16, 8, 4], dtype=torch.uint8).view(1, 1, 2, 2)
    assert to_unit(x, spec).flatten().tolist() == [0.0, 1.0, 0.5, 0.25]
    assert torch.equal(typed(to_unit(x, spec), spec), x)
    assert from_unit(torch.tensor([-1.0, 2.0]), spec).tolist() == [0.0, 16.0]
    real = torch.tensor([[-3.0, 2.0]])
    assert torch.equal(typed(to_unit(real, DataSpec((2,), None)), DataSpec((2,), None)), real)
