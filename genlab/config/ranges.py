"""The types of options under the name by which metrics of one's own import them: `genlab.signatures.ranges`."""

from genlab.signatures.ranges import *  # noqa: F403
