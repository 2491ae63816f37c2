"""The figures of README and the site, from runs on bundled data: ``python scripts/pictures.py --work DIR [NAME...]``.

Trains, samples and translates by the commands that are shown under each figure (those that are done in DIR already are
not done again) and writes ``docs/figures/NAME.png``. Captions and rain take a quarter of an hour of one CPU core each,
all others together some ten minutes.
"""

from __future__ import annotations

import argparse
import io
import shlex
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from panels import (
    Draw,
    alternating,
    chains,
    cloud,
    forecasts,
    grid,
    level_curves,
    nfe_curves,
    rain,
    rain_film,
    sheet,
    translations,
    written,
)

if TYPE_CHECKING:
    from PIL.Image import Image

ROOT = Path(__file__).resolve().parent.parent
FIGURES_DIR = ROOT / "docs" / "figures"
LARGEST, LARGEST_FILM = 60_000, 300_000
"""Bytes of a figure, and of a GIF."""
COLOURS = {"rain": 16}
"""Of a figure, where 48 of them would be too large a file."""
FRAME_MS, LAST_MS = 500, 1500

CPU = "trainer.accelerator=cpu trainer.threads=1"
PLANE = "data=toy2d data.name=eight_gaussians"
TRAIN = {
    "histogram": "model=histogram data=digits",
    "naive_bayes": "model=naive_bayes data=digits",
    "ppca": "model=ppca data=digits",
    "gmm": "model=gmm data=digits",
    "kde": "model=kde data=digits",
    "knn": "model=knn data=digits",
    "vae": "model=vae data=digits",
    "ladder_vae": "model=ladder_vae data=digits model.network=conv 'model.latents=[2,2,4]' model.depth=1 "
    "objective.free_bits=0.5 objective.warmup_steps=500 trainer.max_epochs=100 optim.lr=2e-3",
    "vdvae": "model=vdvae data=digits trainer.max_epochs=60 objective.warmup_steps=300 optim.lr=2e-3",
    "semi_vae": "model=semi_vae data=digits trainer.max_epochs=100",
    "dcgan": "model=dcgan data=digits",
    "pixelcnn": "model=pixelcnn data=digits trainer.max_steps=500",
    "realnvp": "model=realnvp data=digits trainer.max_steps=200",
    "flow_matching": "experiment=flow_matching_digits",
    "flow_matching-short": "experiment=flow_matching_digits trainer.max_epochs=120 trainer.check_val_every_n_epoch=60",
    "diffusion-short": "model=diffusion data=digits model.width=32 model.blocks=1 optim.lr=2e-3 "
    "trainer.max_epochs=120 trainer.check_val_every_n_epoch=60",
    "flow_matching-moons": "model=flow_matching data=toy2d data.name=two_moons",
    "diffusion-moons": "model=diffusion data=toy2d data.name=two_moons",
    "gmm-full": "model=gmm data=digits model.covariance=full model.components=20 model.reg_covar=0.1",
    "captioned": "experiment=captioned_digits",
    "moving": "model=flow_matching data=moving_digits model.condition=past model.null_dropout=0 model.width=16 "
    "model.blocks=1 trainer.max_steps=600 trainer.check_val_every_n_epoch=20",
    "rain": "model=flow_matching data=radar data.batch_size=4 data.copies=8 model.condition=past model.null_dropout=0 "
    "model.width=16 model.blocks=1 model.likelihood_steps=1 test.num_particles=1 callbacks.ema.decay=0.99 "
    "callbacks.samples.n=1 trainer.max_steps=1400 trainer.check_val_every_n_epoch=100",
    "ebm": "model=ebm data=digits trainer.max_steps=500",
    "diffusion": "model=diffusion data=digits trainer.max_steps=2500",
    "dae": "model=dae data=digits trainer.max_epochs=60",
    "rnn": "model=rnn data=digits model.condition=label model.layers=1 trainer.max_steps=600",
    "ngram-text": "model=ngram data=text",
    "gmm-toy2d": f"model=gmm {PLANE}",
    "kde-toy2d": f"model=kde {PLANE}",
    "vae-toy2d": f"model=vae {PLANE} trainer.max_steps=3000",
    "realnvp-toy2d": f"model=realnvp {PLANE} trainer.max_steps=3000",
    "flow_matching-toy2d": f"model=flow_matching {PLANE}",
    "gan-toy2d": f"model=gan {PLANE} trainer.max_steps=4000",
    "ebm-toy2d": f"model=ebm {PLANE} trainer.max_steps=1000",
    "cyclegan": "model=cyclegan data=unpaired_digits trainer.max_epochs=15",
}
"""The training runs, by the name of their folder."""

