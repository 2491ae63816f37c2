"""The forward-backward algorithm, and what its expectations make of a hidden Markov model.

    p(x, z) = p(z_1) p(x_1 | z_1) prod_(t>1) p(z_t | z_(t-1)) p(x_t | z_t),      p(x_t | z_t) = prod_k p(x_tk | z_t)

    forward:   f_t(s) = p(z_t = s | x_1 ... x_t) = p(z_t = s | x_<t) p(x_t | s) / n_t,      n_t = p(x_t | x_<t)
    backward:  b_t(s) = sum_s' p(s' | s) p(x_(t+1) | s') b_(t+1)(s') / n_(t+1),             b_T(s) = 1
    p(z_t = s | x) = f_t(s) b_t(s)

Each step is divided by its n_t, so that nothing underflows, in float64; examples are read side by side.

"A Maximization Technique Occurring in the Statistical Analysis of Probabilistic Functions of Markov Chains", L. E.
Baum, T. Petrie, G. Soules, N. Weiss, 1970, https://doi.org/10.1214/aoms/1177697196; "A Tutorial on Hidden Markov Models
and Selected Applications in Speech Recognition", L. R. Rabiner, 1989, https://doi.org/10.1109/5.18626
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor


class Chain(NamedTuple):
    """Probabilities, ``float64``, that sum to one along the last dimension; S states.

    Attributes:
        start: ``(S,)``, of the first state.
        transition: ``(S, S)``, from row to column.
        emission: ``(S, K, V)``, of each of the K values of a step given the state.
    """

    start: Tensor
    transition: Tensor
    emission: Tensor

    def log_prior(self, pseudo: float) -> Tensor:
        """What as many further observations of everything, ``pseudo``, add to the log-likelihood."""
        return pseudo * sum((each.log().sum() for each in self), torch.zeros(()))


class Forward(NamedTuple):
    """What a pass from the first step to the last says of ``(B, L)`` steps.

    Attributes:
        predicted: ``p(z_t | x_<t)``, ``(B, L, S)``.
        filtered: ``p(z_t | x_1 ... x_t)``, ``(B, L, S)``.
        ratio: ``p(x_t | z_t) / p(x_t | x_<t)``, ``(B, L, S)``; 1 in the padding.
        log_norm: ``log p(x_t | x_<t)``, ``(B, L)``; 0 in the padding.
    """

    predicted: Tensor
    filtered: Tensor
    ratio: Tensor
    log_norm: Tensor


class Counts(NamedTuple):
    """How often states are expected to begin, follow each other and emit each value; and how likely the examples are.

    Attributes:
        chain: the counts, shaped as the probabilities that they become.
        log_prob: nats of all examples.
    """

    chain: Chain
    log_prob: Tensor

    def most_likely(self, pseudo: float) -> Chain:
        """The probabilities of the counts, with ``pseudo`` further observations of everything."""
        more = (count + pseudo for count in self.chain)
        return Chain(*(count / count.sum(-1, keepdim=True) for count in more))


def log_emissions(chain: Chain, x: Tensor) -> Tensor:
    """``log p(x_t | z_t)`` of steps ``x (..., K)``: ``(..., S)``."""
    log_e = chain.emission.log()
    if x.shape[-1] == 1:
        return log_e[:, 0].T[x[..., 0].long()]
    return torch.stack([(x == v).double() @ log_e[:, :, v].T for v in range(log_e.shape[2])]).sum(0)


def forward(chain: Chain, x: Tensor, inside: Tensor | None = None) -> Forward:
    """A pass over steps ``x (B, L, K)``, of which those ``inside (B, L)`` are no padding."""
    log_b = log_emissions(chain, x)
    most = log_b.amax(2)
    b = (log_b - most[..., None]).exp_()
    if inside is not None:
        b = torch.where(inside[..., None], b, 1.0)
        most = torch.where(inside, most, 0.0)
    predicted, filtered, norm = torch.empty_like(b), torch.empty_like(b), torch.empty_like(most)
    now = chain.start.expand(len(x), -1)
    for t in range(x.shape[1]):
        predicted[:, t] = now
        joint = now * b[:, t]
        norm[:, t] = joint.sum(1)
        filtered[:, t] = joint / norm[:, t, None]
        now = filtered[:, t] @ chain.transition
    return Forward(predicted, filtered, b.div_(norm[..., None]), norm.log_() + most)


def expected(chain: Chain, x: Tensor, inside: Tensor) -> Counts:
    """The counts that the posterior of the states expects of steps ``x (B, L, K)``; see `forward`."""
    passed = forward(chain, x, inside)
    back, ahead = torch.empty_like(passed.ratio), passed.ratio  # ahead becomes ratio * back
    now = torch.ones_like(back[:, 0])
    for t in reversed(range(x.shape[1])):
        back[:, t] = now
        ahead[:, t] *= now
        now = ahead[:, t] @ chain.transition.T
    posterior = back.mul_(passed.filtered).mul_(inside[..., None])
    ahead.mul_(inside[..., None])
    pairs = passed.filtered[:, :-1].flatten(0, 1).T @ ahead[:, 1:].flatten(0, 1)
    return Counts(
        Chain(posterior[:, 0].sum(0), chain.transition * pairs, _emitted(chain, x, posterior)), passed.log_norm.sum()
    )


def _emitted(chain: Chain, x: Tensor, posterior: Tensor) -> Tensor:
    """``(S, K, V)``: how often each state is expected to have emitted each value."""
    states, width, levels = chain.emission.shape
    weights = posterior.flatten(0, 1)
    if width == 1:
        found = weights.new_zeros(levels, states).index_add_(0, x.flatten().long(), weights)
        return found.T[:, None]
    flat = x.flatten(0, 1)
    return torch.stack([weights.T @ (flat == v).double() for v in range(levels)], 2)


def added(parts: Iterable[Counts]) -> Counts:
    """The counts of several parts together."""
    total: Counts | None = None
    for part in parts:
        if total is None:
            total = part
        else:
            chain = Chain(*(a + b for a, b in zip(total.chain, part.chain, strict=True)))
            total = Counts(chain, total.log_prob + part.log_prob)
    assert total is not None
    return total
