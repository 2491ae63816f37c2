"""How like images are to the images that they should be: PSNR, and SSIM as torchmetrics computes it.

    PSNR = 10 log_10 (white^2 / MSE) dB,  the mean over images of each one's own;
    SSIM = (2 mu_x mu_y + c_1) (2 s_xy + c_2) / ((mu_x^2 + mu_y^2 + c_1) (s_x^2 + s_y^2 + c_2)),  mean over windows

"Image Quality Assessment: From Error Visibility to Structural Similarity", Z. Wang, A. C. Bovik, H. R. Sheikh,
E. P. Simoncelli, 2004, https://doi.org/10.1109/TIP.2003.819861
"""

from __future__ import annotations

import torch
from torch import Tensor

from genlab.evaluation.statistics.estimate import Estimate, mean

WINDOW = 11
"""Side of the Gaussian windows of SSIM, as in the paper: smaller images have none."""

FINEST = 1 / (12 * 255**2)
"""Mean squared error of rounding to 256 levels, white - black = 1."""

AT_ONCE = 256
"""Images whose windows are held at once."""


def psnr(x: Tensor, truth: Tensor) -> Estimate | None:
    """Of images ``(n, C, H, W)`` whose black is 0 and white 1, in dB; None if all are equal: it is infinite."""
    return None if torch.equal(x, truth) else mean(ratios(x, truth))


def ratios(x: Tensor, truth: Tensor) -> Tensor:
    """The PSNR of each image in dB, ``(n,) float64``.

    That of equal images is infinite, and so would be every mean with one: what is nearer than rounding to 256 levels
    brings images, on average, counts as that near (`FINEST`, 58.9 dB).
    """
    errors = (x.double() - truth.double()).square().flatten(1).mean(1)
    return -10 * errors.clamp_min(FINEST).log10()


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
