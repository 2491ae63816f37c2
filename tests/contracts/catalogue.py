"""Every model on every kind of data that it fits, small: one catalogue for all laws."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from genlab.bijectors import RoundedShift
from genlab.data.batches import Batch
from genlab.data.dataset import DataSpec, Split
from genlab.data.spaces import Image, Tokens, Vector, Video
from genlab.models import (
    DAE,
    DCGAN,
    EBM,
    GAN,
    HMM,
    IDF,
    RNN,
    TCN,
    VAE,
    VDVAE,
    ConvLSTM,
    Diffusion,
    GatedPixelCNN,
    LadderVAE,
    NaiveBayes,
    NGram,
    PixelCNN,
    SemiVAE,
    Transformer,
    WaveNet,
    flow_matching,
    gmm,
    histogram,
    kde,
    knn,
    nice,
    ppca,
    realnvp,
)
from genlab.models.capabilities import ExactLikelihood, GenerativeModel
from genlab.models.classical.base import Fitted
from genlab.models.conditions import condition
from genlab.objectives import (
    ELBO,
    IWAE,
    Adversarial,
    ContrastiveDivergence,
    DenoisingScoreMatching,
    FlowMatching,
    MaximumLikelihood,
    SemiSupervised,
    Walkback,
)
from genlab.objectives.base import Goal
from genlab.ops.random import Generators

BINARY = DataSpec((1, 6, 6), 2, 3)
GREY = DataSpec((1, 9, 7), 17, 3)
RGB = DataSpec((3, 8, 8), 256, 3)
BINARY_SQUARE = DataSpec((1, 8, 8), 2, 3)
GREY_SQUARE = DataSpec((1, 12, 12), 17, 3)
RGB_SQUARE = DataSpec((3, 16, 16), 256, 3)
PLANE = DataSpec((2,), None)
VECTOR = DataSpec((20,), None)
LEVELS = DataSpec((5,), 40, 3)
LABELLED_PLANE = DataSpec((2,), None, 3)
GIVEN_PLANE = DataSpec((2,), None, condition=Vector(3))
CAPTIONED = DataSpec((1, 8, 8), 17, condition=Tokens(9, 17, coding="characters", symbols=(" ", *"abcdefghijklmnop")))
CLIPS = DataSpec(space=Video(2, 1, 8, 6, 17), condition=Video(3, 1, 8, 6, 17))
REAL_CLIPS = DataSpec(space=Video(2, 2, 6, 6, None), condition=Video(1, 1, 6, 6, None))


@dataclass(frozen=True)
class Case:
    name: str
    spec: DataSpec
    build: Callable[[DataSpec], GenerativeModel]
    objective: Callable[[], Goal] = ELBO

    def model(self, seed: int = 0) -> GenerativeModel:
        torch.manual_seed(seed)
        return self.build(self.spec)

    def batch(self, n: int, seed: int = 1) -> Batch:
        g = torch.Generator().manual_seed(seed)
        y = None if self.spec.num_classes is None else torch.randint(self.spec.num_classes, (n,), generator=g)
        if self.spec.levels is None:
            x = torch.randn(n, *self.spec.event_shape, generator=g)
            c = None if self.spec.condition is None else torch.randn(n, *self.spec.condition.shape, generator=g)
            return Batch(x, y, c=c)
        x = torch.randint(self.spec.levels, (n, *self.spec.event_shape), generator=g, dtype=torch.uint8)
        past = self.spec.condition
        c = None if past is None else torch.randint(self.spec.levels, (n, *past.shape), generator=g, dtype=torch.uint8)
        return Batch(x, y, c=c)


def score(model: GenerativeModel, batch: Batch, *, generator: Generators) -> Tensor:
    """The exact likelihood, or a one-sample bound."""
    c = condition(model, batch)
    if isinstance(model, ExactLikelihood):
        return model.log_prob(batch.x, c)
    return model.elbo(batch.x, c, generator=generator)  # type: ignore[operator]


def off_identity(model: GenerativeModel) -> GenerativeModel:
    """With weights at which nothing is the identity, which a flow starts as."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.05 * torch.randn(parameter.shape)
    return model


