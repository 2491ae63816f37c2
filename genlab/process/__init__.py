"""This process among others: signals, threads, streams that may close."""
