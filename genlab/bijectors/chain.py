"""Composition."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from genlab.bijectors.base import Bijector, Transformed, members


class Chain(Bijector):
    """``f = f_n o ... o f_1``: ``log |det df/dx| = sum_i log |det df_i/dh_i|``, ``h_i`` the input of ``f_i``.

    Args:
        parts: ``f_1 ... f_n``, in the order in which data passes them.
    """

    def __init__(self, parts: Sequence[Bijector]) -> None:
        super().__init__()
        self.parts = nn.ModuleList(parts)

    def forward_and_log_det(self, x: Tensor, c: Tensor | None = None) -> Transformed:
        """From the first part to the last."""
        log_det = None
        for part in members(self.parts):
            x, own = part.forward_and_log_det(x, c)
            log_det = own if log_det is None else log_det + own
        return Transformed(x, x.new_zeros(len(x)) if log_det is None else log_det)

    def inverse_and_log_det(self, z: Tensor, c: Tensor | None = None) -> Transformed:
        """From the last part to the first."""
        log_det = z.new_zeros(len(z))
        for part in reversed(members(self.parts)):
            z, own = part.inverse_and_log_det(z, c)
            log_det = log_det + own
        return Transformed(z, log_det)

    def inverse_path(self, z: Tensor, c: Tensor | None = None) -> list[Tensor]:
        """``z`` on its way to data: itself, then what is left after undoing ``f_n, f_(n-1), ..., f_1``."""
        path = [z]
        for part in reversed(members(self.parts)):
            path.append(part.inverse_and_log_det(path[-1], c).value)
        return path