def perturbed(make: Callable[[], nn.Module]) -> nn.Module:
    """In double precision, away from the identity and from all symmetric values."""
    torch.manual_seed(0)
    module = make().double().eval()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter += 0.3 * torch.randn(parameter.shape)
    return module


def _realnvp(spec: DataSpec) -> GenerativeModel:
    return off_identity(
        realnvp(spec, couplings=1 if isinstance(spec.space, Image) else 4, hidden=[16], channels=4, blocks=1)
    )


def _batchnorm(spec: DataSpec) -> GenerativeModel:
    return off_identity(realnvp(spec, couplings=2, hidden=[16], channels=4, blocks=1, norm="batchnorm"))


def _conditional_realnvp(kind: str) -> Callable[[DataSpec], GenerativeModel]:
    def build(spec: DataSpec) -> GenerativeModel:
        small = {"couplings": 1 if isinstance(spec.space, Image) else 4, "hidden": [16], "channels": 4, "blocks": 1}
        return off_identity(realnvp(spec, **small, condition=kind))

    return build


def _conditional_nice(spec: DataSpec) -> GenerativeModel:
    return off_identity(nice(spec, hidden=[32], condition="label"))


def _nice(spec: DataSpec) -> GenerativeModel:
    return off_identity(nice(spec, hidden=[32]))


def _idf(condition: str | None = None) -> Callable[[DataSpec], IDF]:
    def build(spec: DataSpec) -> IDF:
        model = off_identity(IDF(spec, couplings=2, channels=8, hidden=[16], mixtures=3, condition=condition))
        for module in model.modules():
            if isinstance(module, RoundedShift):
                module.step = module.unit  # shifts that are not all zero
        return model

    return build


def _vae(spec: DataSpec) -> VAE:
    return VAE(spec, latent_dim=3, hidden=[16])


def _conv(spec: DataSpec) -> VAE:
    return VAE(spec, latent_dim=3, network="conv", channels=8)


def _cvae(spec: DataSpec) -> VAE:
    model = VAE(spec, latent_dim=3, hidden=[16], variance="network", condition="label")
    assert model.prior is not None
    torch.nn.init.normal_(model.prior.weight)  # the prior must not be trivial, or a wrong one would pass
    return model


def _conditional_conv(spec: DataSpec) -> VAE:
    return VAE(spec, latent_dim=3, network="conv", channels=8, condition="label")


def _ladder(spec: DataSpec) -> LadderVAE:
    return LadderVAE(spec, latents=[4, 3, 2], hidden=[16, 12, 8], depth=1)


def _conditional_ladder(spec: DataSpec) -> LadderVAE:
    model = LadderVAE(spec, latents=[3, 2], channels=8, depth=1, condition="label")
    assert model.highest is not None
    torch.nn.init.normal_(model.highest.weight, std=0.3)
    return model


def _semi(spec: DataSpec) -> SemiVAE:
    return SemiVAE(spec, latent_dim=3, hidden=[16], channels=8)


def _vdvae(spec: DataSpec) -> VDVAE:
    return VDVAE(spec, latents=2, channels=16)


def _conditional_vdvae(spec: DataSpec) -> VDVAE:
    return VDVAE(spec, blocks=[0, 1, 2], latents=2, channels=16, condition="label")


def _pixelcnn(spec: DataSpec) -> PixelCNN:
    return PixelCNN(spec, channels=12, blocks=2, kernel_size=5, head_channels=12)


def _gated(spec: DataSpec) -> GatedPixelCNN:
    return GatedPixelCNN(spec, channels=9, blocks=2, kernel_size=3, head_channels=9)


def _gated_mixture(spec: DataSpec) -> GatedPixelCNN:
    return GatedPixelCNN(
        spec, channels=16, blocks=1, kernel_size=5, head_channels=32, output="logistic_mixture", num_mixtures=5
    )


