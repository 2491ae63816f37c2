from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch

from genlab.data.batches import Batch
from genlab.data.dataset import Dataset, Split
from genlab.data.spaces import Label, Tokens
from genlab.models.capabilities import (
    DecodesLatents,
    EncodesLatents,
    ExactLikelihood,
    LikelihoodBound,
    UnnormalisedDensity,
)
from genlab.models.conditions import condition, rows
from genlab.models.denoising import Denoiser
from genlab.models.numerical import AveragedBound
from genlab.restore import Loaded
from genlab.tasks import TASKS, Work
from tests.contracts.catalogue import CATALOGUE, FITTED, Case, score


@pytest.fixture(params=CATALOGUE, ids=lambda case: case.name)
def case(request: pytest.FixtureRequest) -> Case:
    return request.param


def having(*types: type) -> pytest.MarkDecorator:
    """The cases whose model is one of ``types``."""
    cases = [case for case in [*CATALOGUE, *FITTED] if isinstance(case.model(), types)]
    return pytest.mark.parametrize("case", cases, ids=lambda case: case.name)


def trained(*types: type) -> pytest.MarkDecorator:
    """Those of them that are trained by gradient descent."""
    cases = [case for case in CATALOGUE if isinstance(case.model(), types)]
    return pytest.mark.parametrize("case", cases, ids=lambda case: case.name)


ALL = pytest.mark.parametrize("case", [*CATALOGUE, *FITTED], ids=lambda case: case.name)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@ALL
def test_samples_have_the_data_s_type_and_support(case: Case) -> None:
    model = case.model()
    x = model.sample(50, condition(model, case.batch(50)), generator=seeded())
    assert x.shape == (50, *case.spec.event_shape)
    if case.spec.levels is None:
        assert x.dtype == torch.float32
        assert x.isfinite().all()
    else:
        assert x.dtype == torch.uint8
        assert int(x.max()) < case.spec.levels
        assert int(x.min()) < int(x.max())


@ALL
def test_a_picture_of_the_task_depends_on_the_seed_and_its_number_alone(
    case: Case, tmp_path: Path, monkeypatch
) -> None:
    """Neither on how many there are, nor on how many are computed at once."""
    loaded = Loaded(Path(), {}, case.spec, 0, case.model().eval())
    batch = case.batch(30)
    split = Split(batch.x, batch.y, c=batch.c)  # whose vectors are given to draws in turn
    monkeypatch.setattr(Loaded, "dataset", lambda *_, **__: Dataset("any", case.spec, split, split, split))
    with torch.no_grad():
        few, many, other = (
            TASKS["sample"]().draw(Work(loaded, tmp_path, n=n, batch_size=size, seed=seed)).arrays
            for n, size, seed in ((5, 5, 3), (70, 256, 3), (70, 3, 4))
        )
    assert len(many["samples"]) == 70
    for name, array in few.items():
        assert len(array) == 5
        assert (array == many[name][:5]).all(), name
    if case.spec.levels is None:
        assert (many["samples"][:64] != other["samples"][:64]).any()
        assert (many["samples"][:6] != many["samples"][64:]).any(), "a block repeats another"


@ALL
def test_the_same_generator_gives_the_same_samples(case: Case) -> None:
    model = case.model()
    c = condition(model, case.batch(5))
    one, same, other = (model.sample(5, c, generator=seeded(seed)) for seed in (0, 0, 1))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


@ALL
def test_samples_do_not_touch_the_global_random_state(case: Case) -> None:
    model, batch = case.model(), case.batch(4)
    before, c = torch.get_rng_state(), condition(model, batch)
    model.sample(4, c, generator=seeded())
    if isinstance(model, LikelihoodBound):
        model.log_prob_bound(batch.x, 3, c, generator=seeded())
    assert torch.equal(before, torch.get_rng_state())


