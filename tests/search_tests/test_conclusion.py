"""The conclusion says plainly how good the network is, and when something simpler is as good."""

from typing import Any

from search.answer.conclusion import conclude

ROC_AUC = {"value": 0.9123, "low": 0.88, "high": 0.94}


def _against(b: str, value: float | None, low: float | None, high: float | None) -> dict[str, Any]:
    difference = {"value": value, "low": low, "high": high}
    return {"a": "network", "b": b, "difference": difference, "p_value": 0.1, "method": "delong"}


def _say(*comparisons: dict[str, Any], **given: Any) -> str:
    settings = {"winner_is_plain": False, "confirmed": None, "looks": 1, "roc_auc": ROC_AUC}
    return conclude(trial=7, rows=1200, comparisons=comparisons, **{**settings, **given})


def test_the_first_sentence_says_how_good_the_winner_is() -> None:
    assert _say().startswith(
        "On 1,200 test rows that nothing was chosen by, the network of trial 7 has a ROC-AUC of "
        "0.912 (95% interval 0.880 to 0.940)."
    )


def test_simpler_model_that_may_be_as_good_is_said_to_be() -> None:
    said = _say(_against("logistic", 0.004, -0.002, 0.01), _against("boosting", -0.01, -0.05, 0.03))
    assert (
        "Logistic regression, which needs no search, is as good as far as these rows can tell: the "
        "network's ROC-AUC minus its is +0.004 (-0.002 to +0.010), which may be chance." in said
    )
    assert "Gradient boosting, which needs no search, is as good" in said


def test_simpler_model_that_is_better_is_recommended() -> None:
    assert (
        "Gradient boosting is better, and needs no search: the network is behind by 0.020 (0.010 "
        "to 0.030). Use that." in _say(_against("boosting", -0.02, -0.03, -0.01))
    )


def test_model_that_is_beaten_is_said_to_be() -> None:
    said = _say(_against("logistic", 0.02, 0.01, 0.03))
    assert "It beats logistic regression by 0.020 (0.010 to 0.030)." in said


def test_rows_that_cannot_say_are_not_made_to() -> None:
    said = _say(_against("logistic", 0.1, None, None), roc_auc=dict.fromkeys(ROC_AUC))
    assert "cannot say how good trial 7 is: a class is missing" in said
    assert "Whether logistic regression is as good, these rows cannot say." in said


def test_what_regularisation_did_is_said() -> None:
    for value, low, high, words in (
        (0.02, 0.01, 0.03, "Regularisation was worth it"),
        (-0.02, -0.03, -0.01, "Regularisation did harm here"),
        (0.0, -0.01, 0.01, "Regularisation made no difference that these rows can show"),
        (0.5, None, None, "What regularisation did, these rows cannot say"),
    ):
        assert words in _say(_against("unregularised", value, low, high))
    assert "the unregularised trial left no network" in _say()
    plain = _say(_against("unregularised", 0.0, 0.0, 0.0), winner_is_plain=True)
    assert "It is the network without regularisation: none did better here." in plain


def test_ensemble_is_named_where_it_is_better_only() -> None:
    better = _say(_against("ensemble", -0.02, -0.03, -0.01))
    assert "The ensemble is better than the network alone, by 0.020" in better
    for comparison in (
        _against("ensemble", -0.02, -0.03, 0.01),
        _against("ensemble", 0.02, 0.01, 0.03),
        _against("ensemble", 0.02, None, None),
    ):
        assert "ensemble" not in _say(comparison)


def test_how_it_was_chosen_and_a_second_look_are_said() -> None:
    said = _say(confirmed={"values": [0.9, 0.91], "mean": 0.905, "standard_error": 0.005}, looks=2)
    assert "0.905 on validation rows, on average of 2 fresh trainings." in said
    assert said.endswith("looked at 2 times, so they are no longer quite unseen.")
    assert "looked at" not in _say()
