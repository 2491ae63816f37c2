"""Models that undo noise step by step: the paths from data to noise, and the denoisers that go back."""
