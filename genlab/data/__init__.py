"""Data sets: plain functions with keyword arguments that return a `Dataset`.

Importing this package needs torch and NumPy only; scikit-learn and Pillow are imported by the functions that use them.
"""

# The names are bound at once, not on demand: several functions share the name of their module, and a module
# imported later would take the place of the function.
from genlab.data.celeba import celeba
from genlab.data.cifar10 import cifar10
from genlab.data.densities import Density
from genlab.data.digits import digits
from genlab.data.domains import paired, unpaired
from genlab.data.folder import image_folder
from genlab.data.mnist import binarized_mnist, fashion_mnist, mnist
from genlab.data.spec import Dataset, DataSpec, Split
from genlab.data.toy2d import DENSITIES, toy2d
from genlab.data.unpaired_digits import unpaired_digits

__all__ = [
    "DENSITIES",
    "DataSpec",
    "Dataset",
    "Density",
    "Split",
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
