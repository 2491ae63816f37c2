"""Denoise whole photographs with a mixture of Gaussians of their patches, beside total variation.

    python scripts/denoise_patches.py DATA

``DATA`` has ``Set5/image_SRF_4``, whose large pictures the mixture is fitted to, and ``Set12``, to which noise of
standard deviation 25 of 255 is added. Each posterior mean is in closed form; patches overlap, and are averaged.

"From Learning Models of Natural Image Patches to Whole Image Restoration", D. Zoran, Y. Weiss, 2011,
https://doi.org/10.1109/ICCV.2011.6126278 (whose method iterates this; here it is one step)
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from genlab.data.dataset import DataSpec, Split
from genlab.inverse import closed_form
from genlab.inverse.baselines import WEIGHTS, total_variation
from genlab.inverse.observation import Observation
from genlab.inverse.operators import Identity
from genlab.models.classical.dequantised_fit import DequantisedFit
from genlab.models.classical.gmm import gmm

SIDE, STRIDE = 8, 2
OF_EACH = 6000
"""Patches of each picture that is fitted."""

HELD_OUT = 2000
NOISE = 25 / 255
AT_ONCE = 20_000


def main() -> None:
    """Fit, denoise, and print PSNR in dB of every picture."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("data", type=Path, help="folder of Set5 and Set12")
    data = parser.parse_args().data
    generator = torch.Generator().manual_seed(0)
    began = time.process_time()
    model = fitted([grey(path) for path in sorted((data / "Set5" / "image_SRF_4").glob("*HR.png"))], generator)
    print(f"fitted in {time.process_time() - began:.1f} s of computing")
    began, rows = time.process_time(), []
    print(f"{'':8s}{'noisy':>10s}{'total var.':>12s}{'mixture':>10s}")
    for path in sorted((data / "Set12").glob("*.png")):
        truth = grey(path).double() / 255
        noisy = truth + NOISE * torch.randn(truth.shape, generator=generator, dtype=torch.float64)
        found = [total_variation(noisy[None, None], weight * NOISE)[0, 0] for weight in WEIGHTS]
        variation = max(psnr(each, truth) for each in found)  # the best weight, by the truth
        rows.append([psnr(noisy, truth), variation, psnr(denoised(model, noisy), truth)])
        print(f"{path.stem:8s}{rows[-1][0]:10.2f}{rows[-1][1]:12.2f}{rows[-1][2]:10.2f}", flush=True)
    mean = np.mean(rows, 0)
    print(f"{'mean':8s}{mean[0]:10.2f}{mean[1]:12.2f}{mean[2]:10.2f}   in {time.process_time() - began:.1f} s")


def grey(path: Path) -> Tensor:
    """``(H, W) uint8``."""
    with Image.open(path) as picture:
        return torch.from_numpy(np.array(picture.convert("L")))


def psnr(u: Tensor, truth: Tensor) -> float:
    """In dB, of pictures that are not cut off at black and white, as is usual for the noisy one."""
    return -10 * torch.log10((u - truth).square().mean()).item()


def fitted(pictures: list[Tensor], generator: torch.Generator) -> DequantisedFit:
    """A mixture of 30 Gaussians of their patches."""
    parts = []
    for picture in pictures:
        patches = picture.unfold(0, SIDE, 1).unfold(1, SIDE, 1).reshape(-1, 1, SIDE, SIDE)
        parts.append(patches[torch.randperm(len(patches), generator=generator)[:OF_EACH]])
    x = torch.cat(parts)
    x = x[torch.randperm(len(x), generator=generator)]
    model = gmm(DataSpec((1, SIDE, SIDE), 256), components=30, covariance="full", reg_covar=1.0, max_iter=60)
    assert isinstance(model, DequantisedFit)
    model.fit(Split(x[HELD_OUT:]), Split(x[:HELD_OUT]), generator=generator)
    return model.eval()


def denoised(model: DequantisedFit, noisy: Tensor) -> Tensor:
    """``(H, W)``: the posterior means of all patches, averaged where they overlap."""
    patches = F.unfold(noisy[None, None], SIDE, stride=STRIDE)[0].T
    operator = Identity((1, SIDE, SIDE))
    means = torch.cat(
        [closed_form.moments(model, Observation(operator, y, NOISE)).mean.flatten(1) for y in patches.split(AT_ONCE)]
    )
    both = torch.stack([means.T, torch.ones_like(means.T)])
    total, count = F.fold(both, tuple(noisy.shape), SIDE, stride=STRIDE)[:, 0]
    return total / count


if __name__ == "__main__":
    main()
