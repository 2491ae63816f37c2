"""How like images are to the images that they should be: PSNR and SSIM, as torchmetrics computes them.

    PSNR = 10 log_10 (white^2 / MSE) dB,  of the mean squared error over all images;
    SSIM = (2 mu_x mu_y + c_1) (2 s_xy + c_2) / ((mu_x^2 + mu_y^2 + c_1) (s_x^2 + s_y^2 + c_2)),  mean over windows

"Image Quality Assessment: From Error Visibility to Structural Similarity", Z. Wang, A. C. Bovik, H. R. Sheikh,
E. P. Simoncelli, 2004, https://doi.org/10.1109/TIP.2003.819861
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from genlab.evaluation.statistics.estimate import Estimate, mean

WINDOW = 11
"""Side of the Gaussian windows of SSIM, as in the paper: smaller images have none."""

AT_ONCE = 256
"""Images whose windows are held at once."""


def psnr(x: Tensor, truth: Tensor) -> Estimate | None:
    """Of images ``(n, C, H, W)`` whose black is 0 and white 1, in dB; None if all are equal, of which it is infinite.

    The standard error is that of the mean squared error, carried over: ``10 / ln 10 * se(MSE) / MSE``.
    """
    from torchmetrics.functional.image import peak_signal_noise_ratio  # three seconds of computing

    errors = mean((x - truth).square().flatten(1).double().mean(1))
    if errors.value == 0:
        return None
    value = peak_signal_noise_ratio(x.double(), truth.double(), data_range=1.0)
    return Estimate(value.item(), 10 / math.log(10) * errors.standard_error / errors.value)


def ssim(x: Tensor, truth: Tensor) -> Estimate | None:
    """Of images ``(n, C, H, W)`` whose black is 0 and white 1; None if they are smaller than a window."""
    return None if min(x.shape[-2:]) < WINDOW else mean(similarities(x, truth))


def similarities(x: Tensor, truth: Tensor) -> Tensor:
    """The SSIM of each image, ``(n,)``; images have the side of a window at least."""
    from torchmetrics.functional.image import structural_similarity_index_measure

    each = [
        structural_similarity_index_measure(part, other, data_range=1.0, reduction="none")
        for part, other in zip(x.split(AT_ONCE), truth.split(AT_ONCE), strict=True)
    ]
    return torch.cat([torch.as_tensor(part).reshape(-1) for part in each])
