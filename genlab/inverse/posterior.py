"""Which posterior sampler a model and an observation go together with."""

from __future__ import annotations

from genlab.errors import ConfigError
from genlab.inverse import (
    along_path,
    closed_form,
    ddrm,
    dps,
    energy_chains,
    guided,
    held_chains,
    latent_chains,
    patches,
    pixel_by_pixel,
    restored,
)
from genlab.inverse.method import Method, Restorer
from genlab.inverse.observation import Observation
from genlab.models.capabilities import GenerativeModel

_DENOISES = "a model that denoises at all levels (model=diffusion or model=flow_matching)"

METHODS: tuple[Method, ...] = (
    Method(
        "closed_form",
        "exact",
        closed_form.known,
        "a Gaussian mixture or pPCA (model=gmm or model=ppca)",
        closed_form.mixture,
    ),
    Method(
        "completion",
        pixel_by_pixel.exactness,
        pixel_by_pixel.fits,
        "a model that draws pictures pixel by pixel (model=pixelcnn)",
        pixel_by_pixel.completion,
        pixel_by_pixel.completion,
    ),
    Method(
        "latent_hmc",
        latent_chains.exactness,
        latent_chains.fits,
        "a decoder of latents (model=vae)",
        latent_chains.latent_hmc,
        latent_chains.latent_hmc,
    ),
    Method(
        "latent_map", "approximate", latent_chains.fits, "a decoder of latents (model=vae)", latent_chains.latent_map
    ),
    Method("moment_matched", "approximate", along_path.fits, _DENOISES, guided.moment_matched),
    Method("pigdm", "approximate", along_path.fits, _DENOISES, guided.pigdm),
    Method("ddrm", "approximate", along_path.fits, _DENOISES, ddrm.ddrm),
    Method("dps", "approximate", along_path.fits, _DENOISES, dps.dps),
    Method(
        "energy_hmc",
        "asymptotically exact",
        energy_chains.density_fits,
        "an energy of vectors (model=ebm)",
        energy_chains.energy_hmc,
        energy_chains.energy_hmc,
    ),
    Method(
        "energy_chain",
        "approximate",
        energy_chains.chain_fits,
        "an energy (model=ebm), and measurements that are not pixels kept exactly",
        energy_chains.energy_chain,
        energy_chains.energy_chain,
    ),
    Method(
        "gibbs",
        "approximate",
        restored.fits,
        "a denoising autoencoder (model=dae), and measurements that are not pixels kept exactly",
        restored.gibbs,
    ),
    Method(
        "chain",
        "approximate",
        held_chains.fits,
        "a model that samples by a chain (model=ebm), and pixels that are kept exactly or noise alone",
        held_chains.chain,
    ),
)
"""All of them, in the order in which they are asked: what is exact comes first."""

_OF_PATCHES = "a Gaussian mixture or pPCA of patches (model=gmm data=image_folder data.patches=...)"

LARGER: tuple[Restorer, ...] = (
    Restorer("epll", patches.smaller, _OF_PATCHES, patches.epll),
    Restorer(
        "patch_means",
        patches.noise_alone,
        f"{_OF_PATCHES}, and noise on all values (task=denoise)",
        patches.patch_means,
    ),
)
"""What there is for pictures larger than the model's, the nearest to the truth first."""


def choose(model: GenerativeModel, observation: Observation, method: str = "auto") -> Method:
    """The method of a name; of "auto", the first that fits.

    Raises:
        ConfigError: there is none of this name, or it does not fit; the message names those that do.
    """
    named = {each.name: each for each in METHODS}
    if any(method == each.name for each in LARGER):
        raise ConfigError(f"method={method}: is of pictures larger than the model's, given by input=...; leave it out")
    if method != "auto" and method not in named:
        raise ConfigError(f"method={method}: there is none; give auto, {', '.join(named)}")
    fitting = [each for each in METHODS if each.fits(model, observation)]
    who, what = type(model).__name__, observation.operator.name
    if not fitting:
        raise ConfigError(f"{who} has no posterior sampler for {what}; train another family, such as model=gmm")
    if method == "auto":
        return fitting[0]
    if named[method] not in fitting:
        can = ", ".join(each.name for each in fitting)
        raise ConfigError(f"method={method} needs {named[method].needs}; {who} with {what} can have {can}")
    return named[method]


def choose_larger(model: GenerativeModel, observation: Observation, method: str = "auto") -> Restorer:
    """The same for an observation of pictures that are larger than the model's.

    Raises:
        ConfigError: there is none of this name, or it does not fit.
    """
    named = {each.name: each for each in LARGER}
    who, what = type(model).__name__, observation.operator.name
    if method != "auto" and method not in named:
        raise ConfigError(
            f"method={method}: is not for pictures larger than the model's; give auto, {', '.join(named)}"
        )
    chosen = next((each for each in LARGER if each.fits(model, observation)), LARGER[0])
    chosen = named.get(method, chosen)
    if not chosen.fits(model, observation):
        raise ConfigError(
            f"{who} cannot say what pictures larger than its own were by {what}: method={chosen.name} needs "
            f"{chosen.needs}; or give pictures of its size"
        )
    return chosen
