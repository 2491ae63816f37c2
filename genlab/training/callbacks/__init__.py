"""What happens around the training steps: scalars, validation and pictures, checkpoints, signals, the progress bar."""
