"""What is minimised: ``(model, batch, step) -> Loss``. Hyper-parameters of training live here, not in the models."""

from genlab.objectives.contrastive import ContrastiveDivergence
from genlab.objectives.elbo import ELBO, IWAE
from genlab.objectives.likelihood import MaximumLikelihood

__all__ = ["ELBO", "IWAE", "ContrastiveDivergence", "MaximumLikelihood"]
