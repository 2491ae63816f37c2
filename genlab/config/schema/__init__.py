"""The schema of every configuration: names, types and ranges, checked before data or model are touched.

The YAML files hold the values and this package their types; `validate` refuses unknown keys, wrong types and values
out of range in one sentence that names the key. The keys of `TARGETS` are the positive list of what a config may
build (see `genlab.config.trust`). Nothing here imports PyTorch, so a config error is told at once.
"""

from genlab.config.schema.check import keys, suggest, validate
from genlab.config.schema.targets import NODES, TARGETS
from genlab.config.schema.verbs import VERBS

__all__ = ["NODES", "TARGETS", "VERBS", "keys", "suggest", "validate"]
