"""The Fréchet distance of two sets of features, from 0, lower is better (specs/metrics.md section 7).

|m1 - m2|² + tr(C1 + C2 - 2 (C1 C2)^½), means and unbiased covariances in float64. With C = AᵀA the trace of the root is the
sum of the singular values of A1 A2ᵀ, which asks for no root of an asymmetric matrix and is exact also where there are
fewer rows than columns.
"""

import numpy as np
import scipy.linalg

from metrics.measure import Measure, MetricInputs, Value
from metrics.metric import NotComputed


class Moments:
    """A set of feature rows, as much of it as the distance needs.

    The rows themselves are kept as long as they are fewer than their columns; then their sum and the sum of their outer
    products (float64), whose size does not grow.
    """

    def __init__(self) -> None:
        self.count = 0
        self._rows: list[np.ndarray] = []
        self._sum = self._products = None

    def update(self, rows: np.ndarray) -> None:
        """Take in rows (n, D)."""
        self.count += len(rows)
        self._rows.append(np.asarray(rows, np.float64))
        if self._sum is not None or self.count > rows.shape[1]:
            rows = np.concatenate(self._rows)
            sums = rows.sum(axis=0), rows.T @ rows
            self._sum, self._products = sums if self._sum is None else (self._sum + sums[0], self._products + sums[1])
            self._rows = []

    def mean(self) -> np.ndarray:
        """(D,) float64."""
        return np.concatenate(self._rows).mean(axis=0) if self._sum is None else self._sum / self.count

    def factor(self) -> np.ndarray:
        """A, (count or D, D) float64, with AᵀA the unbiased covariance."""
        mean = self.mean()
        if self._sum is None:
            return (np.concatenate(self._rows) - mean) / np.sqrt(self.count - 1)
        covariance = (self._products - self.count * np.outer(mean, mean)) / (self.count - 1)
        values, vectors = scipy.linalg.eigh(covariance)
        return np.sqrt(values.clip(min=0))[:, None] * vectors.T


class RealClips(Measure):
    """In place of a measure that leaves features: the real clips themselves are at no distance from the real clips."""

    def update(self, generated: np.ndarray, reference: np.ndarray | None) -> None:
        pass

    def result(self) -> dict[str, Value]:
        raise NotComputed("a distance from the real clips, which these are")


def are_real(inputs: MetricInputs) -> bool:
    """Whether the generated video is the reference itself."""
    return inputs.reference is not None and inputs.generated == inputs.reference


def frechet_distance(one: Moments, other: Moments) -> float:
    """The distance of two sets of at least two rows each; `NotComputed` for fewer."""
    if min(one.count, other.count) < 2:
        raise NotComputed(f"needs 2 frames or clips on either side, has {one.count} and {other.count}")
    factors = one.factor(), other.factor()
    spread = sum(np.square(factor).sum() for factor in factors)
    root = scipy.linalg.svdvals(factors[0] @ factors[1].T).sum()
    return float(np.square(one.mean() - other.mean()).sum() + spread - 2 * root)
