"""Text: its files, how it becomes tokens, and a novel that needs no file."""
