"""What is minimised: ``(model, batch, step) -> Loss``; in a game, by each player its own.

Hyper-parameters of training live here, not in the models.
"""

from genlab.objectives.adversarial import Adversarial
from genlab.objectives.conditional_adversarial import ConditionalAdversarial
from genlab.objectives.contrastive_divergence import ContrastiveDivergence
from genlab.objectives.cycle_consistency import CycleConsistency
from genlab.objectives.elbo import ELBO, IWAE
from genlab.objectives.maximum_likelihood import MaximumLikelihood

__all__ = [
    "ELBO",
    "IWAE",
    "Adversarial",
    "ConditionalAdversarial",
    "ContrastiveDivergence",
    "CycleConsistency",
    "MaximumLikelihood",
]
