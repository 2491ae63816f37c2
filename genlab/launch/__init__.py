"""From a checked config to a run in a process of its own: starting, resuming, sweeps and their jobs."""