def _conditional_pixelcnn(spec: DataSpec) -> PixelCNN:
    return PixelCNN(spec, channels=12, blocks=2, kernel_size=5, head_channels=12, condition="label")


def _conditional_gated(spec: DataSpec) -> GatedPixelCNN:
    return GatedPixelCNN(spec, channels=8, blocks=2, kernel_size=3, head_channels=8, condition="label")


def _ebm(spec: DataSpec) -> EBM:
    # longer steps than the default: a few must do
    return EBM(spec, hidden=[16], channels=4, chain_steps=5, step_size=0.1 if spec.levels is None else 10.0)


def _ebm_normalised(spec: DataSpec) -> EBM:
    return EBM(spec, network="mlp", hidden=[16, 16], chain_steps=5, spectral_norm=True)


def _conditional_ebm(kind: str) -> Callable[[DataSpec], EBM]:
    def build(spec: DataSpec) -> EBM:
        step_size = 0.1 if spec.levels is None else 10.0
        return EBM(spec, hidden=[16], channels=4, chain_steps=5, step_size=step_size, condition=kind)

    return build


def _rnn(spec: DataSpec) -> RNN:
    return RNN(spec, layers=2, width=12)


def _tcn(spec: DataSpec) -> TCN:
    return TCN(spec, levels=3, kernel_size=2, width=12, condition=None if spec.levels == 2 else "label")


def _wavenet(spec: DataSpec) -> WaveNet:
    condition = None if spec.levels == 2 else "label"
    return WaveNet(spec, layers=3, cycles=2, width=12, skip_width=12, condition=condition)


def _conditional_rnn(spec: DataSpec) -> RNN:
    return RNN(spec, cell="gru", layers=1, width=12, condition="label")


def _transformer(spec: DataSpec) -> Transformer:
    return Transformer(spec, layers=2, heads=2, width=12)


def _conditional_transformer(spec: DataSpec) -> Transformer:
    return Transformer(spec, layers=1, heads=2, width=12, positions="learned", condition="label")


def _diffusion(schedule: str, **options: str) -> Callable[[DataSpec], Diffusion]:
    def build(spec: DataSpec) -> Diffusion:
        return off_identity(Diffusion(spec, schedule=schedule, width=16, blocks=1, steps=5, **options))

    return build


def _dae(condition: str | None = None) -> Callable[[DataSpec], DAE]:
    return lambda spec: DAE(spec, hidden=[16], chain_steps=4, condition=condition)


def _contrast() -> ContrastiveDivergence:
    return ContrastiveDivergence(steps=2, replay_size=64)


def _gan(spec: DataSpec) -> GAN:
    return GAN(spec, latent_dim=3, hidden=[16])


def _conditional_gan(kind: str) -> Callable[[DataSpec], GAN]:
    return lambda spec: GAN(spec, latent_dim=3, hidden=[16], condition=kind)


def _vector_vae(spec: DataSpec) -> VAE:
    model = VAE(spec, latent_dim=3, hidden=[16], condition="vector")
    assert model.prior is not None
    torch.nn.init.normal_(model.prior.weight, std=0.3)
    return model


def _dcgan(spec: DataSpec) -> DCGAN:
    return awake(DCGAN(spec, latent_dim=6, channels=4))


def _dcgan_spectral(spec: DataSpec) -> DCGAN:
    return awake(DCGAN(spec, latent_dim=6, channels=4, spectral_norm=True))


def _dcgan_layer(spec: DataSpec) -> DCGAN:
    return awake(DCGAN(spec, latent_dim=6, channels=4, norm="layer"))


def _conditional_dcgan(spec: DataSpec) -> DCGAN:
    return awake(DCGAN(spec, latent_dim=6, channels=4, condition="label"))


def awake(model: DCGAN) -> DCGAN:
    """With running statistics and larger weights: those of the initialisation make one grey of everything."""
    with torch.no_grad():
        model.generator.body[-2].weight *= 20
        for _ in range(20):
            model.generate(model.sample_latents(24), None if model.given is None else torch.arange(24) % 3)
    return model


