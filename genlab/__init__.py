"""genlab: train, sample and compare deep generative models under one honest protocol."""

__version__ = "0.1.0"
