"""Files of checkpoints: archives that are verified, plain contents, and pickles that run nothing."""
