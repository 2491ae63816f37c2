"""``metric=ood``: how well the model's scores tell examples of another kind from its own."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from genlab import build
from genlab.config import listing
from genlab.config.arguments import nearest, quote
from genlab.data.spaces import Dataset, DataSpec, Image, Split, Tokens
from genlab.data.subset import subset, training_subset
from genlab.errors import ConfigError, DataError, GenlabError
from genlab.evaluation.artefacts.figures import Compared, histograms
from genlab.evaluation.bayes import class_log_prior
from genlab.evaluation.record import Record
from genlab.evaluation.statistics.detect import RECALL, detection, placements
from genlab.evaluation.statistics.estimate import influence
from genlab.evaluation.strangeness import (
    OWN,
    energy_scores,
    likelihood_scores,
    negative_log_likelihoods,
    own_strange,
    same_kind,
)
from genlab.evaluation.validate import has_likelihood
from genlab.metrics import _needs
from genlab.metrics.base import Metric
from genlab.metrics.subject import Subject, at_least
from genlab.models.capabilities import ExactLikelihood, UnnormalisedDensity
from genlab.signatures.ranges import Positive, Text

MIN_EXAMPLES = 30
"""Of each kind: with fewer, 95% of them is no more than all of them."""

WHAT = {
    "likelihood": "-log p(x)",
    "complexity": "-log2 p(x) - bits of zlib or PNG",
    "typicality": "distance of -log p(x) from its mean over training examples",
    "energy": "E(x)",
}

PER_SCORE = {
    "auroc": "probability",
    "aupr": "average precision",
    "fpr95": "share of strange passed",
}


def _named(name: str, root: str | None, subject: Subject) -> Dataset:
    """The data of ``configs/data/<name>.yaml``, in ``root``, in ``data.root`` or where data are by default.

    Raises:
        ConfigError: there is no such data, or it is not of the model's type.
        DataError: its files are missing.
    """
    from genlab.config.compose import compose  # Hydra: only who asks for other data pays for it

    choices = list(listing.choices("data"))
    if name not in choices:
        shown = [*OWN, *choices]
        raise ConfigError(f"metric.ood.data={name}: choose from {', '.join(shown)}{nearest(name, shown)}")
    given = subject.config["data"]["root"]
    place = root or given

    def told(error: GenlabError) -> str:
        # the key that was set, or that can be
        return f"metric.ood.data={name}: " + (
            str(error) if root is None and given is not None else str(error).replace("data.root", "metric.ood.root")
        )

    try:
        composed = compose("train", [f"data={name}", *([] if place is None else [f"data.root={quote(place)}"])])
        assert composed is not None
        data = build.dataset(composed.config["data"], trust=[])
    except ConfigError as error:
        raise ConfigError(told(error)) from error
    except DataError as error:
        raise DataError(told(error)) from error
    spec = subject.data.spec
    if not same_kind(data, spec):
        raise ConfigError(
            f"metric.ood.data={name} is {_kind(data.spec)}, the model's data is {_kind(spec)}; "
            f"metric.ood.data={' and '.join(['noise'] if spec.levels is None else OWN)} always fit"
        )
    return data


def _kind(spec: DataSpec) -> str:
    shape = "x".join(map(str, spec.event_shape))
    domains = "" if spec.layout == "single" else f", {spec.layout}"
    return f"{shape} {'real' if spec.levels is None else f'of {spec.levels} levels'}{domains}"


class OOD(Metric):
    """Anomaly detection: AUROC, AUPR and FPR@95 of the likelihood, corrected for complexity, typicality, the energy.

    Args:
        data: a data set (fashion_mnist ...), or inverted, dimmed, shuffled, noise; auto: dimmed, of two levels
            inverted, of vectors noise, of tokens shuffled.
        root: where that data set is; None: as data.root.
        num_particles: importance samples per example of a bound.
        max_examples: examples of each kind at most.
    """

    needs = (_needs.one_size, _needs.likelihood_or_energy)
    shared = True

    def __init__(
        self,
        *,
        data: Text = "auto",
        root: Text | None = None,
        num_particles: Positive = 50,
        max_examples: Positive = 2000,
    ) -> None:
        self.data = data
        self.root = root
        self.num_particles = num_particles
        self.max_examples = max_examples

    def compute(self, subject: Subject) -> Iterator[Record]:
        """Three statistics of every score that the model offers."""
        name, outside = self.strange(subject)
        inside = subset(subject.split, self.max_examples, seed=subject.seed)
        least = min(len(inside), len(outside))
        at_least(MIN_EXAMPLES, least, metric="ood", what="examples of each kind", why=f"a share of {RECALL:.0%}")
        own = f"{subject.data.name}, {subject.split_name}"
        bound = not isinstance(subject.model, ExactLikelihood)
        records, panels = [], []
        pairs, notes = self._scores(subject, inside, outside)
        for score, (of_own, of_strange) in pairs.items():
            found = detection(of_own, of_strange, seed=subject.seed)
            method = f"ood score {score} = {WHAT[score]}: {len(inside):,} of {own} against {len(outside):,} of {name}"
            method += notes.get(score, "")
            if score == "likelihood" and found["auroc"].value < 0.5:
                method += (
                    f"; the known paradox: the model finds {name} likelier than the data it was trained on, "
                    "so its likelihood alone does not tell what is strange (Nalisnick et al., 2019)"
                )
            title = f"{score}, AUROC {found['auroc'].value:.3f}"
            panels.append(Compared(title, WHAT[score], of_own, of_strange))
            for statistic, (value, error) in found.items():
                records.append(
                    Record(
                        metric=f"ood_{statistic}_{score}",
                        value=value,
                        unit=PER_SCORE[statistic],
                        kind="estimate",
                        n=len(inside) + len(outside),
                        standard_error=error,
                        split=subject.split_name,
                        seed=subject.seed,
                        num_particles=self.num_particles if bound and score != "energy" else None,
                        method=method,
                        influence=influence(*placements(of_own, of_strange)) if statistic == "auroc" else None,
                    )
                )
        subject.picture("ood", histograms(panels, names=(own, name)))
        yield from records

    def strange(self, subject: Subject) -> tuple[str, Split]:
        """The strange examples and their name."""
        name, limit, seed = self.data, self.max_examples, subject.seed
        if name == "auto":
            # of two levels the half is black, and tokens are names of which no other is a half
            levels, tokens = subject.data.spec.levels, isinstance(subject.data.spec.space, Tokens)
            name = "shuffled" if tokens else "noise" if levels is None else "inverted" if levels == 2 else "dimmed"
        if name in OWN:
            chosen = subset(subject.split, limit, seed=seed)
            shown = "uniform noise" if name == "noise" else f"{name} {subject.data.name}"
            return shown, own_strange(name, chosen, subject.data.spec, seed=seed)
        data = _named(name, self.root, subject)
        return data.name, subset(data.split(subject.split_name), limit, seed=seed)

    def _scores(
        self, subject: Subject, inside: Split, outside: Split
    ) -> tuple[dict[str, tuple[Tensor, Tensor]], dict[str, str]]:
        """By name, the scores of the model's own data and of the strange ones, every one that it offers; and notes."""
        model, data, config = subject.model, subject.data, subject.config
        parts = {"data": inside, "strange": outside}
        pairs: dict[str, tuple[Tensor, Tensor]] = {}
        notes: dict[str, str] = {}
        if has_likelihood(model):
            prior = None
            if model.given is not None:
                assert data.train.y is not None
                assert data.spec.num_classes is not None
                prior = class_log_prior(data.train.y, data.spec.num_classes)
            parts["train"] = training_subset(data, self.max_examples, seed=subject.seed)
            nll = {
                name: negative_log_likelihoods(
                    model,
                    part,
                    log_prior=prior,
                    num_particles=self.num_particles,
                    split_name=name,
                    batch_size=config["batch_size"],
                    seed=subject.seed,
                    progress=subject.bar(f"ood {name}"),
                )
                for name, part in parts.items()
            }
            finite = nll["train"].isfinite()
            typical = nll["train"][finite].mean().item()
            if not finite.all():
                notes["typicality"] = (
                    f"; {int((~finite).sum()):,} training examples without a finite -log p(x) left out"
                )
            own, strange = (
                likelihood_scores(
                    nll[name], typical=typical, x=parts[name].x if isinstance(data.spec.space, Image) else None
                )
                for name in ("data", "strange")
            )
            pairs |= {name: (own[name], strange[name]) for name in own}
        ranking = subject.loaded.model
        if isinstance(ranking, UnnormalisedDensity) and ranking.given is None:  # else strange ones have no condition
            size = config["batch_size"]
            pairs["energy"] = (
                energy_scores(ranking, inside, batch_size=size),
                energy_scores(ranking, outside, batch_size=size),
            )
        return pairs, notes