MARGIN, HEADING = 8, 22
INK, PAPER = (40, 40, 40), (255, 255, 255)


@dataclass(frozen=True)
class Panel:
    """One picture in a figure.

    Attributes:
        title: above it.
        run: which of `TRAIN`; None for the data themselves.
        command: what draws from it, ``sample n=64``; for data, which.
        draw: makes the picture from the arrays of the command's ``.npz`` (or its folder).
    """

    title: str
    run: str | None
    command: str
    draw: Draw


@dataclass(frozen=True)
class Figure:
    """Panels in rows, and what is to be seen in them; panels of frames, side by side, are a GIF beside it."""

    caption: str
    rows: Sequence[Sequence[Panel]]
    film: Sequence[Panel] = ()

    def commands(self) -> Iterator[str]:
        """The command lines behind it, each training run once, with what is drawn from it."""
        for run in dict.fromkeys(panel.run for row in self.rows for panel in row if panel.run is not None):
            yield f"genlab train {TRAIN[run]} {CPU}"
            yield from dict.fromkeys(
                f"genlab {panel.command}" for row in self.rows for panel in row if panel.run == run
            )


POINTS = "sample n=10000"
CURVES = "eval --metric nfe_curve"
SMALLER = "sample task=superresolve n=8 samples=4"
RAIN = "sample task=forecast n=1 seed=3"
DIGITS = grid("samples", rows=6, columns=5, scale=3)
MEANS = grid("means", rows=6, columns=5, scale=3)
SMALL = partial(cloud, scale=2)
SAMPLES = grid("samples", rows=8, columns=8)


def _captioned(prompt: str) -> Panel:
    command = f"sample prompt={shlex.quote(prompt)} n=8 guidance=2"
    return Panel(prompt, "captioned", command, grid("samples", rows=2, columns=4, scale=2))


