"""Inverse problems on any trained model: what is seen of an example, and draws of what it may have been."""
