"""scikit-learn's own checks of an estimator, over all three; every exception has its reason."""

from __future__ import annotations

from typing import Any

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

import lanewise as lw

SMALL = {"epochs": 8, "hidden": [16], "lr": 0.05, "batch_size": 16, "random_state": 0}
LRS = {"lr": [0.02, 0.05]}
NETWORKS = [lw.Classifier(**SMALL), lw.Regressor(**SMALL)]
SEARCHES = [lw.TuneSearchCV(network, LRS, cv=2, random_state=0) for network in NETWORKS]


ROUNDING = "networks compute in float32, and one row alone may be rounded in another way than among"
WEIGHTS = "a weight multiplies a row's loss, and a row that is given twice is in two batches"
EXPECTED = {
    "check_methods_subset_invariance": f"{ROUNDING} others, by more than 1e-7",
    "check_sample_weight_equivalence_on_dense_data": WEIGHTS,
    "check_sample_weight_equivalence_on_sparse_data": WEIGHTS,
}


def expected(estimator: Any) -> dict[str, str]:
    return EXPECTED | {
        "check_no_attributes_set_in_init": "a hyperparameter that is given is a parameter like any "
        "other, and this check knows those of the signature alone"
    }


@parametrize_with_checks(NETWORKS, expected_failed_checks=expected)
def test_one_configuration(estimator: Any, check: Any) -> None:
    check(estimator)


# They train by the same code as the networks, five times as often.
@pytest.mark.long
@pytest.mark.filterwarnings("ignore:The least populated class:UserWarning")  # of a class of one row
@parametrize_with_checks(SEARCHES, expected_failed_checks=lambda estimator: EXPECTED)
def test_searches(estimator: Any, check: Any) -> None:
    check(estimator)
