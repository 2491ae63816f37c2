"""Schema of maximum likelihood."""

from __future__ import annotations

from genlab.config.schema.nodes import Target


class MaximumLikelihood(Target):
    """`genlab.objectives.MaximumLikelihood`."""


TARGETS: dict[str, type[Target]] = {"genlab.objectives.MaximumLikelihood": MaximumLikelihood}
