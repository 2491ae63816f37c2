"""``metric=bayes``: a class-conditional model as a classifier, beside naive Bayes and logistic regression."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from genlab.data.spaces import Split
from genlab.data.subset import subset, training_subset
from genlab.evaluation.bayes import class_log_likelihoods, class_log_posterior, class_log_prior
from genlab.evaluation.record import Record
from genlab.evaluation.statistics.classify import Labelled, Linear, accuracy, calibration
from genlab.evaluation.statistics.estimate import influence
from genlab.metrics import _needs
from genlab.metrics._representation import enough, flat
from genlab.metrics.base import Metric
from genlab.metrics.subject import Subject
from genlab.models import NaiveBayes
from genlab.models.capabilities import ExactLikelihood
from genlab.seeding import derive
from genlab.signatures.ranges import Positive


def _naive_bayes(train: Split, subject: Subject, scored: Split, classes: int) -> Tensor:
    """``P(y | x)`` of independent pixels, or of independent normal coordinates, ``(n, C)``."""
    spec = subject.data.spec
    if spec.levels is not None:
        model = NaiveBayes(spec)
        generator = torch.Generator().manual_seed(derive(subject.seed, "naive_bayes"))
        model.fit(train, subject.data.val, generator=generator)
        return torch.cat([model.class_log_probs(part).double().exp() for part in scored.x.split(1000)])
    from sklearn.naive_bayes import GaussianNB

    assert train.y is not None
    fitted = GaussianNB().fit(flat(train).numpy(), train.y.numpy())
    found = torch.zeros(len(scored), classes, dtype=torch.float64)
    found[:, torch.from_numpy(fitted.classes_).long()] = torch.from_numpy(fitted.predict_proba(flat(scored).numpy()))
    return found


class Bayes(Metric):
    """A class-conditional model as a classifier by Bayes' rule: accuracy and calibration, beside two others.

    Args:
        num_particles: importance samples per example and class of a bound.
        max_examples: examples scored at most: each costs one likelihood for every class.
        max_train: training examples of the two classifiers beside it, naive Bayes and logistic regression, at most.
    """

    needs = (_needs.likelihood_of_classes,)
    better = "higher"
    shared = True

    def __init__(
        self, *, num_particles: Positive = 100, max_examples: Positive = 2000, max_train: Positive = 10000
    ) -> None:
        self.num_particles = num_particles
        self.max_examples = max_examples
        self.max_train = max_train

    def compute(self, subject: Subject) -> Iterator[Record]:
        """Accuracy and calibration by Bayes' rule, and of the two classifiers beside it."""
        model, data, seed, particles = subject.model, subject.data, subject.seed, self.num_particles
        classes = data.spec.num_classes
        assert classes is not None
        scored = subset(subject.split, self.max_examples, seed=seed)
        train = training_subset(data, self.max_train, seed=seed)
        assert scored.y is not None
        assert train.y is not None
        assert data.train.y is not None
        enough(train.y, scored.y, metric="bayes")
        log_likelihoods = class_log_likelihoods(
            model,
            scored,
            num_particles=particles,
            split_name=subject.split_name,
            batch_size=subject.config["batch_size"],
            seed=seed,
            progress=subject.bar("bayes"),
        )
        posterior = class_log_posterior(log_likelihoods, class_log_prior(data.train.y, classes)).exp()
        exact = isinstance(model, ExactLikelihood)
        used = f"{len(scored):,} of {len(subject.split):,} {subject.split_name} examples"
        trained = f"{len(train):,} of {len(data.train):,} training examples, {used}"
        linear = Linear(Labelled(flat(train), train.y))
        unfinished = "" if linear.converged else " stopped before it converged"
        records = []
        for ending, probabilities, method in (
            ("", posterior, f"Bayes' rule with {'the likelihood' if exact else 'bounds'} of each class, {used}"),
            ("_naive_bayes", _naive_bayes(train, subject, scored, classes), f"naive Bayes of {trained}"),
            ("_logistic", linear.probabilities(flat(scored), classes), f"logistic regression{unfinished} of {trained}"),
        ):
            num_particles = None if ending or exact else particles
            for name, (value, error), unit in (
                ("bayes", accuracy(probabilities.argmax(1), scored.y), "share correct"),
                ("bayes_ece", calibration(probabilities, scored.y, seed=seed), "calibration error"),
            ):
                records.append(
                    Record(
                        metric=name + ending,
                        value=value,
                        unit=unit,
                        kind="estimate",
                        n=len(scored),
                        standard_error=error,
                        split=subject.split_name,
                        seed=seed,
                        num_particles=num_particles,
                        method=method,
                        influence=influence(probabilities.argmax(1) == scored.y) if name == "bayes" else None,
                    )
                )
        yield from records
