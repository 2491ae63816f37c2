"""Runs side by side: what compares with what, the table, and the page. Nothing here imports PyTorch."""
