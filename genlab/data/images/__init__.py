"""Image files to arrays, and what is done to images on their way to a model."""
