"""Densities over a conditional space: mixtures of products, with one kernel for each observation.

    p(x) = sum_n w_n  prod_d K_d(x_d | c_nd)         (kernel n, centred on the observation c_n)

The product runs over the axes d that are active in x. Where c_n lacks one of them, and everywhere
in one further kernel, K_d is the prior: what a random draw would be. So which options a
configuration has and the numbers below them are modelled together, and what was good beside one
option is not mistaken for good beside another.

A point is drawn and weighed group by group, a group being the axes that become active together.
Given the groups before it, a group has the same form of density with other weights: w_n times
the kernels so far (damped, see ``search.tpe``). Were all groups weighed at once, options with
many parameters would win by the larger scatter of their ratios alone.

All logs of kernels are linear in features of x (x^2, x, 1, or one of several places), so those of
all kernels at all points are one matrix product.

Shapes: N observations, of which M have a group; G axes of a group; P points; F features.
"""

# ruff: noqa: N803, N806 (shapes in names)

from __future__ import annotations

import math

import numpy as np

from lanewise.search.samplers.columns import Column, Floats, Group, Ints

TRIES = 12  # draws of a truncated normal before it counts as at its bound


class Mixture:
    """The density of a number of observations.

    Args:
        c_DN: the observations, each a row of ``Columns``, side by side.
        order_DN: along each axis, their places in ascending order (NaN last).
        weight_N: how much each counts; the prior counts 1.
    """

    def __init__(self, c_DN: Floats, order_DN: Ints, weight_N: Floats) -> None:
        weight = np.append(weight_N, 1.0)
        # N + 1, the prior is the last. Single precision, as the kernels are.
        self.log_weight = np.log(weight / weight.sum()).astype(np.float32)
        self._c_DN = c_DN
        self._order_DN = order_DN
        self._kernels: dict[int, tuple[Ints, Kernels]] = {}

    def draw(
        self, group: Group, log_weight: Floats, rng: np.random.Generator, points: int
    ) -> Floats:
        """Points of one group, P x G, from the mixture with these weights."""
        members_M, kernels = self._of(group)
        total = np.cumsum(np.exp(log_weight))
        drawn_P = np.searchsorted(total, rng.random(points) * total[-1], side="right")
        place_N = np.full(len(log_weight), len(members_M))  # those without the group: the prior
        place_N[members_M] = np.arange(len(members_M))
        return kernels.draw(rng, place_N[np.minimum(drawn_P, len(log_weight) - 1)])

    def log_kernels(self, group: Group, x_PG: Floats) -> Floats:
        """log of every kernel's density at points of one group, P x (N + 1)."""
        members_M, kernels = self._of(group)
        log_PM = kernels.log_density(x_PG)
        if log_PM.shape[1] == len(self.log_weight):
            return log_PM
        log_PN = np.repeat(log_PM[:, -1:], len(self.log_weight), axis=1)
        log_PN[:, members_M] = log_PM[:, :-1]
        return log_PN

    def _of(self, group: Group) -> tuple[Ints, Kernels]:
        if group.first not in self._kernels:
            members_M = np.flatnonzero(~np.isnan(self._c_DN[group.first]))
            c_GM = self._c_DN[group.places[:, None], members_M]
            place_N = np.zeros(self._c_DN.shape[1], dtype=np.int64)
            place_N[members_M] = np.arange(len(members_M))
            order_GM = place_N[self._order_DN[group.places, : len(members_M)]]
            self._kernels[group.first] = members_M, Kernels(group, c_GM, order_GM)
        return self._kernels[group.first]


