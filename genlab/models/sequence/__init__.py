"""Models of sequences: each step given all before it."""
