"""What is minimised: ``(model, batch, step) -> Loss``; in a game, by each player its own.

Hyper-parameters of training live here, not in the models.
"""

from genlab.objectives.adversarial import Adversarial
from genlab.objectives.conditional import ConditionalAdversarial
from genlab.objectives.contrastive import ContrastiveDivergence
from genlab.objectives.cycle import CycleConsistency
from genlab.objectives.elbo import ELBO, IWAE
from genlab.objectives.likelihood import MaximumLikelihood

__all__ = [
    "ELBO",
    "IWAE",
    "Adversarial",
    "ConditionalAdversarial",
    "ContrastiveDivergence",
    "CycleConsistency",
    "MaximumLikelihood",
]
