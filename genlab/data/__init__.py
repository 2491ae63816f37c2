"""Data sets: plain functions with keyword arguments that return a `Dataset`.

A name is imported when somebody asks for it: importing this package needs nothing.
"""

from typing import TYPE_CHECKING

from genlab.signatures.names import lazy

if TYPE_CHECKING:
    from genlab.data.dataset import Dataset, DataSpec, Split
    from genlab.data.sources.arrays import arrays
    from genlab.data.sources.audio import audio
    from genlab.data.sources.binarized_mnist import binarized_mnist
    from genlab.data.sources.captioned_digits import captioned_digits
    from genlab.data.sources.celeba import celeba
    from genlab.data.sources.cifar10 import cifar10
    from genlab.data.sources.densities import Density
    from genlab.data.sources.digits import digits
    from genlab.data.sources.fashion_mnist import fashion_mnist
    from genlab.data.sources.image_folder import image_folder
    from genlab.data.sources.jsb_chorales import jsb_chorales
    from genlab.data.sources.lines import lines
    from genlab.data.sources.mnist import mnist
    from genlab.data.sources.moving_digits import moving_digits
    from genlab.data.sources.music import music
    from genlab.data.sources.nottingham import nottingham
    from genlab.data.sources.paired import paired
    from genlab.data.sources.radar import radar
    from genlab.data.sources.spoken_digits import spoken_digits
    from genlab.data.sources.static_mnist import static_mnist
    from genlab.data.sources.toy2d import DENSITIES, toy2d
    from genlab.data.sources.unpaired import unpaired
    from genlab.data.sources.unpaired_digits import unpaired_digits

__all__, __getattr__, __dir__ = lazy(__name__, __file__)
