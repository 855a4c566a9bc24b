"""How near a question lies to a collection at large, so that one can say how far its best passage stands out.

Cosines of one embedder differ between languages by more than they differ between right and wrong: 0.87 is an
excellent passage in English and an irrelevant one in Chinese. So a similarity is told in standard deviations
above the mean similarity of the question to the passages of that language. Mean and deviation over all
passages x of the cosine q·x follow from the passages' mean and covariance: q·m and sqrt(qᵀCq).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rag.types import Query

__all__ = ["Cloud", "Geometry"]

# What a small collection is filled up with: PRIOR_WEIGHT passages of usual similarity and spread
# (multilingual-e5-small on encyclopedic text in nine languages).
PRIOR_WEIGHT = 5
PRIOR_MEAN = 0.78
PRIOR_DEVIATION = 0.02
FOREIGN_MEAN = 0.135  # of what is left of a question beside passages in another language (rag.foreign)


@dataclass(frozen=True, slots=True, eq=False)
class Cloud:
    """What mean and covariance follow from; vectors can be added and taken away again."""

    count: int
    total: NDArray[np.float64]  # [d]
    products: NDArray[np.float64]  # [d, d], the sum of x xᵀ

    @classmethod
    def of(cls, rows: NDArray[np.float32]) -> Cloud:
        """The cloud of unit vectors [n, d]."""
        exact = rows.astype(np.float64)
        return cls(len(rows), exact.sum(axis=0), exact.T @ exact)

    def __add__(self, other: Cloud) -> Cloud:
        return Cloud(self.count + other.count, self.total + other.total, self.products + other.products)

    def __sub__(self, other: Cloud) -> Cloud:
        return Cloud(self.count - other.count, self.total - other.total, self.products - other.products)

    @property
    def mean(self) -> NDArray[np.float32]:
        """The mean vector [d]."""
        return np.asarray(self.total / self.count, np.float32)

    def along(self, query: NDArray[np.float32]) -> tuple[float, float]:
        """Mean and variance of the product with a vector [d]."""
        exact = query.astype(np.float64)
        mean = float(exact @ self.total) / self.count
        return mean, float(exact @ self.products @ exact) / self.count - mean**2


class Geometry:
    """Mean and covariance of the passages' vectors, by language."""

    def __init__(self, clouds: Mapping[str, Cloud]) -> None:
        self._clouds = {name: cloud for name, cloud in clouds.items() if cloud.count}

    def centre(self, language: str, dimension: int) -> NDArray[np.float32]:
        """The mean of the passages' vectors in ``language`` [d], shorter the fewer they are; zero where there
        are none.

        What all texts share (the language, the style, the corner that an embedder crowds them into) points
        there; directions from it tell topics apart far better than those from the origin.
        """
        cloud = self._clouds.get(language)
        if cloud is None:
            return np.zeros(dimension, np.float32)
        return np.asarray(cloud.mean * (cloud.count / (cloud.count + PRIOR_WEIGHT)), np.float32)

    def usual(self, query: Query, language: str) -> tuple[float, float]:
        """Mean and standard deviation of the question's product with passages in ``language``."""
        vector, foreign = query.toward(language)
        mean, variance = FOREIGN_MEAN if foreign else PRIOR_MEAN, PRIOR_DEVIATION**2
        cloud = self._clouds.get(language)
        if cloud is not None:
            share = cloud.count / (cloud.count + PRIOR_WEIGHT)
            seen, spread = cloud.along(vector)
            mean = share * seen + (1 - share) * mean
            variance = share * spread + (1 - share) * variance
        return mean, max(variance, 1e-8) ** 0.5
