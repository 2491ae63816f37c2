"""Laws of looking ahead: ratios multiply to the likelihood whatever the Gaussian is, and few particles are lost."""

import pytest
import torch

from genlab.data.spaces import DataSpec
from genlab.inverse import lookahead
from genlab.inverse.lookahead import Lookahead
from genlab.inverse.observation import Observation, observe, to_unit
from genlab.inverse.operators import Downsample, Gaussian, Grey, LinearOperator
from genlab.inverse.pixel_by_pixel import completion
from genlab.models.pixelcnn.pixelcnn import PixelCNN
from genlab.models.sequence.rnn import RNN

N = 40


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _pixelcnn(shape: tuple[int, int, int], levels: int) -> PixelCNN:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return PixelCNN(
            DataSpec(shape, levels), channels=8 * shape[0], blocks=1, kernel_size=3, head_channels=12
        ).eval()


@pytest.mark.parametrize(
    ("shape", "operator"),
    [
        ((1, 4, 6), Downsample((1, 4, 6), 2)),
        ((1, 4, 6), Gaussian((1, 4, 6), 5, seed=2)),
        ((3, 2, 4), Grey((3, 2, 4))),
    ],
    ids=["blocks", "random", "colours in turn"],
)
def test_ratios_multiply_to_the_likelihood_but_for_a_constant(
    shape: tuple[int, int, int], operator: LinearOperator
) -> None:
    model = _pixelcnn(shape, 64)
    u = to_unit(model.sample(N, generator=seeded(1)), model.spec).double()
    seen = observe(operator, u[:1], 0.1, generator=seeded(2)).repeated(N)
    look = Lookahead(model, seen, None, seeded(3))
    levels = (u.flatten(1)[:, look.order] * 63).round().long()
    assert torch.equal(model.values(u * 63).round().long(), levels), "the order is the model's own"
    total = torch.zeros(N, dtype=torch.float64)
    for i in range(model.spec.dim):
        total += look.ratio(i).gather(1, levels[:, i : i + 1])[:, 0]
        look.tell(i, levels[:, i])
    apart = total - seen.log_prob(u)
    assert total.std() > 5
    assert apart.std() < 0.2 * total.std(), "but for the quarter of a level that no variance goes below"


def test_particles_that_look_ahead_are_worth_more() -> None:
    model = _pixelcnn((1, 6, 6), 16)
    operator = Downsample((1, 6, 6), 2)
    seen = observe(operator, to_unit(model.sample(6, generator=seeded(4)), model.spec), 0.05, generator=seeded(5))
    sizes = {}
    for look in (True, False):

        def report(_: str, values: torch.Tensor, look: bool = look) -> None:
            sizes[look] = values.mean().item()

        completion(model, seen, samples=4, look=look, report=report, generator=seeded(6))
    assert sizes[False] < 3
    assert sizes[True] > 5 * sizes[False]


def test_a_sequence_model_of_pictures_looks_ahead_too() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = RNN(DataSpec((1, 4, 4), 4), width=8, layers=1).eval()
    assert lookahead.fits(model)
    seen = Observation(Downsample((1, 4, 4), 2), torch.full((2, 4), 0.5), 0.1)
    draws = completion(model, seen, samples=8, generator=seeded(0))
    assert seen.repeated(8).residual(draws.flatten(0, 1)).square().mean().sqrt() < 0.15


def test_a_covariance_of_few_draws_can_be_inverted_and_nears_that_of_many() -> None:
    factor = torch.randn(30, 30, generator=seeded(0), dtype=torch.float64)
    true = factor @ factor.T
    errors = []
    for n in (10, 20_000):
        draws = torch.randn(n, 30, generator=seeded(n), dtype=torch.float64) @ factor.T
        found = lookahead._covariance(draws)
        assert torch.linalg.eigvalsh(found).min() > 1e-3
        errors.append(((found - true).norm() / true.norm()).item())
    assert errors[1] < 0.05 < errors[0] < 1
