"""Fashion-MNIST, read as MNIST is."""

from __future__ import annotations

from genlab.data.dataset import Dataset
from genlab.data.sources.mnist import Source, load
from genlab.signatures.ranges import Folder, Positive

gives = ("one set", "image", "28x28", "integers", "labels")

FASHION_MNIST = Source(
    name="fashion_mnist",
    folder="FashionMNIST/raw",
    known_as="FashionMNIST",
    unpacked={
        "train-images-idx3-ubyte": "f4a8712d7a061bf5bd6d2ca38dc4d50a",
        "train-labels-idx1-ubyte": "9018921c3c673c538a1fc5bad174d6f9",
        "t10k-images-idx3-ubyte": "8181f5470baa50b63fa0f6fddb340f0a",
        "t10k-labels-idx1-ubyte": "15d484375f8d13e6eb1aabb0c3f46965",
    },
    classes=(
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ),
)


def fashion_mnist(*, root: Folder | None = None, download: bool = True, val_size: Positive = 5000) -> Dataset:
    """Fashion-MNIST under ``FashionMNIST/raw``: shapes, arguments and errors as for `mnist`.

    H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning Algorithms",
    2017, https://arxiv.org/abs/1708.07747.
    """
    return load(FASHION_MNIST, root=root, download=download, val_size=val_size)
