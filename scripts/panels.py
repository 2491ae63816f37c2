"""How the panels of a figure are drawn: arrays of ``genlab sample`` to small pictures of whole pixels."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure

Draw = Callable[[dict[str, Any]], "np.ndarray"]
"""``arrays -> (height, width, 3) uint8``."""

GAP = 3
GROUND, PAPER, DENSE, INK = (110, 110, 110), (255, 255, 255), (0, 77, 90), (40, 40, 40)
MARKS = "o^sDvPX*"
"""Of the lines of a figure."""
BINS, SIDE = 70, 3.6
"""Of points in the plane: cells per side of a square, and half its side, in the units of eight Gaussians."""


def grid(name: str, *, rows: int, columns: int, scale: int = 4) -> Draw:
    """Digits of the array ``name``, ``(N, 1, 8, 8)``, in rows."""

    def draw(arrays: dict[str, Any]) -> np.ndarray:
        return tiled(arrays[name][: rows * columns], columns=columns, scale=scale)

    return draw


def alternating(*names: str, rows: int, columns: int, scale: int = 4) -> Draw:
    """A row of the first array, below it the same examples in the others, and so on."""

    def draw(arrays: dict[str, Any]) -> np.ndarray:
        import numpy as np

        found = []
        for start in range(0, rows * columns, columns):
            found += [masked(arrays, name)[start : start + columns] for name in names]
        return tiled(np.concatenate(found), columns=columns, scale=scale)

    return draw


def written(arrays: dict[str, Any], *, lines: int = 15, across: int = 38) -> np.ndarray:
    """The first of ``samples (N, L)``, which are bytes, as text."""
    import numpy as np
    from PIL import Image, ImageDraw, ImageFont

    text = bytes(arrays["samples"][0].astype(np.uint8)).decode(errors="replace")
    shown = textwrap.wrap(" ".join(text.split()), across)[:lines]
    font = ImageFont.load_default(size=13)
    panel = Image.new("RGB", (270, 17 * lines + 8), PAPER)
    ImageDraw.Draw(panel).multiline_text((6, 4), "\n".join(shown), fill=INK, font=font, spacing=4)
    return np.asarray(panel)


def level_curves(arrays: dict[str, Any], *, size: int = 240) -> np.ndarray:
    """The terms ``kl_1``, ``kl_2`` ... of a run's ``metrics.csv`` over its steps."""
    import csv

    import matplotlib.pyplot as plt
    import numpy as np

    with (arrays["source"] / "metrics.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["train/loss"]]
    figure, axes = plt.subplots(figsize=(size / 100, size / 100), dpi=100)
    for name in sorted(name for name in rows[0] if name.startswith("train/kl_")):
        values = np.array([float(row[name]) for row in rows])
        axes.plot([int(row["step"]) for row in rows], values, label=f"level {name.rpartition('_')[2]}", linewidth=1)
    axes.set_xlabel("step", fontsize=7)
    axes.tick_params(labelsize=7)
    axes.set_ylim(bottom=0)
    axes.legend(fontsize=7, frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    return rendered(figure)


def nfe_curves(arrays: dict[str, Any]) -> np.ndarray:
    """The records ``nfe_SAMPLER_COST`` of an evaluation, a line for each sampler, on logarithmic axes."""
    import json

    import matplotlib.pyplot as plt
    from matplotlib.ticker import FuncFormatter, NullFormatter

    records = json.loads((arrays["folder"] / "summary.json").read_text(encoding="utf-8"))["records"]
    lines: dict[str, list[tuple[int, float]]] = {}
    for each in records:
        sampler, _, cost = each["metric"].removeprefix("nfe_").rpartition("_")
        lines.setdefault(sampler, []).append((int(cost), each["value"]))
    what, floor = records[0]["method"].partition(": ")[2].split(" of ")[0], records[0]["method"].rpartition(" ")[2]
    figure, axes = plt.subplots(figsize=(5.0, 3.0), dpi=100)
    for i, (name, line) in enumerate(lines.items()):
        axes.plot(*zip(*line, strict=True), marker=MARKS[i], color=f"C{i}", label=name, markersize=4, linewidth=1)
    axes.axhline(float(floor), color="0.5", linestyle="--", linewidth=1, label="real data")
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    costs = sorted({cost for line in lines.values() for cost, _ in line})
    axes.set_xticks(costs, [str(cost) for cost in costs])
    low, high = axes.get_ylim()
    plain = FuncFormatter(lambda value, _: f"{value:g}")
    axes.yaxis.set_major_formatter(plain)
    axes.yaxis.set_minor_formatter(plain if high < 40 * low else NullFormatter())
    axes.set_xlabel("evaluations of the network", fontsize=8)
    axes.set_ylabel(what, fontsize=8)
    axes.tick_params(labelsize=7, which="both")
    axes.legend(fontsize=7, frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    axes.spines[["top", "right"]].set_visible(False)
    return rendered(figure)


def rendered(figure: Figure) -> np.ndarray:
    """A figure of matplotlib as pixels."""
    import io

    import matplotlib.pyplot as plt
    import numpy as np
    from PIL import Image

    figure.tight_layout()
    made = io.BytesIO()
    figure.savefig(made)
    plt.close(figure)
    return np.asarray(Image.open(made).convert("RGB"))


def masked(arrays: dict[str, Any], name: str) -> np.ndarray:
    """An array; as ``kept``, the originals with a middle grey where nothing is kept."""
    import numpy as np

    if name != "kept":
        return arrays[name]
    return np.where(arrays["keep"], arrays["originals"], 8)


def chains(arrays: dict[str, Any]) -> np.ndarray:
    """``trajectory (frames, n, 1, 8, 8)``: one chain a row, at ten times from noise on the left."""
    import numpy as np

    path = arrays["trajectory"].swapaxes(0, 1)[:8]
    path = path[:, np.linspace(0, path.shape[1] - 1, 10).round().astype(int)]
    return tiled(path.reshape(-1, *path.shape[2:]), columns=path.shape[1], scale=4)


def forecasts(arrays: dict[str, Any], *, scale: int = 2) -> np.ndarray:
    """Of a video, a row each: ``past`` and ``truth``, the ``mean`` of all members, three of them, the ``spread``.

    ``(N, frames, 1, H, W)`` in levels 0 ... 16, members ``(N, M, frames, 1, H, W)``, mean and spread from 0 to 1.
    """
    import numpy as np

    past = arrays["past"][0]
    told = [arrays["mean"][0] * 16, *arrays["members"][0][:3], np.minimum(arrays["spread"][0] * 2, 1) * 16]
    rows = [np.concatenate([past, arrays["truth"][0]])]
    rows += [np.concatenate([np.full_like(past, 8), each]) for each in told]
    return tiled(np.concatenate(rows), columns=len(rows[0]), scale=scale)


def rain(what: str, *, member: int = 0) -> Draw:
    """Of one example of rain what ``what`` says, "past", "truth", "mean", "spread" or "members", below each other.

    The last of the past, or half of the time ahead and all of it; see `rain_film`.
    """

    def draw(arrays: dict[str, Any]) -> np.ndarray:
        found = rain_film(what, member=member)(arrays)
        return tiled(
            found[-1:] if what == "past" else found[len(found) // 2 - 1 :: len(found) // 2], columns=1, scale=1
        )

    return draw


def rain_film(what: str, *, member: int = 0) -> Draw:
    """Of one example of rain all frames, ``(frames, H, W, 3) uint8``.

    From levels of the data, or mm/h: ``(N, frames, 1, H, W)``, members ``(N, M, frames, 1, H, W)``.
    """

    def draw(arrays: dict[str, Any]) -> np.ndarray:
        import torch

        from genlab.data.spaces import Video
        from genlab.data.video.rain import rate_of
        from genlab.evaluation.artefacts.foresight import drawn

        found = torch.from_numpy(arrays[what][0][member] if what == "members" else arrays[what][0])
        space = Video(len(found), *found.shape[1:], 256, measure="rain")
        return drawn(space, found if what in {"mean", "spread"} else rate_of(found))

    return draw


def sheet(task: str) -> Draw:
    """The picture that a task draws."""

    def draw(arrays: dict[str, Any]) -> np.ndarray:
        import numpy as np
        from PIL import Image

        with Image.open(arrays["folder"] / f"{task}.png") as picture:
            return np.asarray(picture.convert("RGB"))

    return draw


def tiled(x: np.ndarray, *, columns: int, scale: int) -> np.ndarray:
    """``(N, 1, H, W)`` in levels 0 ... 16, or ``(N, H, W, 3) uint8``, as one picture ``(height, width, 3) uint8``."""
    import numpy as np

    if x.ndim == 4 and x.shape[1] == 1:
        x = np.clip(np.round(x[:, 0].astype(float) * 255 / 16), 0, 255).astype(np.uint8)[..., None].repeat(3, -1)
    x = x.repeat(scale, 1).repeat(scale, 2)
    n, height, width, _ = x.shape
    rows = -(-n // columns)
    sheet = np.full((rows * (height + GAP) - GAP, columns * (width + GAP) - GAP, 3), GROUND, np.uint8)
    for index, picture in enumerate(x):
        top, left = index // columns * (height + GAP), index % columns * (width + GAP)
        sheet[top : top + height, left : left + width] = picture
    return sheet


def cloud(arrays: dict[str, Any], *, scale: int = 4) -> np.ndarray:
    """``samples (N, 2)``: how many fall in each cell of a square round eight Gaussians."""
    import numpy as np

    x = arrays["samples"]
    count, _, _ = np.histogram2d(-x[:, 1], x[:, 0], bins=BINS, range=[[-SIDE, SIDE], [-SIDE, SIDE]])
    share = np.sqrt(np.minimum(count / (0.004 * len(x)), 1.0))[..., None]
    picture = np.array(PAPER) * (1 - share) + np.array(DENSE) * share
    return frame(picture.round().astype(np.uint8).repeat(scale, 0).repeat(scale, 1))


def frame(picture: np.ndarray) -> np.ndarray:
    """A grey line round it."""
    picture[[0, -1]] = picture[:, [0, -1]] = 190
    return picture


def translations(arrays: dict[str, Any]) -> np.ndarray:
    """The first sheet of ``genlab translate``, 8 inputs and their translations, as two rows of small pictures."""
    import numpy as np
    from PIL import Image

    with Image.open(arrays["folder"] / "sheets" / "sheet-0001.png") as image:
        sheet = np.asarray(image.convert("RGB"))
    side = sheet.shape[1] // 2
    inner = side - 2 - (side - 2) % 8  # a picture of 8x8, enlarged by a whole factor
    start = (side - inner) // 2 + inner // 16  # the middle of its first pixel
    step = inner // 8
    cells = sheet.reshape(-1, side, 2, side, 3).transpose(2, 0, 1, 3, 4)[:, :, start::step, start::step][:, :, :8, :8]
    return tiled(cells.reshape(-1, 8, 8, 3), columns=cells.shape[1], scale=4)
