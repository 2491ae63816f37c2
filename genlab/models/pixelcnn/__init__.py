"""PixelCNNs: causal networks over an image's values, and their incremental sampling."""
