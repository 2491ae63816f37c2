"""Players take turns: whose weights move, when, by what, and what nobody may touch."""

from __future__ import annotations

import copy
import csv
import math
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.plugins.precision import MixedPrecision
from rich.console import Console
from torch import Tensor, nn

from genlab.commands import train
from genlab.config.schema.targets import offered, players
from genlab.data.batches import Batch, BatchLoader
from genlab.data.spaces import DataSpec, Split
from genlab.errors import ConfigError, TrainingError
from genlab.models import DCGAN, GAN
from genlab.objectives import Adversarial
from genlab.objectives.base import Loss
from genlab.objectives.penalties import gradient_penalty, r1
from genlab.objectives.players import Game, Player
from genlab.storage import checkpoint
from genlab.training import base
from genlab.training.ema import ramped
from genlab.training.game import GameLoss
from genlab.training.optim import OptimiserRecipe
from genlab.training.windows import Windows

QUIET = Console(quiet=True)
DIGITS = ["model.hidden=[8]", "trainer.max_steps=12", "callbacks.samples.n=2", "logger=csv"]
GAN_ON_DIGITS = ["model=gan", "model.latent_dim=4", *DIGITS]


class Pair(nn.Module):
    """A generator ``a * x`` and a discriminator ``b * u``, with one weight each."""

    def __init__(self, a: float = 1.0, b: float = 0.5) -> None:
        super().__init__()
        self.generator, self.discriminator = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
        with torch.no_grad():
            self.generator.weight.fill_(a)
            self.discriminator.weight.fill_(b)

    @property
    def weights(self) -> tuple[float, float]:
        return self.generator.weight.item(), self.discriminator.weight.item()


class Tug(Game):
    """``L_D = b^2 - b mean(a x)``, ``L_G = b mean(a x)``: every update is known by hand."""

    def __init__(self, *, every: int = 1) -> None:
        super().__init__()
        self.every = every
        self.made: list[tuple[int, bool]] = []
        self.seen: list[tuple[str, float, int]] = []
        self.poison: tuple[str, int] | None = None

    @property
    def players(self) -> tuple[Player, ...]:
        return (
            Player("discriminator", ("discriminator",)),
            Player("generator", ("generator",), every=self.every, moves=True),
        )

    def moves(self, model: nn.Module, batch: Batch, *, step: int) -> dict[str, Tensor]:
        fake = model.generator(batch.x)
        self.made.append((step, fake.requires_grad))
        return {"fake": fake}

    def loss(self, player: str, model: nn.Module, batch: Batch, moves: dict[str, Tensor], *, step: int) -> Loss:
        fake, noise = moves["fake"], torch.rand(())
        self.seen.append((player, noise.item(), step))
        assert fake.requires_grad == (player == "generator")
        on_fake = model.discriminator(fake).mean()
        value = on_fake if player == "generator" else model.discriminator.weight.square().sum() - on_fake
        if self.poison == (player, step):
            return Loss(value * math.nan, {"good": torch.tensor(1.0), "bad": torch.tensor(math.inf)})
        return Loss(value, {"mean": on_fake.detach()})


def bare(plugins: Sequence[Any] = ()) -> pl.Trainer:
    """Lightning's trainer without any of its trimmings."""
    return pl.Trainer(
        accelerator="cpu",
        max_epochs=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        plugins=list(plugins),
    )


def fit(
    game: Game,
    model: nn.Module,
    x: Tensor,
    *,
    steps: int,
    order: tuple[str, ...] = ("discriminator", "generator"),
    lr: float = 0.1,
    plugin: Any = None,
    window: int = 1,
    **settings: Any,
) -> GameLoss:
    """Train on consecutive rows of ``x``, one each step, by plain gradient descent."""
    recipes = {name: OptimiserRecipe("sgd", lr=lr, betas=(0.0, 0.0)) for name in order}
    module = GameLoss(model, game, players=recipes, seed=0, num_batches=steps, **settings)
    loader = BatchLoader(Split(x), batch_size=1, seed=0, num_steps=steps)
    loader.permutation = lambda epoch, *, size, domain="a": torch.arange(size)  # type: ignore[method-assign]
    plugins = [] if plugin is None else [plugin]
    bare(plugins).fit(module, train_dataloaders=Windows(loader, size=window))
    return module


