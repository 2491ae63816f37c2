"""The metrics of ``genlab eval``: adding one is adding a file, which holds a class that is named as the file is."""

from pkgutil import iter_modules

from genlab.metrics.base import Metric, metric_in
from genlab.metrics.subject import Subject

METRICS: dict[str, type[Metric]] = {
    module.name: found
    for module in iter_modules(__path__)
    if not module.name.startswith("_") and (found := metric_in(f"{__name__}.{module.name}")) is not None
}
"""Those of this folder, by name."""

__all__ = ["METRICS", "Metric", "Subject"]
