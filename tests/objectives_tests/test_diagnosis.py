"""The verdicts, each by the numbers that bring it about, and which of two comes first."""

import json
from dataclasses import replace
from typing import Any

import pytest

from objectives.verdict.case import constant_from, guilty_penalty
from objectives.verdict.diagnosis import VERDICTS, Diagnosis, diagnose
from objectives.verdict.signs import Layer, Linear, Signs

LAYER = Layer(name="dense_0", small=0.1, start=0.1, end=0.12, l1=1e-4, l2=1e-4)
DEAD = replace(LAYER, small=0.99, end=1e-4, l1=0.05)
GOOD = Signs(
    diverged=False,
    epochs=4,
    best_epoch=3,
    roc_auc=0.85,
    training_auc=0.88,
    keras_auc=0.85,
    counts=(140, 60),
    spreads=(0.05, 0.1, 0.2, 0.2),
    training_losses=(0.6, 0.5, 0.4, 0.3),
    validation_losses=(0.6, 0.5, 0.55, 0.6),
    layers=(LAYER,),
    last_layers=(LAYER,),
)
COLLAPSED = replace(
    GOOD, roc_auc=0.5, keras_auc=0.5, spreads=(0.05, 0.1, 1e-5, 1e-6), last_layers=(DEAD,)
)
DIVERGED = replace(GOOD, diverged=True)
LINEAR = Linear(training_auc=0.86, validation_auc=0.84)


def judge(*folds: Signs, linear: Linear | None = LINEAR, cut_short: bool = False) -> Diagnosis:
    return diagnose(folds, learning_rate=0.02, cut_short=cut_short, linear=lambda: linear)


def test_network_that_learned_is_healthy() -> None:
    found = judge(GOOD)
    assert found.verdict == "healthy"
    assert found.evidence == "ROC-AUC 0.880 on training rows, 0.850 on validation rows."
    assert found.facts["chance"] is None


@pytest.mark.parametrize("counts", [(140, 60), (60, 70, 70)])
@pytest.mark.parametrize("signs", [GOOD, COLLAPSED, DIVERGED])
def test_every_diagnosis_is_json_and_short(signs: Signs, counts: tuple[int, ...]) -> None:
    many = replace(signs, counts=counts, last_layers=(replace(DEAD, name="a" * 300),) * 9)
    found = judge(many, many, many)
    assert json.loads(json.dumps(found.facts)) == found.facts
    assert found.verdict in VERDICTS
    assert len(found.evidence) < 1_000


def test_loss_that_is_not_finite_is_a_divergence_and_says_at_which_learning_rate() -> None:
    nothing = replace(
        DIVERGED, epochs=0, best_epoch=0, roc_auc=None, training_auc=None, keras_auc=None,
        spreads=(), training_losses=(), validation_losses=(),
    )  # fmt: skip
    found = judge(GOOD, nothing)
    assert found.verdict == "diverged"
    assert found.evidence == (
        "The loss became NaN or infinite in epoch 1 of fold 2, at a learning rate of 2.0e-02."
    )
    assert judge(nothing).facts["roc_auc"] is None


def test_loss_that_exploded_is_a_divergence_and_a_large_first_loss_is_none() -> None:
    found = judge(replace(GOOD, training_losses=(0.6, 0.5, 8.0, 9.0)))
    assert found.verdict == "diverged"
    assert found.evidence == (
        "The training loss ended at 9 nats a row, 13 times that of knowing nothing, at a learning "
        "rate of 2.0e-02."
    )
    assert judge(replace(GOOD, training_losses=(9.0, 0.5, 0.4, 0.3))).verdict == "healthy"


def test_output_that_hardly_varies_is_a_collapse_with_its_penalty_and_its_epoch() -> None:
    found = judge(COLLAPSED)
    assert found.verdict == "collapsed"
    assert found.evidence == (
        "From epoch 3 on the output hardly varied (standard deviation 1e-06): L1 at 5.0e-02 pulled "
        "the weights to zero (below 1e-3: dense_0 99%)."
    )
    assert (found.facts["penalty"], found.facts["chance"]) == ("L1", "constant_output")
    assert found.facts["constant_from"] == 3


def test_network_that_ranked_well_on_its_way_to_death_has_collapsed() -> None:
    dying = replace(GOOD, best_epoch=2, spreads=(0.05, 0.1, 0.01, 1e-5), last_layers=(DEAD,))
    found = judge(dying)
    assert (found.verdict, found.facts["constant_from"]) == ("collapsed", 4)
    assert found.evidence.endswith("the kept weights are those of epoch 2.")


def test_scores_that_rank_but_are_squashed_together_are_told_from_a_constant() -> None:
    squashed = replace(GOOD, keras_auc=0.5, spreads=(5e-4,) * 4)
    found = judge(squashed)
    assert (found.verdict, found.facts["chance"]) == ("collapsed", "squashed")
    assert found.evidence.endswith(
        "The scores still rank (ROC-AUC 0.850), but lie so close together that Keras's AUC metric "
        "reads 0.500."
    )
    wider = judge(replace(squashed, spreads=(5e-3,) * 4))
    assert (wider.verdict, wider.facts["chance"]) == ("healthy", "squashed")


@pytest.mark.parametrize(
    ("changes", "penalty"),
    [
        ({}, "L1"),
        ({"l1": 0.0, "l2": 0.5}, "L2"),
        ({"l1": 0.01, "l2": 0.01}, "L1"),
        ({"l1": 0.01, "l2": 0.1}, "L2"),  # 2 * 0.1 * 0.1 is more than 0.01
        ({"l1": 0.0, "l2": 0.0}, None),
        ({"end": 0.2}, None),  # silent units with large weights: no penalty's work
    ],
)
def test_guilty_is_what_pulled_more_on_a_weight_of_the_initial_size(
    changes: dict[str, Any], penalty: str | None
) -> None:
    assert guilty_penalty([LAYER, replace(DEAD, **changes)]) == penalty


