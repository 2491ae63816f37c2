"""Pure functions ``(model, split) -> record``, and the pictures of models and data."""
