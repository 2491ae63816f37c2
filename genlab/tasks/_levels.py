"""What the tasks that look at levels of latents share."""

from __future__ import annotations

from genlab.errors import ConfigError
from genlab.models.levels import LatentLevels


def level_of(model: LatentLevels, level: int) -> int:
    """``level`` if the model has it.

    Raises:
        ConfigError: it has fewer.
    """
    levels = len(model.level_dims)
    if level > levels:
        raise ConfigError(
            f"level={level}: the model has {levels} level{'s' * (levels > 1)}; give 1, the lowest, to {levels}"
        )
    return level
