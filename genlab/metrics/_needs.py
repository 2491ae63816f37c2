"""What a checkpoint can lack for a metric, beyond a capability of its model."""

from __future__ import annotations

from genlab.codec.coders import FIT, lacking
from genlab.data.sources.densities import Density, GaussianMixture
from genlab.data.sources.toy2d import DENSITIES
from genlab.data.spaces import Frames, Image, Label, Tokens, Waveform, is_text
from genlab.evaluation.artefacts.clouds import is_cloud
from genlab.evaluation.validate import has_likelihood
from genlab.models.capabilities import ExactLikelihood, LikelihoodBound, UnnormalisedDensity
from genlab.models.sequence.base import SequenceModel
from genlab.restore import Loaded


def likelihood(loaded: Loaded) -> str | None:
    """A likelihood or a bound on it, or an energy on the plane."""
    return None if has_likelihood(loaded.model) else "a likelihood"


def likelihood_or_energy(loaded: Loaded) -> str | None:
    """What ranks examples."""
    model = loaded.model
    ranks = has_likelihood(model) or (isinstance(model, UnnormalisedDensity) and model.given is None)
    return None if ranks else "a likelihood, or an energy without a condition"


def likelihood_of_classes(loaded: Loaded) -> str | None:
    """A likelihood that is given the class."""
    known = isinstance(loaded.model, ExactLikelihood | LikelihoodBound)
    return None if known and isinstance(loaded.model.given, Label) else "a likelihood of each class"


def not_given_the_label(loaded: Loaded) -> str | None:
    """Codes that do not carry the very label that is to be told from them."""
    return None if loaded.model.given is None else "an encoder that is not given the label"


def labels(loaded: Loaded) -> str | None:
    """Examples with classes."""
    return "labels" if loaded.spec.num_classes is None else None


def integers(loaded: Loaded) -> str | None:
    """Data of which bits can be counted."""
    return "integer data" if loaded.spec.levels is None else None


def codable(loaded: Loaded) -> str | None:
    """A model that a coder can write by."""
    return None if lacking(loaded.model, loaded.spec) is None else f"integer data and a model that compresses ({FIT})"


def reals(loaded: Loaded) -> str | None:
    """Data that have a density."""
    return "real data" if loaded.spec.levels is not None else None


def text(loaded: Loaded) -> str | None:
    """Tokens that say what they write."""
    return None if is_text(loaded.spec.space) else "text (data=text, data=lines)"


def tokens(loaded: Loaded) -> str | None:
    """Tokens, of text or not."""
    return None if isinstance(loaded.spec.space, Tokens) else "tokens"


def sound(loaded: Loaded) -> str | None:
    """Sound of integer levels."""
    space = loaded.spec.space
    return None if isinstance(space, Waveform) and space.levels is not None else "sound of integer levels"


def frames(loaded: Loaded) -> str | None:
    """Sequences of vectors."""
    return None if isinstance(loaded.spec.space, Frames) else "frames, such as a piano roll"


def nearness(loaded: Loaded) -> str | None:
    """Examples of which it can be told whether one is nearly another."""
    space = loaded.spec.space
    unclear = isinstance(space, Waveform) or (isinstance(space, Frames) and space.levels is None)
    return "examples that can be told to be alike (sound is another at every shift)" if unclear else None


def distances(loaded: Loaded) -> str | None:
    """Examples between which there are distances."""
    if isinstance(loaded.spec.space, Tokens):
        return "examples with a distance between them (tokens are names)"
    return one_size(loaded)


def one_size(loaded: Loaded) -> str | None:
    """Examples that are not of lengths of their own."""
    return "examples of one size" if loaded.spec.space.ragged else None


def foresees(loaded: Loaded) -> str | None:
    """A model of sequences of which a likeliest next step is known: of tokens, or of frames of integers."""
    space = loaded.spec.space
    steps = isinstance(space, Tokens | Frames) and space.levels is not None
    return None if steps and isinstance(loaded.model, SequenceModel) else "a model of tokens or frames, step by step"


def labelled_pictures(loaded: Loaded) -> str | None:
    """Pictures with classes, for `genlab.metrics._features.of_classifier`."""
    labelled = isinstance(loaded.spec.space, Image) and loaded.spec.num_classes is not None
    return None if labelled else "labelled pictures, on which a classifier for its features is trained"


def vectors(loaded: Loaded) -> str | None:
    """Data that are no pictures."""
    return None if is_cloud(loaded.spec.space) else "vectors (pictures have metric=kernel_distance)"


def vectors_or_labelled_pictures(loaded: Loaded) -> str | None:
    """What samples can be compared with examples of by a distance that is known for it."""
    return None if vectors(loaded) is None or labelled_pictures(loaded) is None else "vectors, or labelled pictures"


def density_of(loaded: Loaded) -> Density | None:
    """The true density of the data that a checkpoint was trained on, where its config tells that there is one."""
    data = loaded.config["data"]
    return DENSITIES[data["name"]] if data["_target_"] == "genlab.data.toy2d" else None


def known_density(loaded: Loaded) -> str | None:
    """Data whose density is known."""
    return None if density_of(loaded) is not None else "a known density (data=toy2d)"


def known_modes(loaded: Loaded) -> str | None:
    """Data whose density has modes."""
    if isinstance(density_of(loaded), GaussianMixture):
        return None
    have = [name for name, density in DENSITIES.items() if isinstance(density, GaussianMixture)]
    return f"a density with modes (data=toy2d data.name={' or '.join(have)})"


def given_the_label(loaded: Loaded) -> str | None:
    """A model whose samples have the class that was asked for."""
    return None if isinstance(loaded.model.given, Label) else "a model that is given the class (model.condition=label)"


def captions_of_digits(loaded: Loaded) -> str | None:
    """A model given captions that say which digit is where."""
    known = loaded.config.get("data", {}).get("_target_") == "genlab.data.captioned_digits"
    told = known and isinstance(loaded.model.given, Tokens)
    return None if told else "a model that is given captions of digits (data=captioned_digits model.condition=caption)"