class Kernels:
    """The kernels of one group: those of M observations, then the prior."""

    def __init__(self, group: Group, c_GM: Floats, order_GM: Ints) -> None:
        self.group = group
        self.c_SM = c_GM[group.smooth]
        self.sigma_SM = np.empty_like(self.c_SM)
        axes, order_SM = np.arange(len(group.smooth))[:, None], order_GM[group.smooth]
        self.sigma_SM[axes, order_SM] = bandwidths(self.c_SM[axes, order_SM])
        self.rules = []
        for place, column in group.ruled:
            place_M = c_GM[place].astype(np.int64)
            rows = rule(column, place_M)
            below = np.cumsum(np.exp(rows), axis=1)[:, :-1]
            self.rules.append((place, rows, below, np.append(place_M, len(rows) - 1)))
        self.coefficients_FM = self._coefficients()

    def draw(self, rng: np.random.Generator, kernel_P: Ints) -> Floats:
        """One point from each of these kernels."""
        x_PG = rng.random((len(kernel_P), len(self.group.places)))
        for place, _, below, row_M in self.rules:
            x_PG[:, place] = (below[row_M[kernel_P]] < x_PG[:, place, None]).sum(axis=1)
        known_P = np.flatnonzero(kernel_P < self.c_SM.shape[1])
        if len(self.group.smooth) and len(known_P):
            chosen_P = kernel_P[known_P]
            drawn = truncated_normal(rng, self.c_SM[:, chosen_P], self.sigma_SM[:, chosen_P])
            x_PG[np.ix_(known_P, self.group.smooth)] = drawn.T
        for place, column in self.group.lattice:
            x_PG[:, place] = column.settled(x_PG[:, place])
        return x_PG

    def log_density(self, x_PG: Floats) -> Floats:
        """log of all kernels at all points, P x (M + 1)."""
        x_PS = x_PG[:, self.group.smooth] - 0.5
        parts = [x_PS * x_PS, x_PS, np.ones((len(x_PG), 1))]
        parts += [
            x_PG[:, place, None] == np.arange(column.size) for place, column in self.group.ruled
        ]
        return np.concatenate(parts, axis=1, dtype=np.float32) @ self.coefficients_FM

    def _coefficients(self) -> Floats:
        size, kernels = self.c_SM.shape
        # In single precision, around the middle: errors of 1e-4 in a logarithm, at half the time.
        found_FM = np.zeros((2 * size + 1 + self.group.ruled_values, kernels + 1), dtype=np.float32)
        c_SM = self.c_SM - 0.5
        precision_SM = 1 / (self.sigma_SM * self.sigma_SM)
        found_FM[:size, :-1] = -0.5 * precision_SM
        found_FM[size : 2 * size, :-1] = linear_SM = precision_SM * c_SM
        # The log of the normal density's factor, and of its mass inside of [0, 1].
        factor_SM = math.sqrt(2 * math.pi) * self.sigma_SM * inside(self.c_SM, self.sigma_SM)
        found_FM[2 * size, :-1] = -(0.5 * linear_SM * c_SM + np.log(factor_SM)).sum(axis=0)
        first = 2 * size + 1
        for _, rows, _, row_M in self.rules:
            last = first + rows.shape[1]
            found_FM[first:last] = rows.T[:, row_M]
            first = last
        return found_FM


def bandwidths(ascending_SM: Floats) -> Floats:
    """Standard deviations: the larger distance to a neighbour; outermost kernels have only one.

    After Bergstra et al. 2011, section 4.1, but without the domain's ends as neighbours, and with
    the lower bound 1 / min(100, kernels + 1), of which the prior is one: Optuna's "magic clip".
    """
    size, kernels = ascending_SM.shape
    if kernels < 2:
        return np.maximum(ascending_SM, 1 - ascending_SM)
    gap = np.empty((size, kernels + 1))
    np.subtract(ascending_SM[:, 1:], ascending_SM[:, :-1], out=gap[:, 1:-1])
    gap[:, 0], gap[:, -1] = gap[:, 1], gap[:, -2]
    sigma_SM = np.maximum(gap[:, :-1], gap[:, 1:])
    clipped_SM: Floats = np.maximum(sigma_SM, 1 / min(100, kernels + 2))
    return clipped_SM


def rule(column: Column, place_M: Ints) -> Floats:
    """log K(value | centre) of a ruled axis: a row for each centre, then one for the prior."""
    prior = column.prior
    if column.is_choice:
        # One pseudocount of the prior spread over all kernels, as Optuna's estimator has it.
        kernel = np.eye(len(prior)) + len(prior) * prior / (len(place_M) + 1)
    else:
        centre = column.centres
        ascending_M = np.repeat(centre, np.bincount(place_M, minlength=len(centre)))
        sigma = bandwidths(ascending_M[None]).mean() if len(place_M) else 1.0
        distance = (centre[:, None] - centre) / sigma
        kernel = prior * np.exp(-0.5 * distance * distance) + 1e-300
    kernel /= kernel.sum(axis=1, keepdims=True)
    log_kernel: Floats = np.log(np.concatenate([kernel, prior[None]]))
    return log_kernel


def truncated_normal(rng: np.random.Generator, mean: Floats, sigma: Floats) -> Floats:
    """Draws around means in [0, 1], again while they fall outside of it."""
    draws = mean + sigma * rng.standard_normal((TRIES, *mean.shape))
    first = ((draws >= 0) & (draws <= 1)).argmax(axis=0)
    drawn: Floats = np.clip(np.take_along_axis(draws, first[None], axis=0)[0], 0.0, 1.0)
    return drawn


def inside(mean: Floats, sigma: Floats) -> Floats:
    """The mass of normal densities in [0, 1], which their means are in."""
    mass = np.ones(mean.shape)
    # Farther from both ends, the tails are less than the error of their formula.
    near = np.nonzero(np.minimum(mean, 1 - mean) < 5.5 * sigma)
    to_ends = np.stack([mean[near], 1 - mean[near]]) / sigma[near]
    mass[near] -= tail(to_ends).sum(axis=0)
    return mass


def tail(z: Floats) -> Floats:
    """1 - Phi(z) for z >= 0, within 1e-7 (Abramowitz and Stegun 1964, formula 26.2.17)."""
    t = 1 / (1 + 0.2316419 * z)
    terms = -1.821255978 + t * 1.330274429
    terms = 0.319381530 + t * (-0.356563782 + t * (1.781477937 + t * terms))
    found: Floats = np.exp(-0.5 * z * z) / math.sqrt(2 * math.pi) * t * terms
    return found