@having(ExactLikelihood, LikelihoodBound)
def test_likelihoods_and_bounds_are_one_finite_number_of_nats_per_example(case: Case) -> None:
    model, batch = case.model(), case.batch(6)
    values = [score(model, batch, generator=seeded())]
    if isinstance(model, LikelihoodBound):
        values.append(model.log_prob_bound(batch.x, 7, condition(model, batch), generator=seeded()))
    for value in values:
        assert value.shape == (6,)
        assert value.dtype == torch.float32
        assert value.isfinite().all()
        if case.spec.levels is not None:
            assert (value < 0).all()


@having(ExactLikelihood)
def test_an_exact_likelihood_does_not_depend_on_the_batch(case: Case) -> None:
    model, batch = case.model().eval(), case.batch(6)
    one = Batch(*(None if part is None else part[2:3] for part in batch))
    whole, alone = (score(model, part, generator=seeded()) for part in (batch, one))
    assert torch.allclose(alone, whole[2:3], rtol=1e-5, atol=1e-4)


@trained(LikelihoodBound)
def test_more_particles_tighten_the_bound_unless_they_are_averaged(case: Case) -> None:
    model, batch = case.model(), case.batch(400)
    if isinstance(model, AveragedBound):
        assert model.draws(1) == 1
        assert model.draws(10_000) <= model.most
        return
    with torch.no_grad():  # far from initialisation, where posterior and prior nearly agree
        for parameter in model.parameters():
            parameter += 0.15 * torch.randn(parameter.shape, generator=seeded(5))
    c = condition(model, batch)
    few, many = (model.log_prob_bound(batch.x, k, c, generator=seeded()).double() for k in (1, 60))
    gap = many - few
    assert gap.mean() > 3 * gap.std() / len(gap) ** 0.5


@having(LikelihoodBound)
def test_each_example_has_random_numbers_of_its_own(case: Case) -> None:
    """A generator per example: the bound of an example does not depend on its batch."""
    model, batch = case.model(), case.batch(6)
    c = condition(model, batch)

    def bound(chosen: list[int], seed: int = 100) -> torch.Tensor:
        index, generators = torch.tensor(chosen), [seeded(seed + row) for row in chosen]
        return model.log_prob_bound(batch.x[index], 5, rows(c, index), generator=generators)

    whole = bound([0, 1, 2, 3, 4, 5])
    assert torch.allclose(whole[[4, 1]], bound([4, 1]), rtol=1e-5, atol=1e-5)
    assert not torch.allclose(bound([0]), bound([0], seed=7))


@having(DecodesLatents)
def test_latents_encode_and_decode_with_the_right_shapes(case: Case) -> None:
    model, batch = case.model(), case.batch(6)
    assert isinstance(model, DecodesLatents)
    c = condition(model, batch)
    z = model.sample_latents(6, c, generator=seeded())
    if isinstance(model, EncodesLatents):
        z = model.encode(batch.x, c)
    assert z.shape == (6, model.latent_dim)
    x = model.decode(z, c)
    assert x.shape == batch.x.shape
    assert x.is_floating_point()
    if case.spec.levels is not None:
        assert x.min() >= 0
        assert x.max() <= case.spec.levels - 1
    assert model.sample_latents(6, c, generator=seeded()).shape == (6, model.latent_dim)


def repeated(batch: Batch, times: int) -> Batch:
    """Each example so many times."""
    return Batch(*(None if part is None else part.repeat_interleave(times, 0) for part in batch))