def by_hand(a: float, b: float, batches: list[list[float]], *, order: tuple[str, ...], lr: float = 0.1) -> Any:
    """The updates of `Tug`, one for each list of batches: moves ``a x`` are those before the update."""
    for batch in batches:
        x, before = sum(batch) / len(batch), a
        for name in order:
            if name == "generator":
                a = a - lr * b * x
            else:
                b = b - lr * (2 * b - before * x)
    return a, b


X = torch.tensor([[1.0], [3.0], [-2.0], [0.5], [4.0], [-1.0]])


@pytest.mark.parametrize("order", [("discriminator", "generator"), ("generator", "discriminator")])
def test_the_players_move_in_the_config_s_order_and_see_the_moves_before_the_update(order: tuple[str, ...]) -> None:
    game, model = Tug(), Pair()
    fit(game, model, X, steps=6, order=order)
    expected = by_hand(1.0, 0.5, [[x] for x in X.flatten().tolist()], order=order)
    assert model.weights == pytest.approx(expected, rel=1e-5)
    assert [name for name, _, _ in game.seen[:2]] == list(order)


@pytest.mark.parametrize("order", [("discriminator", "generator"), ("generator", "discriminator")])
def test_accumulated_batches_are_one_large_batch_for_every_player(order: tuple[str, ...]) -> None:
    game, model, x = Tug(), Pair(), X.flatten().tolist()
    module = fit(game, model, X, steps=5, order=order, accumulate=3)
    assert model.weights == pytest.approx(by_hand(1.0, 0.5, [x[:3], x[3:5]], order=order), rel=1e-5)
    assert module.pending == 0


def test_a_step_makes_the_moves_once_and_with_a_graph_only_where_one_is_needed() -> None:
    game = Tug(every=3)
    fit(game, Pair(), X, steps=6)
    assert game.made == [(0, False), (1, False), (2, True), (3, False), (4, False), (5, True)]


def test_turns_come_every_so_many_updates_and_schedules_count_updates() -> None:
    game = Tug(every=3)
    fit(game, Pair(), X, steps=6)
    assert [step for name, _, step in game.seen if name == "generator"] == [2, 5]
    assert [step for name, _, step in game.seen if name == "discriminator"] == list(range(6))


def test_an_update_may_be_nobody_s_turn() -> None:
    class Rare(Tug):
        @property
        def players(self) -> tuple[Player, ...]:
            return (Player("discriminator", ("discriminator",), every=2), super().players[1])

    game, model = Rare(every=2), Pair()
    scaler = torch.amp.GradScaler("cpu", init_scale=4.0)
    fit(game, model, X, steps=3, plugin=MixedPrecision("16-mixed", "cpu", scaler=scaler), measure_every=1)
    assert [step for _, _, step in game.seen] == [1, 1]


def test_random_numbers_of_a_batch_do_not_depend_on_how_batches_are_accumulated() -> None:
    drawn = []
    for accumulate in (1, 3):
        game = Tug()
        fit(game, Pair(), X, steps=6, accumulate=accumulate)
        drawn.append({(name, step): noise for name, noise, step in game.seen})
    assert drawn[0] == drawn[1]
    assert len(set(drawn[0].values())) == 12


