"""Output distributions and priors: parameters to ``log_prob`` and ``sample``."""
