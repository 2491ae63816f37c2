"""Data sets: plain functions with keyword arguments that return a `Dataset`.

Importing this package needs torch and NumPy only; scikit-learn and Pillow are imported by the functions that use them.
"""

# The names are bound at once, not on demand: several functions share the name of their module, and a module
# imported later would take the place of the function.
from genlab.data.sources.arrays import arrays
from genlab.data.sources.celeba import celeba
from genlab.data.sources.cifar10 import cifar10
from genlab.data.sources.densities import Density
from genlab.data.sources.digits import digits
from genlab.data.sources.domains import paired, unpaired
from genlab.data.sources.folder import image_folder
from genlab.data.sources.mnist import binarized_mnist, fashion_mnist, mnist
from genlab.data.sources.toy2d import DENSITIES, toy2d
from genlab.data.sources.unpaired_digits import unpaired_digits
from genlab.data.spaces import Dataset, DataSpec, Split

__all__ = [
    "DENSITIES",
    "DataSpec",
    "Dataset",
    "Density",
    "Split",
    "arrays",
    "binarized_mnist",
    "celeba",
    "cifar10",
    "digits",
    "fashion_mnist",
    "image_folder",
    "mnist",
    "paired",
    "toy2d",
    "unpaired",
    "unpaired_digits",
]
