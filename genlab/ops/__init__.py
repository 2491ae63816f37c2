"""Small operations on tensors and networks that several families share."""
