"""Captions: texts of one length, filled with the first symbol of their vocabulary."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from genlab.data.spaces import Tokens
from genlab.data.text.coding import encoded
from genlab.errors import ConfigError


def caption(space: Tokens, text: str) -> Tensor:
    """The tokens of a text in small letters, ``(L,)``, 0 after its end.

    Raises:
        ConfigError: it is too long, or holds a character that no caption has.
    """
    found = encoded(space, text.lower())
    if len(found) > space.length:
        raise ConfigError(f"a caption of {len(found)} characters; give {space.length} at most")
    return F.pad(found, (0, space.length - len(found))).to(space.dtype)