@trained(ExactLikelihood, LikelihoodBound)
def test_the_loss_falls_on_eight_examples(case: Case) -> None:
    model, objective, batch = case.model(), case.objective(), case.batch(8)
    noisy = isinstance(model, Denoiser)  # its loss is a mean over noise, which eight draws do not tell
    if noisy:
        batch = repeated(batch, 16)

    def told() -> float:
        torch.manual_seed(1)
        with torch.no_grad():
            return objective(model, repeated(batch, max(1, 128 // case.spec.dim)), step=0).value.item()

    before = told() if noisy else 0.0
    optimiser = torch.optim.Adam(model.parameters(), 1e-2)
    torch.manual_seed(0)
    values = []
    for step in range(120):
        optimiser.zero_grad()
        loss = objective(model, batch, step=step)
        loss.value.backward()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters()), "an unused parameter"
        assert all(not term.requires_grad for term in loss.terms.values())
        optimiser.step()
        values.append(loss.value.item())
    if noisy:  # by the same noise at the same times
        after = told()
        assert after < before - 0.1 * abs(before), (before, after)
        return
    averages = [sum(values[i : i + 10]) / 10 for i in range(110)]  # a flow on eight points grows spikes in the end
    assert min(averages) < 0.9 * sum(values[:3]) / 3


@ALL
def test_weights_saved_and_loaded_give_the_same_samples(case: Case) -> None:
    model, other = case.model(seed=0), case.model(seed=1)
    c = condition(model, case.batch(5))
    expected = model.sample(5, c, generator=seeded())
    assert not torch.equal(expected, other.sample(5, c, generator=seeded()))
    other.load_state_dict(copy.deepcopy(model.state_dict()))
    assert torch.equal(expected, other.sample(5, c, generator=seeded()))


@having(UnnormalisedDensity)
def test_energies_are_one_finite_number_per_example(case: Case) -> None:
    model, batch = case.model().eval(), case.batch(6)
    c = condition(model, batch)
    energy = model.energy(batch.x, c)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = model.energy(batch.x, c)
    assert energy.shape == (6,)
    assert energy.dtype == mixed.dtype == torch.float32
    assert energy.isfinite().all()
    assert torch.allclose(energy, mixed, rtol=0.05, atol=0.05)
    some = torch.tensor([4, 1])
    alone = model.energy(batch.x[some], rows(c, some))
    assert torch.allclose(energy[some], alone, atol=1e-5), "an example depends on its batch"


@trained(UnnormalisedDensity)
def test_every_parameter_of_an_energy_learns(case: Case) -> None:
    model, objective, batch = case.model(), case.objective(), case.batch(8)
    objective.prepare(model)
    loss = objective(model, batch, step=0)
    loss.value.backward()
    # the last bias moves both energies alike, and has a gradient through the penalty only
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters()), "an unused parameter"
    assert all(not term.requires_grad for term in loss.terms.values())


@having(ExactLikelihood, LikelihoodBound)
def test_bfloat16_autocast_keeps_likelihoods_in_float32(case: Case) -> None:
    model, batch = case.model().eval(), case.batch(6)
    full = score(model, batch, generator=seeded())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = score(model, batch, generator=seeded())
    assert mixed.dtype == torch.float32
    assert torch.allclose(full, mixed, rtol=0.05, atol=1.0)


CONDITIONAL = [case for case in [*CATALOGUE, *FITTED] if case.model().given is not None]


def test_there_are_conditional_models_of_every_family_that_takes_a_condition() -> None:
    assert {case.name.partition("-")[0] for case in CONDITIONAL} >= {"cvae", "conditional", "naive"}


@pytest.mark.parametrize("case", CONDITIONAL, ids=lambda case: case.name)
def test_the_condition_changes_what_a_conditional_model_draws_and_scores(case: Case) -> None:
    model, batch = case.model().eval(), case.batch(200)
    c = condition(model, batch)
    assert c is not None
    names = isinstance(model.given, Label | Tokens)  # one after the last is none
    other = (c + 1) % model.given.levels if names else c + 1
    one, two = (model.sample(200, each, generator=seeded()) for each in (c, other))
    assert not torch.equal(one, two)
    if isinstance(model, ExactLikelihood | LikelihoodBound):
        one, two = (
            model.log_prob(batch.x, each)
            if isinstance(model, ExactLikelihood)
            else model.elbo(batch.x, each, generator=seeded())
            for each in (c, other)
        )
        assert (one != two).all()


@pytest.mark.parametrize("case", CONDITIONAL, ids=lambda case: case.name)
def test_a_conditional_model_does_not_do_without_its_condition(case: Case) -> None:
    with pytest.raises(ValueError, match="needs c"):
        case.model().sample(3, generator=seeded())
