"""``genlab sample``: pictures and arrays out of a checkpoint, byte-identical for the same seed."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from torch import Tensor

from genlab import runs
from genlab.commands.loaded import Loaded, device_of, load
from genlab.errors import ConfigError
from genlab.evaluation.draw import PLANE_PARTICLES, alternate, class_cycle, log_density
from genlab.evaluation.pictures import grid, plane, save_png
from genlab.models.base import (
    ClassConditional,
    DecodesLatents,
    EncodesLatents,
    ExactLikelihood,
    GenerativeModel,
    LikelihoodBound,
)

TRAVERSE_RANGE = 2.5
"""Traversals move a latent from minus to plus this many prior standard deviations."""


def run(run_dir: Path, config: Mapping[str, Any], *, console: Console) -> dict[str, Path]:
    """Do ``config["task"]`` with ``config["ckpt"]``; write ``<task>.png`` and ``<task>.npz`` and print their paths.

    Raises:
        ConfigError: a task or label that this model cannot honour; the message names what it can.
        CheckpointError, DataError, TrustError: as loading raises.
    """
    loaded = load(Path(config["ckpt"]), trust=config["trust"], device=device_of(config["accelerator"]))
    _check(loaded, config)
    task = {"sample": _sample, "reconstruct": _reconstruct, "interpolate": _interpolate, "traverse": _traverse}
    with torch.no_grad():
        picture, arrays, note = task[config["task"]](loaded, config)
    stem = run_dir / config["task"]
    paths = {"picture": save_png(stem.with_suffix(".png"), picture), "arrays": stem.with_suffix(".npz")}
    save_npz(paths["arrays"], arrays)
    runs.write_json(run_dir / runs.SUMMARY, {"checkpoint": str(loaded.path), "step": loaded.step, "note": note})
    print(f"model    {loaded.config['name']}, step {loaded.step} ({note})")
    print(f"grid     {paths['picture']}")
    print(f"arrays   {paths['arrays']} ({', '.join(f'{name} {a.shape} {a.dtype}' for name, a in arrays.items())})")
    return paths


def _check(loaded: Loaded, config: Mapping[str, Any]) -> None:
    model, task, label = loaded.model, config["task"], config["label"]
    if label is not None and not isinstance(model, ClassConditional):
        raise ConfigError(f"label={label}: {type(model).__name__} is not class-conditional; train with model=cvae")
    if label is not None and label >= (loaded.spec.num_classes or 0):
        raise ConfigError(f"label={label}: this data has the classes 0 to {(loaded.spec.num_classes or 0) - 1}")
    can = ["sample"]
    if isinstance(model, DecodesLatents):
        can += ["traverse", "interpolate"]
        if isinstance(model, EncodesLatents):
            can.append("reconstruct")
    if task not in can:
        raise ConfigError(f"task={task}: {type(model).__name__} cannot do it; it can do {', '.join(sorted(can))}")


def _labels(loaded: Loaded, config: Mapping[str, Any], n: int, device: torch.device) -> dict[str, Tensor]:
    if not isinstance(loaded.model, ClassConditional):
        return {}
    classes = loaded.spec.num_classes or 1
    y = class_cycle(n, classes) if config["label"] is None else torch.full((n,), config["label"])
    return {"y": y.to(device)}


def _device(model: GenerativeModel) -> torch.device:
    return next(model.parameters()).device


def _sample(loaded: Loaded, config: Mapping[str, Any]) -> tuple[np.ndarray, dict[str, np.ndarray], str]:
    model, spec, n = loaded.model, loaded.spec, config["n"]
    device = _device(model)
    generator = torch.Generator(device).manual_seed(config["seed"])
    labels = _labels(loaded, config, n, device)
    parts: dict[str, list[Tensor]] = {"samples": [], "means": [], "latents": []}
    for index in torch.arange(n, device=device).split(config["batch_size"]):
        y = {name: value[index] for name, value in labels.items()}
        if isinstance(model, DecodesLatents):
            # the means and the samples of the same latents, so that the grid shows what the array holds
            state = generator.get_state()
            parts["samples"].append(model.sample(len(index), generator=generator, **y))
            again = torch.Generator(device)
            again.set_state(state)
            z = model.sample_latents(len(index), generator=again, **y)
            parts["latents"].append(z)
            parts["means"].append(model.decode(z, **y))
        else:
            parts["samples"].append(model.sample(len(index), generator=generator, **y))
    arrays = {name: torch.cat(values).cpu().numpy() for name, values in parts.items() if values}
    arrays |= {name: value.cpu().numpy() for name, value in labels.items()}
    samples = torch.from_numpy(arrays["samples"])
    if spec.is_image:
        shown = torch.from_numpy(arrays["means"]) if "means" in arrays else samples
        classes = spec.num_classes or 99
        columns = classes if labels and config["label"] is None and classes <= 16 else None
        note = "the grid shows E[x | z], the array also draws x ~ p(x | z)" if "means" in arrays else "samples"
        return grid(shown, spec, columns=columns), arrays, note
    if spec.dim != 2:
        raise ConfigError(f"task=sample: no picture of {spec.dim}-dimensional vectors")
    density = getattr(loaded.dataset(root=None, trust=config["trust"]), "density", None)
    log_prob = None
    if isinstance(model, ExactLikelihood | LikelihoodBound) and not labels:

        def log_prob(points: Tensor) -> Tensor:
            return log_density(model, points, seed=config["seed"], num_particles=PLANE_PARTICLES)

    name = "model density" if isinstance(model, ExactLikelihood) else f"model density (IS, K={PLANE_PARTICLES})"
    return plane(samples, truth=density, log_prob=log_prob, log_prob_name=name), arrays, "samples beside the truth"


def _test_examples(loaded: Loaded, config: Mapping[str, Any], n: int) -> tuple[Tensor, dict[str, Tensor]]:
    if not loaded.spec.is_image:
        raise ConfigError(f"task={config['task']}: draws pictures, this data is vectors; use task=sample")
    test = loaded.dataset(root=config["data"]["root"], trust=config["trust"]).test
    chosen = torch.arange(len(test))
    if config["label"] is not None and test.y is not None:
        chosen = chosen[test.y == config["label"]]
    chosen = chosen[torch.randperm(len(chosen), generator=torch.Generator().manual_seed(config["seed"]))[:n]]
    device = _device(loaded.model)
    labels = {"y": test.y[chosen].to(device)} if isinstance(loaded.model, ClassConditional) else {}  # type: ignore[index]
    return test.x[chosen].to(device), labels


def _reconstruct(loaded: Loaded, config: Mapping[str, Any]) -> tuple[np.ndarray, dict[str, np.ndarray], str]:
    x, labels = _test_examples(loaded, config, config["n"])
    again = loaded.model.decode(loaded.model.encode(x, **labels), **labels)  # type: ignore[operator]
    arrays = {"originals": x.cpu().numpy(), "reconstructions": again.cpu().numpy()}
    sheet = grid(alternate(x, again, 8), loaded.spec, columns=8)
    return sheet, arrays, "test pictures, and below each row its reconstruction E[x | z]"


def _slerp(a: Tensor, b: Tensor, t: Tensor) -> Tensor:
    """Great-circle path from a to b, ``(n, d), (n, d), (s,) -> (n, s, d)``: stays where the prior has its mass."""
    length_a, length_b = a.norm(dim=-1, keepdim=True), b.norm(dim=-1, keepdim=True)
    angle = torch.acos(((a / length_a) * (b / length_b)).sum(-1, keepdim=True).clamp(-0.9999, 0.9999))
    angle, t = angle[:, None], t[None, :, None]
    direction = torch.sin((1 - t) * angle) * (a / length_a)[:, None] + torch.sin(t * angle) * (b / length_b)[:, None]
    return direction / torch.sin(angle) * ((1 - t) * length_a[:, None] + t * length_b[:, None])


def _interpolate(loaded: Loaded, config: Mapping[str, Any]) -> tuple[np.ndarray, dict[str, np.ndarray], str]:
    model, spec, steps = loaded.model, loaded.spec, config["steps"]
    rows = max(1, min(config["n"], 16))
    t = torch.linspace(0, 1, steps, device=_device(model))
    if isinstance(model, EncodesLatents):
        x, labels = _test_examples(loaded, config, 2 * rows)
        z = model.encode(x, **labels)
        labels = {name: value[: len(x) // 2] for name, value in labels.items()}
        note = "between pairs of test pictures, along great circles of the latent space"
    else:
        generator = torch.Generator(_device(model)).manual_seed(config["seed"])
        labels = _labels(loaded, config, rows, _device(model))
        assert isinstance(model, DecodesLatents)  # `_check` saw to it
        z = model.sample_latents(2 * rows, generator=generator)
        note = "between pairs of prior draws, along great circles"
    half = len(z) // 2
    path = _slerp(z[:half], z[half : 2 * half], t)
    repeated = {name: value.repeat_interleave(steps) for name, value in labels.items()}
    means = model.decode(path.flatten(0, 1), **repeated)  # type: ignore[operator]
    return grid(means, spec, columns=steps), {"latents": path.cpu().numpy(), "means": means.cpu().numpy()}, note


def _traverse(loaded: Loaded, config: Mapping[str, Any]) -> tuple[np.ndarray, dict[str, np.ndarray], str]:
    model, spec, steps = loaded.model, loaded.spec, config["steps"]
    assert isinstance(model, DecodesLatents)
    if not spec.is_image:
        raise ConfigError("task=traverse: draws pictures, this data is vectors; use task=sample")
    device = _device(model)
    dims = min(model.latent_dim, config["n"])
    generator = torch.Generator(device).manual_seed(config["seed"])
    labels = _labels(loaded, {**config, "label": config["label"] or 0}, 1, device)
    z = model.sample_latents(1, generator=generator, **labels).repeat(dims * steps, 1)
    values = torch.linspace(-TRAVERSE_RANGE, TRAVERSE_RANGE, steps, device=device)
    for dim in range(dims):
        z[dim * steps : (dim + 1) * steps, dim] = values
    repeated = {name: value.repeat(len(z)) for name, value in labels.items()}
    means = model.decode(z, **repeated)
    arrays = {"latents": z.cpu().numpy(), "means": means.cpu().numpy()}
    note = f"one row per latent dimension, from -{TRAVERSE_RANGE} to {TRAVERSE_RANGE}"
    return grid(means, spec, columns=steps), arrays, note


def save_npz(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write ``.npz``; unlike `numpy.savez`, the same arrays give the same bytes (no time of writing inside)."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, np.ascontiguousarray(array), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0)), buffer.getvalue())
