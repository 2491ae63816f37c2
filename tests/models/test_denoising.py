"""Laws of denoisers: on a Gaussian all is known in closed form; guidance mixes what it says."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from genlab.data.spaces import DataSpec, Label, Vector
from genlab.errors import ConfigError
from genlab.models.denoising import Denoiser, nullable_context
from genlab.models.paths import Cosine, GaussianPath, LinearLogSNR, Straight, VarianceExploding, spread_over

PATHS = [LinearLogSNR(most=8, least=-6), Cosine(most=9, least=-7), VarianceExploding(least=0.01, most=20), Straight()]


class OfAGaussian(Denoiser):
    """The optimal denoiser of ``N(mean, std^2 I)``; given a label, the mean is the label."""

    def __init__(self, path: GaussianPath, *, mean: float = 0.5, std: float = 0.7, labels: int | None = None) -> None:
        super().__init__()
        self.path, self.mean, self.std = path, mean, std
        self.spec = DataSpec((2,), None, labels)
        self.given = None if labels is None else Label(labels)

    def expected(self, x: Tensor, t: Tensor, c: Tensor | None, *, hidden: Tensor | None = None) -> Tensor:
        alpha, sigma = spread_over(self.path.alpha(t), x), spread_over(self.path.sigma(t), x)
        mean = self.mean if c is None else spread_over(c.to(x.dtype), x)
        variance = alpha**2 * self.std**2 + sigma**2
        return mean + alpha * self.std**2 * (x - alpha * mean) / variance

    def from_data(self, x: Tensor) -> Tensor:
        return x

    def to_data(self, u: Tensor) -> Tensor:
        return u

    def sample(self, n: int, c: Tensor | None = None, *, generator: torch.Generator | None = None) -> Tensor:
        return self.mean + self.std * torch.randn(n, 2, generator=generator)


def points(n: int = 7) -> tuple[Tensor, Tensor]:
    g = torch.Generator().manual_seed(0)
    return torch.randn(n, 2, generator=g, dtype=torch.float64), torch.linspace(0.05, 0.95, n, dtype=torch.float64)


@pytest.mark.parametrize("path", PATHS, ids=lambda path: type(path).__name__)
def test_the_score_is_that_of_the_noisy_density(path: GaussianPath) -> None:
    model, (x, t) = OfAGaussian(path), points()
    variance = path.alpha(t) ** 2 * model.std**2 + path.sigma(t) ** 2
    expected = -(x - spread_over(path.alpha(t), x) * model.mean) / spread_over(variance, x)
    torch.testing.assert_close(model.score(x, t), expected)


@pytest.mark.parametrize("path", PATHS, ids=lambda path: type(path).__name__)
def test_the_velocity_carries_the_noisy_density(path: GaussianPath) -> None:
    """A point at ``m_t + s_t z`` moves so that z stays what it is: ``dx/dt = m_t' + s_t' z``."""
    model, (x, t) = OfAGaussian(path), points()

    def moments(t: Tensor) -> tuple[Tensor, Tensor]:
        return path.alpha(t) * model.mean, (path.alpha(t) ** 2 * model.std**2 + path.sigma(t) ** 2).sqrt()

    step = 1e-6
    mean, std = (spread_over(each, x) for each in moments(t))
    (m1, s1), (m0, s0) = moments(t + step), moments(t - step)
    z = (x - mean) / std
    expected = spread_over((m1 - m0) / (2 * step), x) + spread_over((s1 - s0) / (2 * step), x) * z
    torch.testing.assert_close(model.velocity(x, t), expected, rtol=1e-6, atol=1e-6)


def test_noise_and_clean_example_make_the_noisy_one() -> None:
    model, (x, t) = OfAGaussian(PATHS[0]), points()
    torch.testing.assert_close(model.path.add_noise(model.denoise(x, t), t, model.noise(x, t)), x)


def test_guidance_of_none_is_the_unconditional_model_and_of_one_the_conditional() -> None:
    path, (x, t) = PATHS[1], points()
    model, free = OfAGaussian(path, labels=3), OfAGaussian(path)
    model.null_dropout = 0.1
    c = torch.tensor([0, 1, 2, 0, 1, 2, 2])
    torch.testing.assert_close(model.score(x, t, c, guidance=0), free.score(x, t), rtol=0, atol=0)
    torch.testing.assert_close(model.denoise(x, t, c, guidance=1), model.expected(x, t, c), rtol=0, atol=0)
    for each in (model.denoise, model.score, model.velocity, model.noise):
        at = [each(x, t, c, guidance=g) for g in (0, 1, 3)]
        torch.testing.assert_close(at[2] - at[0], 3 * (at[1] - at[0]))


def test_guidance_needs_a_null_condition() -> None:
    x, t = points()
    model = OfAGaussian(PATHS[0], labels=3)
    with pytest.raises(ConfigError, match="null_dropout"):
        model.denoise(x, t, torch.zeros(7, dtype=torch.long), guidance=2)
    with pytest.raises(ValueError, match="needs c"):
        model.denoise(x, t)


def test_the_null_condition_is_none_of_the_conditions() -> None:
    like = torch.zeros(3, 2)
    labels = nullable_context(Label(3), torch.arange(3), like=like)
    vectors = nullable_context(Vector(2), torch.zeros(3, 2), like=like)
    assert labels is not None
    assert vectors is not None
    assert labels.shape == (3, 4)
    for given, read in ((Label(3), labels), (Vector(2), vectors)):
        null = nullable_context(given, None, like=like)
        assert null is not None
        assert null.shape == read.shape
        assert (null != read).any(1).all()
    hidden = torch.tensor([True, False, True])
    some = nullable_context(Label(3), torch.arange(3), like=like, hidden=hidden)
    assert some is not None
    assert (some[hidden] == 0).all()
    torch.testing.assert_close(some[~hidden], labels[~hidden])
    assert nullable_context(None, None, like=like) is None