def test_collapse_without_a_penalty_says_so() -> None:
    found = judge(replace(COLLAPSED, last_layers=(LAYER,)))
    assert "no penalty did it" in found.evidence
    assert found.facts["penalty"] is None


def test_output_constant_at_the_kept_epoch_alone_is_told_by_that_epoch() -> None:
    assert constant_from(replace(GOOD, spreads=(0.05, 0.1, 1e-5, 0.1))) == 3
    assert constant_from(replace(GOOD, spreads=(1e-5,) * 4)) == 1


def test_trial_is_collapsed_where_most_of_its_folds_are() -> None:
    assert judge(COLLAPSED, COLLAPSED, GOOD).verdict == "collapsed"
    found = judge(COLLAPSED, GOOD, GOOD)
    assert (found.verdict, found.facts["collapsed_folds"]) == ("unlucky", 1)
    assert found.evidence.endswith("1 of them collapsed.")


def test_folds_that_disagree_beyond_sampling_are_unlucky() -> None:
    values = (0.85, 0.86, 0.60, 0.84)
    found = judge(*(replace(GOOD, roc_auc=value, training_auc=value) for value in values))
    assert found.verdict == "unlucky"
    assert found.evidence == (
        "The folds' ROC-AUC reach from 0.600 to 0.860: a standard deviation of 0.125, of which the "
        "choice of rows explains 0.038."
    )


def test_folds_of_few_rows_may_disagree() -> None:
    folds = (replace(GOOD, roc_auc=v, training_auc=v, counts=(14, 6)) for v in (0.85, 0.7, 0.8))
    assert judge(*folds, linear=None).verdict == "healthy"


def test_folds_of_very_many_rows_may_disagree_by_little() -> None:
    folds = [replace(GOOD, roc_auc=v, counts=(900_000, 300_000)) for v in (0.85, 0.86, 0.84)]
    found = judge(*folds)
    assert found.facts["fold_p"] < 1e-3
    assert found.verdict == "healthy"


def test_large_gap_is_overfitting_and_says_when_it_opened() -> None:
    found = judge(replace(GOOD, training_auc=0.99))
    assert found.verdict == "overfit"
    assert found.evidence == (
        "ROC-AUC 0.990 on training rows, 0.850 on validation rows: a gap of 0.140; validation loss "
        "was lowest at epoch 2 and then rose."
    )
    assert found.facts["gap_opened_at"] == 2


def test_gap_within_the_noise_of_few_rows_is_no_overfitting() -> None:
    assert judge(replace(GOOD, training_auc=0.99, counts=(10, 8))).verdict == "healthy"


def test_worse_than_logistic_regression_on_both_parts_is_underfit() -> None:
    poor = replace(GOOD, roc_auc=0.75, training_auc=0.74)
    found = judge(poor)
    assert found.verdict == "underfit"
    assert found.evidence == (
        "ROC-AUC 0.740 on training rows, 0.750 on validation rows; logistic regression has 0.860 "
        "and 0.840."
    )
    assert judge(poor, linear=None).verdict == "healthy"
    assert judge(replace(poor, training_auc=0.87)).verdict == "overfit"


def test_chance_where_logistic_regression_learns_is_the_networks_fault() -> None:
    found = judge(replace(GOOD, roc_auc=0.52, training_auc=0.53, keras_auc=0.52))
    assert (found.verdict, found.facts["chance"]) == ("underfit", "not_learned")


def test_chance_where_logistic_regression_is_too_is_the_data() -> None:
    noise = Linear(training_auc=0.6, validation_auc=0.51)
    chance = replace(GOOD, roc_auc=0.52, training_auc=0.53, keras_auc=0.52)
    found = judge(chance, linear=noise)
    assert (found.verdict, found.facts["chance"]) == ("underfit", "no_signal")
    assert "the columns seem to say nothing about the target" in found.evidence
    memorised = judge(replace(chance, training_auc=0.99), linear=noise)
    assert (memorised.verdict, memorised.facts["chance"]) == ("overfit", "no_signal")


def test_validation_rows_of_one_class_are_bad_luck_and_no_fault_of_the_network() -> None:
    found = judge(replace(GOOD, roc_auc=None, keras_auc=None, best_epoch=0, counts=(200, 0)))
    assert (found.verdict, found.facts["chance"]) == ("unlucky", "one_class")


def test_of_a_trial_that_was_cut_short_only_the_certain_is_said() -> None:
    gap = replace(GOOD, training_auc=0.99)
    found = judge(gap, cut_short=True)
    assert found.verdict == "healthy"
    assert found.evidence == (
        "Nothing was wrong by epoch 4 of fold 1, where it was stopped; more cannot be said."
    )
    assert judge(COLLAPSED, cut_short=True).verdict == "collapsed"
    assert judge(DIVERGED, cut_short=True).verdict == "diverged"


def test_logistic_regression_is_not_asked_for_where_the_verdict_is_certain() -> None:
    def refuse() -> Linear:
        raise AssertionError("not needed")

    for signs in (COLLAPSED, DIVERGED):
        diagnose([signs], learning_rate=0.02, cut_short=False, linear=refuse)
    diagnose([GOOD], learning_rate=0.02, cut_short=True, linear=refuse)


def test_divergence_comes_before_collapse_and_overfitting_before_underfitting() -> None:
    assert judge(COLLAPSED, COLLAPSED, DIVERGED).verdict == "diverged"
    poor = replace(GOOD, roc_auc=0.5, training_auc=0.8)
    assert judge(poor).verdict == "overfit"
