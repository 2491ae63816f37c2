"""Networks and output distributions: tensors to tensors."""
