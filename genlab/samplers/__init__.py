"""Samplers: functions of an energy and a state, tensors to tensors."""

from genlab.samplers.langevin import Langevin, gradient

__all__ = ["Langevin", "gradient"]
