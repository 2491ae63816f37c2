"""The help texts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from genlab.config import listing
from genlab.signatures.described import held

if TYPE_CHECKING:
    from collections.abc import Mapping

    from genlab.cli.verbs import Verb

_GROUPS = {
    "train": ("model", "data", "objective", "optim", "trainer", "callbacks", "logger", "experiment"),
    "sample": ("task",),
    "eval": ("metric",),
    "compare": ("metric",),
}

_TAILS = {"list": f"[{'|'.join(listing.GROUPS)}]", "compare": "[RUN ...] [key=value ...]"}

_MORE = """\
  -m, --multirun        a sweep: comma-separated values become one run each
  --config-dir DIR      config files of your own, beside genlab's
  --cfg job             print the config and run nothing (add --resolve to fill in references)
  --hydra-help          everything else that Hydra offers
  --debug               show the traceback of an error"""


def overview(verbs: Mapping[str, Verb]) -> str:
    """``genlab --help``."""
    shown = {name: verb for name, verb in verbs.items() if not verb.hidden}
    commands = "\n".join(f"  {name:<11}{verb.summary}" for name, verb in shown.items())
    examples = "\n".join(f"  {verb.examples[0]}" for verb in shown.values())
    return f"""\
usage: genlab COMMAND [key=value ...]

Train, sample and compare deep generative models under one protocol.

commands:
{commands}

examples:
{examples}
  genlab train model=vae data=mnist

models: {", ".join(listing.choices("model"))}
data:   {", ".join(listing.choices("data"))}

genlab COMMAND --help says more; genlab --version; tab completion: eval "$(genlab -sc install=bash)\""""


def verb(name: str, entry: Verb) -> str:
    """``genlab VERB --help``."""
    tail = _TAILS.get(name, "[key=value ...]")
    lines = [f"usage: genlab {name} {tail}", "", f"{entry.summary[0].upper()}{entry.summary[1:]}.", "", "examples:"]
    lines += [f"  {line}" for line in entry.examples]
    if name == "list":
        return "\n".join(lines)
    groups = [(group, list(listing.choices(group))) for group in _GROUPS.get(name, ())]
    if any(found for _, found in groups):
        lines += ["", "choices:"] + [f"  {group}={' | '.join(found)}" for group, found in groups if found]
    settings = _settings(name)
    lines += ["", "settings (key=value; --cfg job shows all of them):", *settings]
    lines += _options() if name == "sample" else []
    flags = ", ".join(f"--{flag}" for flag in entry.flags)
    lines += ["", "flags:", f"  {flags}", "                        the same as key=value", _MORE]
    return "\n".join(lines)


def _options() -> list[str]:
    """The options of the tasks, with what their classes say of them: one line for what several have in common."""
    tasks: dict[tuple[str, str, str], list[str]] = {}
    for name, task in held(listing.HELD["task"]).items():
        for key, value in task.defaults().items():
            shown = value if isinstance(value, str) else json.dumps(value)
            tasks.setdefault((key, shown, task.notes.get(key, "").replace("None:", "null:")), []).append(name)
    return [f"  {f'{key}={value}':<22}{', '.join(of)}: {note}" for (key, value, note), of in sorted(tasks.items())]


def _settings(name: str) -> list[str]:
    """The top-level values of a verb's config file, with their comments."""
    lines = []
    for line in (listing.config_dir() / f"{name}.yaml").read_text(encoding="utf-8").splitlines():
        key, _, rest = line.partition(":")
        if key.isidentifier() and rest.strip() and key not in {"defaults", "hydra"}:
            value, _, comment = rest.partition("#")
            value = value.strip().replace("${hydra:runtime.choices.", "<").replace("}", ">")
            if value:
                lines.append(f"  {f'{key}={value}':<22}{comment.strip()}".rstrip())
    return lines