@pytest.mark.parametrize("player", ["discriminator", "generator"])
def test_an_update_by_one_player_leaves_the_others_bit_identical(player: str) -> None:
    """Weights, gradients and optimiser of everyone else, and their right to gradients."""
    model = DCGAN(DataSpec((1, 8, 8), 17), latent_dim=3, channels=4)
    module = GameLoss(
        model,
        Adversarial(),
        players={"discriminator": OptimiserRecipe(), "generator": OptimiserRecipe()},
        seed=0,
        num_batches=8,
    )
    other = {"discriminator": "generator", "generator": "discriminator"}[player]
    module.turns = [turn for turn in module.turns if turn.name == player]
    optimisers = module.configure_optimizers
    module.configure_optimizers = lambda: [  # type: ignore[method-assign]
        each for each, name in zip(optimisers()[0], module.recipes, strict=True) if name == f"lr/{player}"
    ]
    kept: dict[str, Any] = {}

    def mark() -> None:
        for parameter in getattr(model, other).parameters():
            parameter.grad = torch.full_like(parameter, 7.0)

    def keep() -> None:
        kept.update({name: copy.deepcopy(value.grad) for name, value in model.named_parameters()})

    module.on_train_start, module.on_train_end = mark, keep  # type: ignore[method-assign]
    before = copy.deepcopy({name: value.detach() for name, value in model.named_parameters()})
    x = torch.randint(17, (32, 1, 8, 8), dtype=torch.uint8)
    bare().fit(module, train_dataloaders=Windows(BatchLoader(Split(x), batch_size=4, seed=0, num_steps=8), size=8))
    for name, value in model.named_parameters():
        assert torch.equal(value, before[name]) == name.startswith(other), name
        assert value.requires_grad
        if name.startswith(other):
            assert torch.equal(kept[name], torch.full_like(value, 7.0))


