"""Numbers to numbers: distances, divergences, detection, their standard errors; no model, no data set."""
