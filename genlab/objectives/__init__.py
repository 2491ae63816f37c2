"""What is minimised: ``(model, batch, step) -> Loss``; in a game, by each player its own.

Hyper-parameters of training live here, not in the models.
"""

from typing import TYPE_CHECKING

from genlab.signatures.names import lazy

if TYPE_CHECKING:
    from genlab.objectives.adversarial import Adversarial
    from genlab.objectives.conditional_adversarial import ConditionalAdversarial
    from genlab.objectives.contrastive_divergence import ContrastiveDivergence
    from genlab.objectives.cycle_consistency import CycleConsistency
    from genlab.objectives.denoising_score_matching import DenoisingScoreMatching
    from genlab.objectives.elbo import ELBO
    from genlab.objectives.flow_matching import FlowMatching
    from genlab.objectives.iwae import IWAE
    from genlab.objectives.maximum_likelihood import MaximumLikelihood
    from genlab.objectives.semi_supervised import SemiSupervised
    from genlab.objectives.walkback import Walkback

__all__, __getattr__, __dir__ = lazy(__name__, __file__)
