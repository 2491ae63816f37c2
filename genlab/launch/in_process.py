"""One run in the process of a caller: its settings composed and checked, its directory, and the work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from genlab.config import arguments
from genlab.config import trust as trusting
from genlab.errors import ConfigError, TrustError
from genlab.launch import start, worker
from genlab.launch.calling import called, words
from genlab.runs import directory, ranks

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from genlab.config.compose import Composed
    from genlab.evaluation.record import Record


def trained(overrides: Sequence[str | Mapping[str, Any]], *, trust: Sequence[str], quiet: bool) -> tuple[Path, str]:
    """Train, or go on training; the run directory and the accelerator. Errors as `genlab.launch.interface.train`."""
    said = parsed("train", overrides, trust)
    if said.resume is not None:
        return resumed(said, trust, quiet=quiet), "auto"
    made = composed("train", said)
    path, _ = done("train", made.config, lambda: start.prepare("train", made), quiet=quiet)
    return path, made.config["trainer"]["accelerator"]


def scored(asked: Sequence[str | Mapping[str, Any]], *, trust: Sequence[str], quiet: bool) -> list[Record]:
    """Score a checkpoint; see `genlab.launch.interface.evaluate`."""
    names = [each for each in asked if isinstance(each, str) and "=" not in each and not each.startswith(("-", "~"))]
    others = [each for each in asked if each not in names]
    chosen = [f"metric=[{','.join(names)}]"] if names else []
    made = composed("eval", parsed("eval", [*chosen, *others], trust))
    return done("eval", made.config, lambda: start.prepare("eval", made, quiet=quiet), quiet=quiet)[1]


def trusted(overrides: Sequence[str | Mapping[str, Any]], trust: Sequence[str]) -> list[str]:
    """The word that says ``trust``, which no setting may say."""
    if any(word.lstrip("+~").partition("=")[0].partition(".")[0] == "trust" for word in words(overrides)):
        raise TrustError("trust is no setting here: give it as the argument trust=['mypackage']; nothing ran")
    if isinstance(trust, str):
        raise ConfigError(f"trust={trust!r}: must be a list of package names: trust=[{trust!r}]")
    word = trusting.as_word(trust)
    trusting.typed(word)
    return word


def parsed(verb: str, overrides: Sequence[str | Mapping[str, Any]], trust: Sequence[str]) -> arguments.Arguments:
    """The settings of one run of a verb.

    Raises:
        ConfigError, TrustError: a word that is none, or of the command line alone.
    """
    said = [*words(overrides), *trusted(overrides, trust)]
    found = arguments.parse(said, verb=verb, flags={})
    if found.multirun or found.shows:
        raise ConfigError(f"{found.hydra[0]}: is of the command line; here a call is one run")
    return found


def composed(verb: str, said: arguments.Arguments) -> Composed:
    """The checked config; errors as `genlab.config.compose.compose`."""
    from genlab.config import compose

    found = compose.compose(verb, said.argv())
    assert found is not None  # no word was left that makes Hydra print
    return found


def done(verb: str, config: Mapping[str, Any], prepare: Callable[[], Path], *, quiet: bool) -> tuple[Path, Any]:
    """Make a run directory and do the work; it, and what the verb's command returns."""
    _check_alone(verb, config)
    with called(quiet=quiet):
        run_dir = prepare()
        with start.discarded_if_refused(run_dir):
            return run_dir, worker.perform(run_dir, trust=config["trust"])[1]


def resumed(asked: arguments.Arguments, trust: Sequence[str], *, quiet: bool) -> Path:
    """Go on with a run; its directory. Errors as `genlab.launch.resume.resume`."""
    from genlab.launch import resume

    said = [word for word in asked.overrides if word.lstrip("+").partition("=")[0] not in {"resume", "trust"}]
    path = resume.find(str(asked.resume), said)
    if not (path / directory.CONFIG).is_file() or asked.hydra:
        raise ConfigError(f"resume={path}: is no single run; sweeps are resumed from the command line")
    changes = resume.parsed(said)

    def work(path: Path, *, trust: Sequence[str], **held: Any) -> int:
        _check_alone("train", held["config"])
        worker.perform(path, trust=trust, **held)
        return 0

    with called(quiet=quiet):
        resume.go_on(path, list(trust), changes, work=work)
    return path


def _check_alone(verb: str, config: Mapping[str, Any]) -> None:
    """Refuse what several processes would share: each of them would be the caller's program, from its beginning.

    Raises:
        ConfigError: there are several devices or nodes, or a launcher has started this process.
    """
    ranks.check()
    if worker.starts_ranks(verb, config) or ranks.external() is not None:
        raise ConfigError(
            f"several devices or processes share a {verb} run only on the command line: genlab {verb} ...; "
            f"here take {'trainer.' if verb == 'train' else ''}devices=1"
        )
