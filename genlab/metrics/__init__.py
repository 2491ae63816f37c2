"""The metrics of ``genlab eval``: adding one is adding a file, which holds a class that is named as the file is."""

from genlab.build import discovered
from genlab.metrics.base import Metric
from genlab.metrics.subject import Subject

METRICS: dict[str, type[Metric]] = discovered(__name__, Metric)  # type: ignore[type-abstract]
"""Those of this folder, by name."""

__all__ = ["METRICS", "Metric", "Subject"]