def test_windows_of_steps_are_invisible(config: Callable, run_dir: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    states = []
    for size in (1, 16):
        monkeypatch.setattr(base, "WINDOW", size)
        run = run_dir(f"window-{size}")
        extra = ["trainer.accumulate_grad_batches=2", "objective.n_critic=2", "callbacks.ema.decay=0.9"]
        train.run(run, config(*GAN_ON_DIGITS, *extra), console=QUIET)
        states.append(checkpoint.read(run / "checkpoints" / "step-000000012.ckpt"))
    for name, value in states[0]["state_dict"].items():
        assert torch.equal(value, states[1]["state_dict"][name])
    steps = [{int(each["step"]) for each in state["state"].values()} for state in states[0]["optimizer_states"]]
    assert steps == [{6}, {3}]


def test_every_player_has_rates_of_its_own_and_schedules_count_batches(config: Callable, run_dir: Callable) -> None:
    run = run_dir("a")
    settings = ["players.generator.schedule=linear", "players.discriminator.lr=4e-4", "trainer.log_every_n_steps=3"]
    train.run(run, config(*GAN_ON_DIGITS, *settings, "objective.n_critic=3"), console=QUIET)
    rows = [row for row in csv.DictReader((run / "metrics.csv").open()) if row["lr/generator"]]
    assert [float(row["lr/generator"]) for row in rows] == pytest.approx([1.5e-4, 1e-4, 5e-5, 0.0], abs=1e-9)
    assert {float(row["lr/discriminator"]) for row in rows} == {4e-4}
    train.run(
        run,
        config(*GAN_ON_DIGITS, *settings, "objective.n_critic=3", "trainer.max_steps=15", "players.generator.lr=1e-3"),
        console=QUIET,
    )
    rows = [row for row in csv.DictReader((run / "metrics.csv").open()) if row["lr/generator"]]
    assert [int(row["step"]) for row in rows] == [3, 6, 9, 12, 15]


@pytest.mark.parametrize("player", ["discriminator", "generator"])
def test_a_non_finite_loss_names_player_and_term_and_moves_no_weight_of_that_player(player: str) -> None:
    game, model = Tug(), Pair()
    game.poison = (player, 2)
    with pytest.raises(TrainingError, match=rf"loss of {player} is nan at step 2 \(term bad\).*players\.{player}\.lr"):
        fit(game, model, X, steps=6)
    a, b = by_hand(1.0, 0.5, [[1.0], [3.0]], order=("discriminator", "generator"))
    assert getattr(model, player).weight.item() == pytest.approx(a if player == "generator" else b, rel=1e-5)


def test_each_player_s_gradient_is_clipped_by_itself() -> None:
    model = Pair(a=10.0, b=10.0)
    fit(Tug(), model, torch.full((1, 1), 5.0), steps=1, lr=1.0, clip=0.25)
    assert model.weights == pytest.approx((10 - 0.25, 10 + 0.25))


def test_a_scaler_is_updated_once_a_step_and_both_players_use_one_scale() -> None:
    """16-mixed: gradients are unscaled before they are clipped, and every step ends with one update."""

    class Counting(torch.amp.GradScaler):
        updates, scales = 0, []

        def update(self, new_scale: Any = None) -> None:
            Counting.updates += 1
            super().update(new_scale)

        def step(self, optimizer: Any, *args: Any, **rest: Any) -> Any:
            Counting.scales.append(self.get_scale())
            return super().step(optimizer, *args, **rest)

    scaler = Counting("cpu", init_scale=4.0, growth_interval=2)
    model = Pair()
    fit(Tug(), model, X, steps=6, plugin=MixedPrecision("16-mixed", "cpu", scaler=scaler))
    assert Counting.updates == 6
    assert Counting.scales == [4.0] * 4 + [8.0] * 4 + [16.0] * 4
    expected = by_hand(1.0, 0.5, [[x] for x in X.flatten().tolist()], order=("discriminator", "generator"))
    assert model.weights == pytest.approx(expected, rel=5e-3)  # half precision


def test_a_scaled_gradient_is_clipped_at_its_own_size() -> None:
    scaler, model = torch.amp.GradScaler("cpu", init_scale=1024.0), Pair(a=10.0, b=10.0)
    plugin = MixedPrecision("16-mixed", "cpu", scaler=scaler)
    fit(Tug(), model, torch.full((1, 1), 5.0), steps=1, lr=1.0, clip=0.25, plugin=plugin)
    assert model.weights == pytest.approx((10 - 0.25, 10 + 0.25))


def test_an_overflow_skips_the_player_s_step_and_lowers_the_scale() -> None:
    scaler, model = torch.amp.GradScaler("cpu", init_scale=2.0**120), Pair()
    fit(Tug(), model, X, steps=1, plugin=MixedPrecision("16-mixed", "cpu", scaler=scaler))
    assert model.weights == (1.0, 0.5)
    assert scaler.get_scale() == 2.0**119


class Slope(Game):
    """The discriminator minimises nothing but a penalty on its slope, the generator its own weight."""

    def __init__(self, penalty: str) -> None:
        super().__init__()
        self.penalty = penalty

    @property
    def players(self) -> tuple[Player, ...]:
        return (Player("discriminator", ("discriminator",)), Player("generator", ("generator",)))

    def moves(self, model: nn.Module, batch: Batch, *, step: int) -> dict[str, Tensor]:
        return {"fake": -batch.x}

    def loss(self, player: str, model: nn.Module, batch: Batch, moves: dict[str, Tensor], *, step: int) -> Loss:
        if player == "generator":
            return Loss(model.generator.weight.square().sum(), {})
        if self.penalty == "r1":
            return Loss(r1(model.discriminator, batch.x), {})
        return Loss(gradient_penalty(model.discriminator, batch.x, moves["fake"]), {})


@pytest.mark.parametrize("penalty", ["r1", "gradient_penalty"])
@pytest.mark.parametrize("precision", ["bf16-mixed", "16-mixed"])
def test_a_penalty_s_gradient_is_that_of_float32(penalty: str, precision: Any) -> None:
    """Bit for bit, its second derivatives included, although the backward pass is within the trainer's autocast."""
    x = torch.randn(1, 8, generator=torch.Generator().manual_seed(0))
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10) if precision == "16-mixed" else None
    after = []
    for plugin in (None, MixedPrecision(precision, "cpu", scaler=scaler)):
        torch.manual_seed(0)
        model = Pair()
        model.discriminator = nn.Sequential(  # type: ignore[assignment]
            nn.Linear(8, 32), nn.Tanh(), nn.Linear(32, 32), nn.SiLU(), nn.Linear(32, 1), nn.Flatten(0)
        )
        start = [p.detach().clone() for p in model.discriminator.parameters()]
        fit(Slope(penalty), model, x, steps=1, plugin=plugin)
        after.append([p.detach() for p in model.discriminator.parameters()])
        assert sum(not torch.equal(p, q) for p, q in zip(start, after[-1], strict=True)) >= 4
    assert all(torch.equal(p, q) for p, q in zip(*after, strict=True))


