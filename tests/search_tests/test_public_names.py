"""Nothing becomes public by accident."""

import inspect

import pytest

import search


def test_public_names_are_these() -> None:
    assert sorted(search.__all__) == [
        *("Study", "StudyFigures", "TrialFigures", "launch", "load", "resume")
    ]


@pytest.mark.parametrize("name", search.__all__)
def test_public_names_are_there_and_documented(name: str) -> None:
    found = getattr(search, name)
    assert inspect.getdoc(found)
    if inspect.isfunction(found):
        signature = inspect.signature(found)
        assert signature.return_annotation is not inspect.Signature.empty
        for parameter in signature.parameters.values():
            assert parameter.annotation is not inspect.Parameter.empty, parameter


def test_other_names_are_not_there() -> None:
    with pytest.raises(AttributeError, match="module 'search' has no attribute 'optimise'"):
        _ = search.optimise
