"""Energy-based models: ``p(x) = exp(-E(x)) / Z`` with a network for the energy and an unknown ``Z``.

In the coordinates ``u`` of the chain, the energy of a picture is ``f(u)`` on the box ``[-1, 1]^D``, that of a vector

    E(u) = f(u) + |u|^2 / 2,   u = (x - m) / d,

with mean ``m`` and standard deviation ``d`` of the data. ``f`` grows at most linearly, so the Gaussian base measure
makes every such density integrable. Samples are the ends of Langevin chains from noise (`genlab.samplers.Langevin`).
Given a label y, f has one output for each class, ``p(x | y) ~ exp(-f(u)_y)`` (Grathwohl et al., 2020); given a vector,
f reads it beside u.

"A Tutorial on Energy-Based Learning", Y. LeCun, S. Chopra, R. Hadsell, M. Ranzato, F. Huang, 2006,
http://yann.lecun.com/exdb/publis/pdf/lecun-06.pdf
"Implicit Generation and Modeling with Energy-Based Models", Y. Du, I. Mordatch, 2019, https://arxiv.org/abs/1903.08689
"Learning Non-Convergent Non-Persistent Short-Run MCMC Toward Energy-Based Model", E. Nijkamp, M. Hill, S.-C. Zhu,
Y. N. Wu, 2019, https://arxiv.org/abs/1904.09770
"Your Classifier is Secretly an Energy Based Model and You Should Treat it Like One", W. Grathwohl, K.-C. Wang,
J.-H. Jacobsen, D. Duvenaud, M. Norouzi, K. Swersky, 2020, https://arxiv.org/abs/1912.03263
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from genlab.bijectors.coupling import beside
from genlab.data.fits import require
from genlab.data.spaces import DataSpec, Image, Label
from genlab.models.capabilities import SamplesByChain, UnnormalisedDensity
from genlab.models.conditions import check_condition, given_by, width
from genlab.models.ebm.energy_networks import ConvEnergy, VectorEnergy, spectrally_normalised
from genlab.models.scaled import Scaled
from genlab.ops.eval_mode import evaluating
from genlab.ops.random import normal
from genlab.samplers.langevin import Langevin
from genlab.signatures.ranges import NonNegativeFloat, Positive, PositiveFloat

PICTURES = Langevin(step_size=10.0, noise=0.005, clamp=0.03)
"""Du & Mordatch (2019): each step moves a pixel by at most 0.3 of the 2 between black and white."""

VECTORS = Langevin(step_size=0.01)
"""Temperature 1, in units of the data's standard deviation: exact up to the discretisation."""

DETAIL = 8.0
"""Gain of the first layer on vectors: energies that vary over a tenth of a standard deviation from the start."""