def test_bf16_mixed_trains_and_judges_in_float32(config: Callable, run_dir: Callable) -> None:
    run = run_dir("a")
    extra = ["trainer.precision=bf16-mixed", "model.norm=layer", "objective.loss=wasserstein_gp"]
    settings = ["model=dcgan", "model.channels=4", *[word for word in DIGITS if "hidden" not in word], *extra]
    summary = train.run(run, config(*settings), console=QUIET)
    assert all(math.isfinite(value) for value in summary["last"].values())
    state = checkpoint.read(run / "checkpoints" / "step-000000012.ckpt")["state_dict"]
    assert all(value.dtype in {torch.float32, torch.int64, torch.bool} for value in state.values())


def test_the_averaged_weights_are_what_is_scored() -> None:
    model = Pair()
    module = fit(Tug(), model, X, steps=3, ema_decay=0.5)
    weights, mean = [1.0], None
    for stop in (1, 2, 3):
        weights.append(
            by_hand(1.0, 0.5, [[x] for x in X.flatten().tolist()[:stop]], order=("discriminator", "generator"))[0]
        )
        decay = ramped(0.5, stop - 1)
        mean = weights[-1] if mean is None else decay * mean + (1 - decay) * weights[-1]
    assert module.scored.generator.weight.item() == pytest.approx(mean, rel=1e-5)


def test_networks_are_compiled_in_place_under_their_own_names(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[nn.Module] = []
    monkeypatch.setattr(nn.Module, "compile", lambda self: compiled.append(self))
    model = GAN(DataSpec((2,), None), hidden=[4])
    names = set(model.state_dict())
    recipes = {"generator": OptimiserRecipe(), "discriminator": OptimiserRecipe()}
    module = GameLoss(model, Adversarial(), players=recipes, seed=0, num_batches=1, compiled=True)
    assert compiled == [model.generator, model.discriminator]
    assert {name.removeprefix("model.") for name in module.state_dict()} == names


@pytest.mark.slow
def test_a_compiled_game_trains(config: Callable, run_dir: Callable) -> None:
    pytest.importorskip("torch._inductor")
    run = run_dir("a")
    summary = train.run(run, config(*GAN_ON_DIGITS, "trainer.compile=true"), console=QUIET)
    straight = train.run(run_dir("b"), config(*GAN_ON_DIGITS), console=QUIET)
    assert summary["last"]["generator"] == pytest.approx(straight["last"]["generator"], rel=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ["model=dcgan", "model.channels=2", "model.spectral_norm=true", "objective.r1=1"],
        ["model=gan", "model.hidden=[8]", "objective.loss=wasserstein_gp", "objective.n_critic=2"],
    ],
    ids=["r1", "wasserstein_gp"],
)
def test_a_compiled_game_may_have_penalties(words: list[str], config: Callable, run_dir: Callable) -> None:
    pytest.importorskip("torch._inductor")
    small = ["data=digits", "data.batch_size=8", "trainer.max_steps=4", "callbacks.samples.n=2", "logger=csv"]
    found = train.run(run_dir("a"), config(*words, *small, "trainer.compile=true"), console=QUIET)["last"]
    straight = train.run(run_dir("b"), config(*words, *small), console=QUIET)["last"]
    assert {"r1", "gradient_penalty"} & found.keys()
    assert found == pytest.approx(straight, rel=1e-3)


def test_players_are_named_as_the_game_names_them() -> None:
    from importlib import import_module

    games = {each.target: players(each.target) for each in offered("objective").values()}
    assert len([target for target, names in games.items() if names]) == 3
    for target, names in games.items():
        if names is None:
            continue
        module, _, name = target.rpartition(".")
        game = getattr(import_module(module), name)()
        assert tuple(player.name for player in game.players) == names
    with pytest.raises(ConfigError, match="players: Tug is played by discriminator, generator"):
        GameLoss(Pair(), Tug(), players={"generator": OptimiserRecipe()}, seed=0, num_batches=1)