def _convlstm(spec: DataSpec) -> ConvLSTM:
    return ConvLSTM(spec, layers=2, width=8)


def _flow_matching(condition: str | None = None) -> Callable[[DataSpec], GenerativeModel]:
    return lambda spec: off_identity(
        flow_matching(spec, width=8, blocks=1, steps=2, likelihood_steps=2, condition=condition)
    )


def _wasserstein() -> Adversarial:
    return Adversarial(loss="wasserstein_gp", n_critic=2)


CATALOGUE = [
    Case("vae-binary", BINARY, _vae),
    Case("vae-grey", GREY, _vae),
    Case("vae-plane", PLANE, _vae),
    Case("vae-conv-binary", BINARY, _conv),
    Case("vae-conv-grey", GREY, _conv),
    Case("vae-conv-rgb", RGB, _conv),
    Case("iwae-grey", GREY, _vae, lambda: IWAE(num_particles=3)),
    Case("iwae-binary", BINARY, _vae, lambda: IWAE(num_particles=3)),
    Case("cvae-binary", BINARY, _cvae),
    Case("cvae-plane", LABELLED_PLANE, _cvae),
    Case("cvae-conv-rgb", RGB, _conditional_conv),
    Case("ladder-vae-binary", BINARY, _ladder, lambda: ELBO(free_bits=0.1)),
    Case("ladder-vae-plane", PLANE, _ladder),
    Case("conditional-ladder-vae-rgb", RGB, _conditional_ladder),
    Case("conditional-semi-vae-grey", GREY, _semi, lambda: SemiSupervised(labelled=None)),
    Case("conditional-semi-vae-plane", LABELLED_PLANE, _semi, lambda: SemiSupervised(labelled=None)),
    Case("vdvae-binary", BINARY, _vdvae, lambda: ELBO(warmup_steps=100)),
    Case("vdvae-grey", GREY, _vdvae, lambda: ELBO(free_bits=0.1)),
    Case("conditional-vdvae-rgb", RGB, _conditional_vdvae),
    Case("realnvp-plane", PLANE, _realnvp, MaximumLikelihood),
    Case("realnvp-batchnorm-plane", PLANE, _batchnorm, MaximumLikelihood),
    Case("realnvp-binary", BINARY, _realnvp, MaximumLikelihood),
    Case("realnvp-grey", GREY, _realnvp, MaximumLikelihood),
    Case("realnvp-rgb", RGB, _realnvp, MaximumLikelihood),
    Case("nice-plane", PLANE, _nice, MaximumLikelihood),
    Case("nice-grey", GREY, _nice, MaximumLikelihood),
    Case("idf-binary", BINARY, _idf(), MaximumLikelihood),
    Case("idf-grey", GREY, _idf(), MaximumLikelihood),
    Case("idf-grey-square", GREY_SQUARE, _idf(), MaximumLikelihood),
    Case("idf-levels", LEVELS, _idf(), MaximumLikelihood),
    Case("conditional-idf-rgb", RGB, _idf("label"), MaximumLikelihood),
    Case("pixelcnn-binary", BINARY, _pixelcnn, MaximumLikelihood),
    Case("pixelcnn-grey", GREY, _pixelcnn, MaximumLikelihood),
    Case("pixelcnn-rgb", RGB, _pixelcnn, MaximumLikelihood),
    Case("gated-pixelcnn-grey", GREY, _gated, MaximumLikelihood),
    Case("gated-pixelcnn-mixture-rgb", RGB, _gated_mixture, MaximumLikelihood),
    Case("conditional-pixelcnn-rgb", RGB, _conditional_pixelcnn, MaximumLikelihood),
    Case("conditional-gated-pixelcnn-binary", BINARY, _conditional_gated, MaximumLikelihood),
    Case("rnn-binary", BINARY, _rnn, MaximumLikelihood),
    Case("tcn-binary", BINARY, _tcn, MaximumLikelihood),
    Case("conditional-tcn-grey", GREY, _tcn, MaximumLikelihood),
    Case("wavenet-binary", BINARY, _wavenet, MaximumLikelihood),
    Case("conditional-wavenet-rgb", RGB, _wavenet, MaximumLikelihood),
    Case("transformer-grey", GREY, _transformer, MaximumLikelihood),
    Case("conditional-rnn-grey", GREY, _conditional_rnn, MaximumLikelihood),
    Case("conditional-transformer-rgb", RGB, _conditional_transformer, MaximumLikelihood),
    Case("conditional-convlstm-clips", CLIPS, _convlstm, MaximumLikelihood),
    Case("conditional-convlstm-real-clips", REAL_CLIPS, _convlstm, MaximumLikelihood),
    Case("diffusion-plane", PLANE, _diffusion("linear"), DenoisingScoreMatching),
    Case("diffusion-binary", BINARY, _diffusion("linear"), DenoisingScoreMatching),
    Case("diffusion-grey", GREY, _diffusion("learned"), DenoisingScoreMatching),
    Case("conditional-diffusion-rgb", RGB, _diffusion("cosine", condition="label"), DenoisingScoreMatching),
    Case("label-diffusion-plane", LABELLED_PLANE, _diffusion("learned", condition="label"), DenoisingScoreMatching),
    Case("conditional-diffusion-clips", CLIPS, _diffusion("cosine", condition="past"), DenoisingScoreMatching),
    Case("vector-diffusion-plane", GIVEN_PLANE, _diffusion("cosine", condition="vector"), DenoisingScoreMatching),
    Case("dae-plane", PLANE, _dae(), Walkback),
    Case("dae-binary", BINARY, _dae(), lambda: Walkback(steps=3)),
    Case("dae-grey", GREY, _dae(), Walkback),
    Case("conditional-dae-rgb", RGB, _dae("label"), lambda: Walkback(steps=2)),
    Case("vector-dae-plane", GIVEN_PLANE, _dae("vector"), Walkback),
    Case("ebm-binary", BINARY, _ebm, _contrast),
    Case("ebm-grey", GREY, _ebm, _contrast),
    Case("ebm-rgb", RGB, _ebm, _contrast),
    Case("ebm-plane", PLANE, _ebm, _contrast),
    Case("ebm-mlp-spectral-grey", GREY, _ebm_normalised, _contrast),
    Case("gan-plane", PLANE, _gan, lambda: Adversarial(r1=0.1)),
    Case("gan-binary", BINARY, _gan, Adversarial),
    Case("gan-grey", GREY, _gan, _wasserstein),
    Case("dcgan-binary", BINARY_SQUARE, _dcgan, lambda: Adversarial(loss="hinge")),
    Case("dcgan-grey", GREY_SQUARE, _dcgan, lambda: Adversarial(loss="least_squares", label_smoothing=0.1)),
    Case("dcgan-spectral-rgb", RGB_SQUARE, _dcgan_spectral, lambda: Adversarial(loss="f_gan", divergence="pearson")),
    Case("dcgan-layer-rgb", RGB_SQUARE, _dcgan_layer, _wasserstein),
    Case("conditional-realnvp-plane", LABELLED_PLANE, _conditional_realnvp("label"), MaximumLikelihood),
    Case("conditional-realnvp-rgb", RGB, _conditional_realnvp("label"), MaximumLikelihood),
    Case("conditional-nice-plane", LABELLED_PLANE, _conditional_nice, MaximumLikelihood),
    Case("conditional-nice-grey", GREY, _conditional_nice, MaximumLikelihood),
    Case("conditional-ebm-grey", GREY, _conditional_ebm("label"), _contrast),
    Case("conditional-ebm-plane", LABELLED_PLANE, _conditional_ebm("label"), _contrast),
    Case("conditional-gan-grey", GREY, _conditional_gan("label"), Adversarial),
    Case("vector-vae-plane", GIVEN_PLANE, _vector_vae),
    Case("vector-realnvp-plane", GIVEN_PLANE, _conditional_realnvp("vector"), MaximumLikelihood),
    Case("vector-ebm-plane", GIVEN_PLANE, _conditional_ebm("vector"), _contrast),
    Case("vector-gan-plane", GIVEN_PLANE, _conditional_gan("vector"), lambda: Adversarial(r1=0.1)),
    Case("conditional-dcgan-rgb", RGB, _conditional_dcgan, Adversarial),
    Case("flow-matching-plane", PLANE, _flow_matching(), FlowMatching),
    Case("flow-matching-vector", VECTOR, _flow_matching(), lambda: FlowMatching(times="logit_normal")),
    Case("flow-matching-grey", GREY, _flow_matching(), lambda: FlowMatching(coupling="ot")),
    Case("flow-matching-binary", BINARY, _flow_matching(), FlowMatching),
    Case("conditional-flow-matching-plane", LABELLED_PLANE, _flow_matching("label"), FlowMatching),
    Case("conditional-flow-matching-rgb", RGB, _flow_matching("label"), FlowMatching),
    Case("conditional-flow-matching-captions", CAPTIONED, _flow_matching("caption"), FlowMatching),
    Case("conditional-flow-matching-clips", CLIPS, _flow_matching("past"), FlowMatching),
    Case("vector-flow-matching-plane", GIVEN_PLANE, _flow_matching("vector"), FlowMatching),
]


