"""What the verbs do: a checked config in, artefacts out. Each module is importable without the command line."""
