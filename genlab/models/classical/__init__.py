"""Classical density models, fitted in one pass: what every deep number stands beside."""

from genlab.models.classical.base import Fit, Fitted
from genlab.models.classical.for_data import gmm, histogram, kde, knn, ppca
from genlab.models.classical.tables import NaiveBayes

__all__ = ["Fit", "Fitted", "NaiveBayes", "gmm", "histogram", "kde", "knn", "ppca"]
