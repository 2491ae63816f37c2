"""Laws of completions: of a model so small that all its pictures can be counted, they have the true conditional."""

import pytest
import torch

from genlab.data.spaces import DataSpec
from genlab.inverse import pixel_by_pixel
from genlab.inverse.lookahead import Lookahead
from genlab.inverse.observation import Observation, observe, to_unit
from genlab.inverse.operators import Downsample, Gaussian, Identity, LinearOperator, Mask
from genlab.inverse.pixel_by_pixel import completion, exactness, fits
from genlab.models.pixelcnn.pixelcnn import PixelCNN

SHAPE = (1, 4, 2)
N = 4000


@pytest.fixture(scope="module")
def model() -> PixelCNN:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        found = PixelCNN(DataSpec(SHAPE, 2), channels=8, blocks=1, kernel_size=3, head_channels=8)
    with torch.no_grad():
        for parameter in found.parameters():
            parameter.mul_(4)
    return found.eval()


def _all() -> torch.Tensor:
    bits = torch.arange(256)[:, None] >> torch.arange(8)
    return (bits & 1).to(torch.uint8).view(256, *SHAPE)


def _posterior(model: PixelCNN, seen: Observation) -> torch.Tensor:
    """``(256,)``: the probability of each picture."""
    x = _all()
    log_p = model.log_prob(x).double()
    u = to_unit(x, model.spec)
    one = Observation(seen.operator, seen.y.expand(256, -1), seen.noise)
    if seen.noise > 0:
        return (log_p + one.log_prob(u)).softmax(0).detach()
    agrees = one.residual(u).abs().sum(1) < 1e-6
    return torch.where(agrees, log_p, -torch.inf).softmax(0).detach()


def _kept(*rows: str) -> Mask:
    return Mask(SHAPE, torch.tensor([[char == "#" for char in row] for row in rows]))


CASES: dict[str, tuple[LinearOperator, float]] = {
    "the upper half": (_kept("##", "##", "..", ".."), 0.0),
    "the left half": (_kept("#.", "#.", "#.", "#."), 0.0),
    "the lower half": (_kept("..", "..", "##", "##"), 0.0),
    "means of blocks": (Downsample(SHAPE, 2), 0.15),
    "random measurements": (Gaussian(SHAPE, 3, seed=1), 0.4),
    "noise": (Identity(SHAPE), 0.5),
    "the left half with noise": (_kept("#.", "#.", "#.", "#."), 0.4),
}


@pytest.mark.parametrize(("steps", "look"), [(1, True), (4, True), (4, False)])
@pytest.mark.parametrize("case", CASES)
def test_draws_are_of_the_true_posterior(model: PixelCNN, case: str, steps: int, look: bool) -> None:
    operator, noise = CASES[case]
    generator = torch.Generator().manual_seed(1)
    truth = to_unit(model.sample(1, generator=generator), model.spec)
    seen = observe(operator, truth, noise, generator=generator)
    p = _posterior(model, seen)
    draws = completion(model, seen, samples=N, steps=steps, look=look, generator=generator)
    assert draws.shape == (1, N, *SHAPE)
    assert p.max() < 0.9  # or there would be nothing to see
    _check(draws, p)


@pytest.mark.parametrize(("look", "noise"), [(False, 0.2), (True, 0.1)])
def test_particles_that_are_drawn_anew_halfway_count_once(model: PixelCNN, look: bool, noise: float) -> None:
    # what the first rows say is rare: most particles are lost there
    seen = Observation(Downsample(SHAPE, 2), torch.tensor([[0.0, 0.6]]), noise)
    told = []
    draws = completion(
        model,
        seen,
        samples=N,
        particles=3 * N,
        steps=2,
        look=look,
        report=lambda _, size: told.append(size.item()),
        generator=torch.Generator().manual_seed(1),
    )
    assert told[0] < 3 * N / 2
    _check(draws, _posterior(model, seen))


def _check(draws: torch.Tensor, p: torch.Tensor) -> None:
    """Draws are of pictures with these probabilities, but for chance."""
    code = (draws[0].flatten(1).round().long() << torch.arange(8)).sum(1)
    share = torch.bincount(code, minlength=256).double() / N
    apart = (share - p).abs().sum() / 2
    by_chance = (p * (1 - p) / N).sqrt().sum() / 2
    assert apart < 3 * by_chance + 0.01


def test_only_what_comes_first_is_exact(model: PixelCNN) -> None:
    said = {
        case: exactness(model, Observation(operator, torch.zeros(1, operator.count), noise))
        for case, (operator, noise) in CASES.items()
    }
    assert [case for case, word in said.items() if word == "exact"] == ["the upper half"]
    assert all(fits(model, Observation(operator, torch.zeros(1, operator.count), 0)) for operator, _ in CASES.values())


def test_kept_pixels_stay_and_each_example_has_its_own(model: PixelCNN) -> None:
    operator = CASES["the left half"][0]
    x = _all()[[0, 255, 90]]
    seen = observe(operator, to_unit(x, model.spec), 0.0)
    draws = completion(model, seen, samples=5, generator=torch.Generator().manual_seed(0))
    assert torch.equal(operator.forward(draws.flatten(0, 1)), seen.repeated(5).y)


def test_the_effective_sample_size_is_told_and_falls_with_the_noise(model: PixelCNN) -> None:
    told = {}
    for noise in (0.05, 5.0):
        seen = Observation(Gaussian(SHAPE, 3, seed=1), torch.zeros(2, 3), noise)

        def report(name: str, values: torch.Tensor, noise: float = noise) -> None:
            told[noise] = (name, values)

        completion(model, seen, samples=2, particles=50, report=report, generator=torch.Generator().manual_seed(0))
    assert told[5.0][0] == "effective sample size"
    assert told[5.0][1].shape == (2,)
    assert (told[5.0][1] > 40).all()
    assert (told[0.05][1] < told[5.0][1]).all()


def test_weights_make_up_for_a_wrong_gaussian(model: PixelCNN, monkeypatch: pytest.MonkeyPatch) -> None:
    right = Lookahead.ratio

    def wrong(self: Lookahead, i: int) -> torch.Tensor:
        return right(self, i) + (1.0 + self.without.eps[:, :1]) * self.levels  # more of white, the more white there is

    monkeypatch.setattr(Lookahead, "ratio", wrong)
    _check_drawn_anew(model, monkeypatch, Downsample(SHAPE, 2), particles=8 * N)


@pytest.mark.parametrize("case", ["means of blocks", "random measurements", "the left half with noise"])
def test_particles_take_what_they_know_along(model: PixelCNN, case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    size = _check_drawn_anew(model, monkeypatch, CASES[case][0], particles=4 * N)
    assert size > 0.6 * 4 * N


def _check_drawn_anew(
    model: PixelCNN, monkeypatch: pytest.MonkeyPatch, operator: LinearOperator, *, particles: int
) -> float:
    """Draws are right also where particles are drawn anew after every row; the effective sample size."""
    told: list[float] = []
    monkeypatch.setattr(pixel_by_pixel, "ANEW", 2.0)
    generator = torch.Generator().manual_seed(1)
    seen = observe(operator, to_unit(model.sample(1, generator=generator), model.spec), 0.3, generator=generator)
    draws = completion(
        model,
        seen,
        samples=N,
        particles=particles,
        steps=4,
        report=lambda _, size: told.append(size.item()),
        generator=generator,
    )
    _check(draws, _posterior(model, seen))
    return told[0]
