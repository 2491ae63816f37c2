"""The classical models by name: which class a kind of data gets.

A density of reals is an exact likelihood of vectors; of pictures it is one only of their dequantised copies, and so
becomes a bound (`DequantisedFit`). What is counted or tabulated differs between levels and reals altogether.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from genlab.data.spaces import DataSpec, Vector
from genlab.errors import ConfigError
from genlab.models.classical.base import check_single
from genlab.models.classical.cells import GridHistogram
from genlab.models.classical.dequantised_fit import DequantisedFit
from genlab.models.classical.gmm import GMM
from genlab.models.classical.kde import KDE
from genlab.models.classical.knn import KNN, KNNOnGrid
from genlab.models.classical.ppca import PPCA, DequantisedPPCA
from genlab.models.classical.tables import NaiveBayes, PixelHistogram


def histogram(
    spec: DataSpec,
    *,
    bins: int | Literal["auto"] = "auto",
    smoothing: float | Literal["auto"] = "auto",
    condition: Literal["label"] | None = None,
) -> PixelHistogram | NaiveBayes | GridHistogram:
    """`PixelHistogram` for pictures, `NaiveBayes` given their label, `GridHistogram` for vectors; all exact.

    Raises:
        ConfigError: the data does not fit, or there are too many bins for it.
    """
    if condition is not None:
        return NaiveBayes(spec, bins=bins, smoothing=smoothing)
    check_single(spec.layout, "histogram")
    kind = GridHistogram if _flat(spec) == spec else PixelHistogram  # real vectors, or levels
    return kind(spec, bins=bins, smoothing=smoothing)


def kde(
    spec: DataSpec,
    *,
    bandwidth: float | Literal["auto"] = "auto",
    scaling: str = "std",
    max_points: int | Literal["auto"] = "auto",
) -> KDE | DequantisedFit:
    """`KDE`: exact for vectors, a bound for pictures.

    Raises:
        ConfigError: the data does not fit.
    """
    check_single(spec.layout, "kde")
    density = KDE(_flat(spec), bandwidth=bandwidth, scaling=scaling, max_points=max_points)
    return density if spec.levels is None else DequantisedFit(spec, density)


def gmm(
    spec: DataSpec,
    *,
    components: int = 50,
    covariance: str = "auto",
    reg_covar: float = 1e-6,
    max_iter: int = 200,
    max_points: int | Literal["auto"] = "auto",
) -> GMM | DequantisedFit:
    """`GMM`: exact for vectors, a bound for pictures.

    Raises:
        ConfigError: the data does not fit.
    """
    check_single(spec.layout, "gmm")
    density = GMM(
        _flat(spec),
        components=components,
        covariance=covariance,
        reg_covar=reg_covar,
        max_iter=max_iter,
        max_points=max_points,
    )
    return density if spec.levels is None else DequantisedFit(spec, density)


def ppca(
    spec: DataSpec,
    *,
    latent_dim: int | Literal["auto"] = "auto",
    max_points: int | Literal["auto"] = "auto",
) -> PPCA | DequantisedPPCA:
    """`PPCA`: exact for vectors, a bound for pictures.

    Raises:
        ConfigError: the data does not fit.
    """
    check_single(spec.layout, "ppca")
    density = PPCA(_flat(spec), latent_dim=latent_dim, max_points=max_points)
    return density if spec.levels is None else DequantisedPPCA(spec, density)


def knn(
    spec: DataSpec, *, k: int | Literal["auto"] = "auto", max_points: int | Literal["auto"] = "auto"
) -> KNN | KNNOnGrid:
    """`KNN` for pictures, which ranks only; `KNNOnGrid` for vectors, exact.

    Raises:
        ConfigError: the data does not fit.
    """
    check_single(spec.layout, "knn")
    kind = KNNOnGrid if _flat(spec) == spec else KNN  # real vectors, or levels
    return kind(spec, k=k, max_points=max_points)


def _flat(spec: DataSpec) -> DataSpec:
    """The spec of an example as one real vector.

    Raises:
        ConfigError: real data of another shape, which nothing here would give back to its samples.
    """
    if spec.levels is None and not isinstance(spec.space, Vector):
        raise ConfigError(
            f"a classical density is of real vectors or of integers, this is data of reals, of the kind "
            f"{spec.space.kind}; it fits data=toy2d, data=arrays with data.kind=vector"
        )
    return replace(spec, space=Vector(spec.dim))