def fitted(build: Callable[[DataSpec], Fitted]) -> Callable[[DataSpec], Fitted]:
    """``build``, fitted to random examples that the seed of `Case.model` gives."""

    @functools.cache
    def once(spec: DataSpec, seed: int) -> Fitted:
        model = build(spec)
        g = torch.Generator().manual_seed(seed)
        power = 4 * torch.rand(spec.event_shape, generator=g)  # every dimension has a distribution of its own
        x = torch.rand(300, *spec.event_shape, generator=g) ** power
        if spec.levels is not None:
            x = (x * spec.levels).floor().clamp_max(spec.levels - 1).to(torch.uint8)
        y = None if spec.num_classes is None else torch.arange(300) % spec.num_classes
        train, val = (Split(x[part::2], None if y is None else y[part::2]) for part in range(2))
        model.fit(train, val, generator=g)
        return model

    return lambda spec: copy.deepcopy(once(spec, int(torch.randint(1000, ()))))


def _gmm(spec: DataSpec) -> Fitted:
    return gmm(spec, components=3)


def _ngram(spec: DataSpec) -> NGram:
    return NGram(spec, order=3)


def _conditional_ngram(spec: DataSpec) -> NGram:
    return NGram(spec, smoothing="witten_bell", condition="label")


def _hmm(spec: DataSpec) -> HMM:
    return HMM(spec, states=3, iterations=10)