FIGURES = {
    "families": Figure(
        "Samples of six families: 8x8 digits, each after at most about a minute of training on one core, and eight "
        "Gaussians in the plane. The VAE's digits are the means E[x | z], all others draws.",
        [
            [
                Panel("data", None, "digits", DIGITS),
                Panel("VAE", "vae", "sample n=64", MEANS),
                Panel("PixelCNN", "pixelcnn", "sample n=64", DIGITS),
                Panel("Real NVP", "realnvp", "sample n=64", DIGITS),
                Panel("DCGAN", "dcgan", "sample n=64", DIGITS),
                Panel("energy-based", "ebm", "sample n=64 trajectory=true", DIGITS),
                Panel("mixture", "gmm", "sample n=64", DIGITS),
            ],
            [
                Panel("data", None, "eight_gaussians", SMALL),
                Panel("VAE", "vae-toy2d", POINTS, SMALL),
                Panel("kernel density", "kde-toy2d", POINTS, SMALL),
                Panel("Real NVP", "realnvp-toy2d", POINTS, SMALL),
                Panel("GAN", "gan-toy2d", POINTS, SMALL),
                Panel("energy-based", "ebm-toy2d", POINTS, SMALL),
                Panel("mixture", "gmm-toy2d", POINTS, SMALL),
            ],
        ],
    ),
    "vae": Figure(
        "Means E[x | z] of draws from the prior; test digits and below each row their reconstructions; the way between "
        "pairs of test digits through the latent space.",
        [
            [
                Panel("E[x | z], z from the prior", "vae", "sample n=64", grid("means", rows=8, columns=8)),
                Panel(
                    "test, and reconstructed",
                    "vae",
                    "sample task=reconstruct",
                    alternating("originals", "reconstructions", rows=4, columns=8),
                ),
                Panel("between two", "vae", "sample task=interpolate n=8", grid("means", rows=8, columns=8)),
            ]
        ],
    ),
    "levels": Figure(
        "A ladder VAE of three levels: draws, and of one of them a row for each level, which is drawn anew with those "
        "below it; what each level says in training. Draws of a very deep VAE, and of an M2 given 100 labels, a "
        "column for each class.",
        [
            [
                Panel("ladder VAE", "ladder_vae", "sample n=64", grid("means", rows=8, columns=8)),
                Panel("anew: 1, 1-2, 1-3", "ladder_vae", "sample task=resample", grid("means", rows=3, columns=8)),
                Panel("KL of the levels, nats", "ladder_vae", "sample task=resample", level_curves),
            ],
            [
                Panel("very deep VAE", "vdvae", "sample n=64", grid("means", rows=8, columns=8)),
                Panel("M2, 100 labels", "semi_vae", "sample n=80", grid("means", rows=8, columns=10)),
            ],
        ],
    ),
    "pixelcnn": Figure(
        "Draws, one pixel after the other; what is kept of test digits, and below each row its completion.",
        [
            [
                Panel("samples", "pixelcnn", "sample n=64", SAMPLES),
                Panel(
                    "top kept, and completed",
                    "pixelcnn",
                    "sample task=complete keep=top",
                    alternating("kept", "completions", rows=4, columns=8),
                ),
            ]
        ],
    ),
    "sequence": Figure(
        "An n-gram that has counted a novel byte by byte; digits of a recurrent network, pixel by pixel, a column for "
        "each label; test digits whose top is kept, and below each row their completions.",
        [
            [
                Panel(
                    "a novel, counted", "ngram-text", "sample prompt='It was ' n=8 length=400 temperature=0.7", written
                ),
                Panel("each label, pixel by pixel", "rnn", "sample n=80", grid("samples", rows=8, columns=10)),
                Panel(
                    "top kept, and completed",
                    "rnn",
                    "sample task=complete keep=top",
                    alternating("kept", "completions", rows=4, columns=8),
                ),
            ]
        ],
    ),
    "flow": Figure(
        "Real NVP: digits as it draws them and with the prior's draws scaled by 0.7; eight Gaussians.",
        [
            [
                Panel("samples", "realnvp", "sample n=64", SAMPLES),
                Panel("temperature=0.7", "realnvp", "sample n=64 temperature=0.7", SAMPLES),
                Panel("in the plane", "realnvp-toy2d", POINTS, cloud),
            ]
        ],
    ),
    "flow_matching": Figure(
        "Draws of digits in ten steps of Heun's method; eight draws on their way from noise, left, to a digit, right; "
        "the plane in ten steps, twenty evaluations.",
        [
            [
                Panel("10 steps", "flow_matching", "sample n=64", SAMPLES),
                Panel("the way", "flow_matching", "sample n=64 steps=20 trajectory=true", chains),
                Panel("in the plane", "flow_matching-toy2d", POINTS, cloud),
            ]
        ],
    ),
    "nfe_flow_matching": Figure(
        "What each sampler makes of so many evaluations of the network, which flow matching has trained for some two "
        "minutes of a core: digits and two moons. DDIM is Euler's method here.",
        [
            [
                Panel("digits", "flow_matching-short", CURVES, nfe_curves),
                Panel("two moons", "flow_matching-moons", CURVES, nfe_curves),
            ]
        ],
    ),
    "nfe_diffusion": Figure(
        "What each sampler makes of so many evaluations of the network of a diffusion, which was trained for some two "
        "minutes of a core: digits and two moons.",
        [
            [
                Panel("digits", "diffusion-short", CURVES, nfe_curves),
                Panel("two moons", "diffusion-moons", CURVES, nfe_curves),
            ]
        ],
    ),
    "inverse": Figure(
        "Digits of half the size, and what they may have been: truth, what was seen, bicubic interpolation, the mean "
        "of draws, their spread, three draws; by a mixture of Gaussians, exactly, and by a diffusion model, nearly. "
        "Draws differ where the small picture does not say: a hole or none.",
        [
            [
                Panel("gmm, closed form", "gmm-full", SMALLER, sheet("superresolve")),
                Panel("diffusion, moment matching", "diffusion-short", SMALLER, sheet("superresolve")),
            ]
        ],
    ),
    "captions": Figure(
        "Draws of flow matching given captions, guidance=2: a small network after 15 minutes of one core.",
        [
            [_captioned("a bold seven above a three"), _captioned("a bold two")],
            [_captioned("a four left of a one"), _captioned("a six below a nine")],
        ],
    ),
    "forecast": Figure(
        "A test clip of moving digits: five past frames and the five that came. Below, from the past frames alone, "
        "the mean of eight forecasts of flow matching, three of them, and their spread (white: half of white).",
        [[Panel("past and truth, mean, three members, spread", "moving", "sample task=forecast n=2", forecasts)]],
    ),
    "rain": Figure(
        "128 km of rain over the Netherlands: the last known frame, what came 15 and 30 minutes later, and what eight "
        "draws of flow matching foresaw: their mean, their spread and two of them. Moving: truth, mean, one of them.",
        [
            [
                Panel("last frame", "rain", RAIN, rain("past")),
                Panel("truth", "rain", RAIN, rain("truth")),
                Panel("mean of eight", "rain", RAIN, rain("mean")),
                Panel("spread", "rain", RAIN, rain("spread")),
                Panel("one of them", "rain", RAIN, rain("members")),
                Panel("another", "rain", RAIN, rain("members", member=1)),
            ]
        ],
        [Panel(name, "rain", RAIN, rain_film(name)) for name in ("truth", "mean", "members")],
    ),
    "ebm": Figure(
        "Eight chains on their way from noise, left, to a digit, right; test digits, and below each row the same with "
        "their left half kept and the other filled in by chains; eight Gaussians.",
        [
            [
                Panel("chains", "ebm", "sample n=64 trajectory=true", chains),
                Panel(
                    "test, and right half inpainted",
                    "ebm",
                    "sample task=inpaint keep=left",
                    alternating("originals", "inpainted", rows=4, columns=8),
                ),
                Panel("in the plane", "ebm-toy2d", POINTS, cloud),
            ]
        ],
    ),
    "diffusion": Figure(
        "Digits of a diffusion; eight of them on their way from noise, left; eight chains of a denoising autoencoder, "
        "which add noise and take it away a hundred times.",
        [
            [
                Panel("samples", "diffusion", "sample n=64", SAMPLES),
                Panel("from noise", "diffusion", "sample n=8 trajectory=true", chains),
                Panel("chains of the autoencoder", "dae", "sample n=64 trajectory=true", chains),
            ]
        ],
    ),
    "gan": Figure(
        "DCGAN: digits, and with no latent beyond 1.5; eight Gaussians of the GAN of perceptrons.",
        [
            [
                Panel("samples", "dcgan", "sample n=64", SAMPLES),
                Panel("truncation=1.5", "dcgan", "sample n=64 truncation=1.5", SAMPLES),
                Panel("in the plane", "gan-toy2d", POINTS, cloud),
            ]
        ],
    ),
    "translation": Figure(
        "CycleGAN, without pairs: digits in white on black, below them their translations to black on orange, and the "
        "other way.",
        [
            [
                Panel("A, and translated to B", "cyclegan", "translate n=8", translations),
                Panel("B, and translated to A", "cyclegan", "translate n=8 direction=BtoA", translations),
            ]
        ],
    ),
    "classical": Figure(
        "Draws of the six classical models, each fitted in about a second or less.",
        [
            [Panel(name, name, "sample n=64", grid("samples", rows=4, columns=8, scale=3)) for name in names]
            for names in (("histogram", "naive_bayes", "ppca"), ("gmm", "kde", "knn"))
        ],
    ),
}