class EBM(Scaled, UnnormalisedDensity, SamplesByChain):
    """Energy-based model.

    Args:
        spec: the data's type; decides the network and the chain.
        hidden: widths of the perceptron (behind the convolutions, if any); "auto": [64] for pictures, [128, 128] for
            vectors.
        network: "mlp", "conv", or "auto": convolutions for pictures.
        channels: width of the first convolution.
        spectral_norm: divide each weight by its largest singular value.
        step_size, noise, gradient_clamp: of the chain, see `Langevin`, in the coordinates ``u``; "auto" is `PICTURES`
            or `VECTORS`.
        chain_steps: length of a chain from noise to a sample.
        condition: what the energy is given: "label", "vector" (of vectors), or None.

    Attributes:
        step_scale: what a guard has made of the step size: a buffer, 1 unless training diverged.

    Raises:
        ConfigError: network, condition and data do not fit each other.
    """

    needs = ("one set", "image | vector | waveform | video")
    needs_with = {"network=conv": ("image",), "condition=label": ("labels",), "condition=vector": ("vector condition",)}

    step_scale: Tensor

    def __init__(
        self,
        spec: DataSpec,
        *,
        hidden: Sequence[Positive] | Literal["auto"] = "auto",
        network: Literal["auto", "mlp", "conv"] = "auto",
        channels: Positive = 32,
        spectral_norm: bool = False,
        step_size: PositiveFloat | Literal["auto"] = "auto",
        noise: NonNegativeFloat | Literal["auto"] = "auto",
        gradient_clamp: PositiveFloat | Literal["auto"] | None = "auto",
        chain_steps: Positive | Literal["auto"] = "auto",
        condition: Literal["label", "vector"] | None = None,
    ) -> None:
        super().__init__(spec)
        require(EBM, spec, network=network, condition=condition)
        if hidden == "auto":
            hidden = (64,) if isinstance(spec.space, Image) else (128, 128)
        self.given = given_by(condition, spec)
        classes = self.given.num_classes if isinstance(self.given, Label) else 1
        extra = 0 if isinstance(self.given, Label) else width(self.given)
        self.network: nn.Module
        self.flat = not (isinstance(spec.space, Image) and network != "mlp")
        if self.flat:
            gain = DETAIL if spec.levels is None else 1.0
            self.network = VectorEnergy(spec.dim + extra, hidden=hidden, gain=gain, outputs=classes)
        else:
            depth, *size = spec.event_shape
            self.network = ConvEnergy((depth + extra, *size), channels=channels, hidden=hidden, outputs=classes)
        if spectral_norm:
            self.network = spectrally_normalised(self.network)
        auto = VECTORS if spec.levels is None else PICTURES
        self.langevin = Langevin(
            step_size=auto.step_size if step_size == "auto" else step_size,
            noise=auto.noise if noise == "auto" else noise,
            clamp=auto.clamp if gradient_clamp == "auto" else gradient_clamp,
        )
        self.chain_steps = (200 if spec.levels is None else 300) if chain_steps == "auto" else chain_steps
        self.register_buffer("step_scale", torch.ones(()))
        self._step_scale: float | None = 1.0

    def _load_from_state_dict(self, *args: Any) -> None:
        self._step_scale = None
        super()._load_from_state_dict(*args)

    def scale_steps(self, scale: float) -> None:
        """Set ``step_scale``."""
        self.step_scale.fill_(scale)
        self._step_scale = scale

    def to_chain(self, x: Tensor) -> Tensor:
        """Typed data -> ``u``, float32: levels ``0 ... L - 1`` to ``[-1, 1]``, vectors standardised."""
        return self.to_network(x)

    def inside(self, u: Tensor) -> Tensor:
        """The nearest state of the box for pictures; vectors as they are."""
        return u if self.spec.levels is None else u.clamp(-1, 1)

    def energy_of_chain(self, u: Tensor, c: Tensor | None = None) -> Tensor:
        """``E(u)``, ``(B,)`` float32."""
        check_condition(self.given, c)
        if c is None:
            energy = self.network(u).squeeze(1).float()
        elif isinstance(self.given, Label):
            energy = self.network(u).gather(1, c[:, None]).squeeze(1).float()
        else:
            energy = self.network(beside(u.flatten(1) if self.flat else u, c)).squeeze(1).float()
        return energy if self.spec.levels is not None else energy + 0.5 * u.float().square().flatten(1).sum(1)

    def energy(self, x: Tensor, c: Tensor | None = None) -> Tensor:
        """``E(x)``, ``(B,)``: ``-log p(x)`` up to a constant where the chain's temperature is 1; lower is likelier."""
        return self.energy_of_chain(self.to_chain(x), c)

    def start(self, n: int, *, generator: torch.Generator | None = None) -> Tensor:
        """Initial states ``u: (n, *event_shape)``: uniform on the pictures' box, the base measure for vectors."""
        if self.spec.levels is None:
            return normal(n, *self.spec.event_shape, like=self.step_scale, generator=generator)
        where = self.step_scale.device if generator is None else generator.device
        u = torch.rand(n, *self.spec.event_shape, generator=generator, device=where)
        return (2 * u - 1).to(self.step_scale.device)

    def evolve(
        self,
        u: Tensor,
        c: Tensor | None = None,
        *,
        steps: int,
        generator: torch.Generator | None = None,
        keep: Tensor | None = None,
        observe: Callable[[int, Tensor], None] | None = None,
        repeated: bool = False,
    ) -> Tensor:
        """``u`` after ``steps`` Langevin steps; the energy's parameters and mode are as before.

        Args:
            u: ``(B, *event_shape)`` initial states.
            c: the condition of each.
            steps: length of the chain.
            generator: of the noise.
            keep: bool, broadcast to ``u``: where it is true, the state stays what it is.
            observe: called with ``(k, u_k)`` after each step.
            repeated: see `Langevin.run`.
        """

        def project(state: Tensor) -> Tensor:
            state = self.inside(state)
            return state if keep is None else torch.where(keep, u, state)

        if self._step_scale is None:  # a look at an accelerator's memory would wait for it
            self._step_scale = float(self.step_scale)
        with self._fixed():
            return self.langevin.run(
                lambda state: self.energy_of_chain(state, c),
                u,
                steps=steps,
                generator=generator,
                scale=self._step_scale,
                project=project,
                observe=observe,
                repeated=repeated,
            )

    @contextmanager
    def _fixed(self) -> Iterator[None]:
        """One energy along a whole chain: no power iteration, and normalised weights computed once."""
        with evaluating(self), parametrize.cached():
            yield

    @torch.no_grad()
    def sample(self, n: int, c: Tensor | None = None, *, generator: torch.Generator | None = None) -> Tensor:
        """Ends of ``chain_steps`` steps from noise."""
        u = self.start(n, generator=generator)
        return self.to_data(self.evolve(u, c, steps=self.chain_steps, generator=generator, repeated=True))

    @torch.no_grad()
    def path(
        self,
        n: int,
        c: Tensor | None = None,
        *,
        frames: int,
        start: Tensor | None = None,
        keep: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """The chains on their way; see `SamplesByChain.path`."""
        u = self.start(n, generator=generator)
        if start is not None:
            begin = self.to_chain(start)
            u = begin if keep is None else torch.where(keep, begin, u)
        times = torch.linspace(0, self.chain_steps, frames).round().int().tolist()
        kept = [u] * times.count(0)

        def observe(k: int, state: Tensor) -> None:
            kept.extend([state] * times.count(k))

        self.evolve(u, c, steps=self.chain_steps, generator=generator, keep=keep, observe=observe, repeated=True)
        return self.to_data(torch.stack(kept))
