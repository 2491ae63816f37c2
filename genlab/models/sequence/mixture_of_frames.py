"""A frame as a mixture: of each component its values are independent, of the whole they are not.

p(x) = sum_s p(s) prod_w p(x_w | s)
"""

from __future__ import annotations

import torch
from torch import Tensor

from genlab.distributions.symbols import Categorical, SymbolOutput, no_cut


class MixtureOfFrames(SymbolOutput):
    """W values of ``levels`` each; ``out`` is ``log p(s)``, then ``log p(x_w = v | s)`` by s, w and v.

    The term of a value is given those before it in its frame, ``log p(x_w | x_<w)``: each says something of s.

    Args:
        width: W.
        levels: of each value.
        components: how many.
    """

    def __init__(self, width: int, levels: int, components: int) -> None:
        self.shape = (components, width, levels)
        self.num_outputs = components * (1 + width * levels)
        self.num_noise = 1 + width
        self.each = Categorical(levels)

    def _log_prob(self, x: Tensor, out: Tensor) -> Tensor:
        log_p, log_each = self._parts(out)
        index = x.long()[..., None, :, None].expand(*log_each.shape[:-1], 1)
        return within_frame(log_p, log_each.gather(-1, index)[..., 0])

    def draw(
        self, out: Tensor, u: Tensor, *, temperature: float = 1.0, top_k: int | None = None, top_p: float | None = None
    ) -> Tensor:
        """``(n, W)``: the component from the first uniform number, then a value from each of the others."""
        no_cut("a mixture of frames", top_k, top_p)
        log_p, log_each = self._parts(out)
        chosen = Categorical(self.shape[0]).draw(log_p, u[:, :1], temperature=temperature)
        of_chosen = log_each[torch.arange(len(out), device=out.device), chosen]
        values = self.each.draw(of_chosen.flatten(0, 1), u[:, 1:].reshape(-1, 1), temperature=temperature)
        return values.view(len(out), -1)

    def likeliest(self, out: Tensor) -> Tensor:
        """``(..., W)``, 0 ... levels - 1: of each value by itself, of equal ones the first."""
        log_p, log_each = self._parts(out)
        return (log_p.log_softmax(-1)[..., None, None] + log_each).logsumexp(-3).argmax(-1)

    def every(self, out: Tensor, before: Tensor) -> Tensor:
        """See `SymbolOutput.every`: ``p(x_w | x_<w) = sum_s p(s | x_<w) p(x_w | s)``, one value."""
        log_p, log_each = self._parts(out)
        known = before.shape[-1]
        index = before.long()[..., None, :, None].expand(*log_each.shape[:-2], known, 1)
        weight = log_p + log_each[..., :known, :].gather(-1, index)[..., 0].sum(-1)
        return (weight[..., None] + log_each[..., known, :]).logsumexp(-2)[..., None, :]

    def _parts(self, out: Tensor) -> tuple[Tensor, Tensor]:
        components = self.shape[0]
        return out[..., :components], out[..., components:].unflatten(-1, self.shape)


def within_frame(log_p: Tensor, log_each: Tensor) -> Tensor:
    """``log p(x_w | x_<w)``, ``(..., W)``, of ``log p(s) (..., S)`` and ``log p(x_w | s) (..., S, W)``."""
    joint = log_p[..., None] + torch.cat([torch.zeros_like(log_each[..., :1]), log_each.cumsum(-1)], -1)
    return joint.logsumexp(-2).diff(dim=-1)