FITTED = [
    Case("histogram-binary", BINARY, fitted(histogram)),
    Case("histogram-rgb", RGB, fitted(histogram)),
    Case("histogram-plane", PLANE, fitted(histogram)),
    Case("naive-bayes-binary", BINARY, fitted(NaiveBayes)),
    Case("naive-bayes-grey", GREY, fitted(NaiveBayes)),
    Case("kde-grey", GREY, fitted(kde)),
    Case("kde-plane", PLANE, fitted(kde)),
    Case("knn-grey", GREY, fitted(knn)),
    Case("knn-plane", PLANE, fitted(knn)),
    Case("gmm-grey", GREY, fitted(_gmm)),
    Case("gmm-plane", PLANE, fitted(_gmm)),
    Case("ppca-binary", BINARY, fitted(ppca)),
    Case("ppca-rgb", RGB, fitted(ppca)),
    Case("ppca-plane", PLANE, fitted(ppca)),
    Case("ngram-binary", BINARY, fitted(_ngram)),
    Case("ngram-rgb", RGB, fitted(_ngram)),
    Case("conditional-ngram-grey", GREY, fitted(_conditional_ngram)),
    Case("hmm-binary", BINARY, fitted(_hmm)),
    Case("hmm-rgb", RGB, fitted(_hmm)),
]
"""Models that are fitted in one pass: the laws of training by gradient descent do not concern them."""