def test_a_parameter_that_nobody_updates_is_an_error() -> None:
    model = Pair()
    model.forgotten = nn.Linear(1, 1)
    recipes = {"discriminator": OptimiserRecipe(), "generator": OptimiserRecipe()}
    with pytest.raises(ValueError, match="exactly one player's own"):
        GameLoss(model, Tug(), players=recipes, seed=0, num_batches=1)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["model=gan", "players=null"], r"players: genlab\.objectives\.Adversarial is played by discriminator, gen"),
        (["model=gan", "~players.generator"], r"players: .* is played by discriminator, generator"),
        (["model=gan", "players.generatr.lr=1"], r"unknown key players\.generatr\.lr; did you mean players\.generator"),
        (["model=gan", "players.generator.lr=-1"], r"players\.generator\.lr: input should be greater than 0"),
        (["model=gan", "optim={name: adam}"], r"choose from adam, adamax, adamw, sgd"),
        (["model=gan", "optim=adamw"], r"optim@players\.discriminator=adamw"),
        (["model=vae", "players={generator: ${optim}}"], r"players: genlab\.objectives\.ELBO is no game"),
        (["model=dcgan", "data=toy2d"], "model=dcgan needs images.*it fits data=.*digits"),
        (
            ["model=dcgan", "data=celeba", "data.size=100"],
            r"needs a size that doubling reaches.*celeba with data\.size=8",
        ),
        (
            ["model=conditional_dcgan", "data=celeba"],
            r"condition=label needs labels.*it fits data=.*celeba with data.label",
        ),
        (["model=gan", "data=paired", "data.root=x"], "needs one set of examples.*it fits data=.*digits"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_loaded(
    overrides: list[str], message: str, config: Callable
) -> None:
    with pytest.raises(ConfigError, match=message):
        config(*overrides)


RANKS = """
import sys
from pathlib import Path
import pytorch_lightning as pl, torch
from genlab.data.batches import BatchLoader
from genlab.data.spaces import DataSpec, Split
from genlab.models import DCGAN
from genlab.ops.collectives import average
from genlab.objectives import Adversarial
from genlab.training.ema import ramped
from genlab.training.game import GameLoss
from genlab.training.optim import OptimiserRecipe
from genlab.training.windows import Windows
torch.manual_seed(0)
model = DCGAN(DataSpec((1, 8, 8), 17), latent_dim=3, channels=4, norm="none")
recipes = {name: OptimiserRecipe("sgd", lr=0.1) for name in ("discriminator", "generator")}
module = GameLoss(model, Adversarial(n_critic=2), players=recipes, seed=0, num_batches=4, accumulate=2)
trainer = pl.Trainer(accelerator="cpu", devices=2, strategy="ddp", max_epochs=1, logger=False,
                     enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False)
x = torch.randint(17, (64, 1, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
loader = BatchLoader(Split(x), batch_size=4, seed=0, num_steps=4, rank=trainer.global_rank, world_size=2)
trainer.fit(module, train_dataloaders=Windows(loader, size=1))
halves = [torch.full((2,), float(trainer.global_rank)), torch.full((1, 3), 4.0 * trainer.global_rank)]
average(halves)
assert torch.equal(halves[0], torch.full((2,), 0.5)) and torch.equal(halves[1], torch.full((1, 3), 2.0))
torch.save(dict(model.named_parameters()), Path(sys.argv[1]) / f"rank-{trainer.global_rank}.pt")
"""


@pytest.mark.slow
def test_two_processes_take_the_mean_of_both_players_gradients(tmp_path: Path) -> None:
    """Both ranks end with the same weights, and both players have moved, each by what neither rank alone would do."""
    script = tmp_path / "ranks.py"
    script.write_text(RANKS)
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path)], capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    one, other = (torch.load(tmp_path / f"rank-{rank}.pt", weights_only=True) for rank in (0, 1))
    assert all(torch.equal(value, other[name]) for name, value in one.items())
    torch.manual_seed(0)
    start = dict(DCGAN(DataSpec((1, 8, 8), 17), latent_dim=3, channels=4, norm="none").named_parameters())
    assert all(not torch.equal(value, start[name]) for name, value in one.items())