def trained(run: str, work: Path) -> Path:
    """The directory of a training run; made if it is not there."""
    return _once(work / "train" / run, f"train {TRAIN[run]} {CPU}")


def drawn(run: str, command: str, work: Path) -> dict[str, Any]:
    """The arrays of a command on a run, and its ``folder``."""
    import numpy as np

    verb = command.partition(" ")[0]
    source = trained(run, work)
    name = "".join(char if char.isalnum() else "-" for char in command)
    folder = _once(work / "drawn" / f"{run}--{name}", f"{command} ckpt={source}")
    arrays: dict[str, Any] = {"folder": folder, "source": source}
    for path in folder.glob("*.npz"):
        with np.load(path) as held:
            arrays |= {key: held[key] for key in held.files}
    if "path" in arrays:  # (frames, n, ...) of chains that started at pictures
        arrays["inpainted"] = arrays["path"][-1]
    return arrays if verb == "sample" else {"folder": folder}


def _once(outputs: Path, command: str) -> Path:
    """Run a command into a folder of its own, unless that was done; the run's directory."""
    from genlab.cli.main import main

    verb = command.partition(" ")[0]
    done = "*/*/summary.json"
    if not any((outputs / verb).glob(done)):
        status = main([*shlex.split(command), f"outputs={outputs}"])
        if status:
            sys.exit(f"pictures.py: genlab {command} ended with {status}")
    (found,) = {path.parent for path in (outputs / verb).glob(done)}
    return found


