"""Lossless compression with a trained model: what a density says of data, as a file.

A model with a likelihood says how many bits an example needs, ``-log2 p(x)``; a coder makes a file of as many.
"""
