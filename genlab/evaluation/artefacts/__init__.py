"""What is drawn of models and data: grids, figures, chains, reports."""
