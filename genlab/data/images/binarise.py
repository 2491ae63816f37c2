"""Dynamic binarisation: a grey pixel p in 0..255 becomes 1 with probability p / 255.

R. Salakhutdinov, I. Murray, "On the Quantitative Analysis of Deep Belief Networks", ICML 2008,
https://doi.org/10.1145/1390156.1390266; as a fresh draw per epoch: Y. Burda, R. Grosse, R. Salakhutdinov,
"Importance Weighted Autoencoders", ICLR 2016, https://arxiv.org/abs/1509.00519.
"""

from __future__ import annotations

import math

import numpy as np
import torch


def binarise(x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Draw ``Bernoulli(x / 255)`` for every pixel.

    A pixel p is 1 iff ``r < t(p)``, with r a uniform 16-bit integer and ``t(p) = round(65536 p / 255)``
    ``= 257 p + [p >= 128]``. So 0 never becomes 1, 255 always does, and every other probability is off by at most
    half a step, 2^-17 = 7.6e-6. The random numbers are the cost, so each 64-bit draw serves four pixels.

    Args:
        x: any shape, uint8, on the device of `generator`.
        generator: the only source of randomness; the same state gives the same bits on the same kind of device.

    Returns:
        The shape of `x`, uint8, values {0, 1}.

    Raises:
        TypeError: if `x` is not uint8 (a float picture would be cut to 0 and 1 without a word).
    """
    if x.dtype != torch.uint8:
        raise TypeError(f"binarise: expected uint8 pixels, got {x.dtype}")
    words = torch.empty(math.ceil(x.numel() / 4), dtype=torch.int64, device=x.device)
    # The lower bound must be given: without it random_() draws from [0, 2^63), and the top bit of each word is 0.
    words.random_(-(2**63), None, generator=generator)
    r = words.view(torch.int16)[: x.numel()].view(x.shape)
    if x.device.type == "cpu":
        return torch.from_numpy(_below(r.numpy().view(np.uint16), x.numpy()))
    return _below_on_device(r, x)


def binarise_once(x: torch.Tensor, *, seed: int) -> torch.Tensor:
    """Binarise a whole split, once and for ever: the same bits for the same seed under any version of torch.

    NumPy freezes the stream of ``RandomState`` (NEP 19), torch promises nothing of the kind; a test set must not
    change with the version of a library.

    Args:
        x: any shape, uint8, on the CPU.
        seed: of the split.

    Returns:
        The shape of `x`, uint8, values {0, 1}.
    """
    r = np.frombuffer(np.random.RandomState(seed).bytes(2 * x.numel()), dtype="<u2").reshape(tuple(x.shape))
    return torch.from_numpy(_below(r, x.numpy()))


def _below(r: np.ndarray, p: np.ndarray) -> np.ndarray:
    """``r < t(p)`` for r uint16 and p uint8; NumPy, because torch's comparisons are not vectorised on the CPU."""
    t = p.astype(np.uint16)
    t *= 257
    t += p >> 7  # t(255) = 65536 wraps to 0: mended by the last line
    y = r < t
    y |= p == 255
    return y.view(np.uint8)


def _below_on_device(r: torch.Tensor, p: torch.Tensor) -> torch.Tensor:
    """The same with the same probabilities, for r int16 and p uint8 of any device.

    As the carry of ``r + t(p)`` over 2^16, all times 128: ``(128 r + 32897 p) >> 23``, for 32897 = 128 * 257 + 1 brings
    [p >= 128] along.
    """
    r32 = r.to(torch.int32).bitwise_and_(0xFFFF)
    return r32.mul_(128).add_(p.to(torch.int32), alpha=32897).bitwise_right_shift_(23).to(torch.uint8)