def truth(name: str) -> dict[str, Any]:
    """The test split of bundled data, as ``samples``."""
    from genlab.data import digits, toy2d

    found = digits() if name == "digits" else toy2d(name=name)
    return {"samples": found.test.x.numpy()}


def paint(figure: Figure, work: Path) -> Image:
    """The panels side by side, each under its title."""
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.load_default(size=13)
    rows = []
    for row in figure.rows:
        rows.append(
            [
                Image.fromarray(
                    panel.draw(truth(panel.command) if panel.run is None else drawn(panel.run, panel.command, work))
                )
                for panel in row
            ]
        )
    # panels of one column are centred on each other
    columns = max(map(len, rows))
    widths = [max(row[place].width for row in rows if place < len(row)) for place in range(columns)]
    heights = [max(picture.height for picture in row) for row in rows]
    size = (sum(widths) + MARGIN * 2 * columns, sum(heights) + (HEADING + MARGIN) * len(rows))
    sheet = Image.new("RGB", size, PAPER)
    pen = ImageDraw.Draw(sheet)
    top = 0
    for row, panels, height in zip(rows, figure.rows, heights, strict=True):
        left = MARGIN
        for picture, panel, width in zip(row, panels, widths, strict=False):
            pen.text((left + width // 2, top + HEADING // 2 + 2), panel.title, fill=INK, font=font, anchor="mm")
            sheet.paste(picture, (left + (width - picture.width) // 2, top + HEADING))
            left += width + 2 * MARGIN
        top += HEADING + height + MARGIN
    return sheet


def paint_film(panels: Sequence[Panel], work: Path) -> bytes:
    """The panels' frames side by side, as a GIF."""
    import numpy as np
    from PIL import Image

    parts = [panel.draw(drawn(str(panel.run), panel.command, work)) for panel in panels]
    gaps = [np.pad(part, ((0, 0), (0, 0), (0, MARGIN), (0, 0)), constant_values=255) for part in parts[:-1]]
    frames = [Image.fromarray(each).quantize(24) for each in np.concatenate([*gaps, parts[-1]], 2)]
    buffer = io.BytesIO()
    lasting = [FRAME_MS] * (len(frames) - 1) + [LAST_MS]
    frames[0].save(buffer, format="GIF", save_all=True, append_images=frames[1:], duration=lasting, loop=0)
    return buffer.getvalue()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("name", nargs="*", metavar="NAME", help=f"which: {', '.join(FIGURES)}; all if none is given")
    parser.add_argument("--work", type=Path, required=True, metavar="DIR", help="where the runs are, or will be")
    given = parser.parse_args()
    if unknown := set(given.name) - set(FIGURES):
        parser.error(f"no such figure: {', '.join(sorted(unknown))}")
    work = given.work.resolve()
    for name in given.name or FIGURES:
        path = FIGURES_DIR / f"{name}.png"
        paint(FIGURES[name], work).quantize(COLOURS.get(name, 48)).save(path, optimize=True)
        _check_size(path, LARGEST)
        if FIGURES[name].film:
            path = path.with_suffix(".gif")
            path.write_bytes(paint_film(FIGURES[name].film, work))
            _check_size(path, LARGEST_FILM)
    return 0


def _check_size(path: Path, most: int) -> None:
    if path.stat().st_size > most:
        sys.exit(f"pictures.py: {path} is larger than {most:,} bytes")
    print(f"{path}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    sys.exit(main())
