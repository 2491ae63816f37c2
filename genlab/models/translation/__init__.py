"""Translators between two domains of images."""
