"""A space can be said in a few lines of TOML, and every mistake in them is named with its line."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from search.cli import app
from search.errors import SettingError
from search.settings import Settings
from search.spaces.named_spaces import COCKTAIL, NAMED, QUICK, REGULARIZATION, SpaceSpec
from search.spaces.parameters import PARAMETERS
from search.spaces.ranges import OFF, Choices, FromTable, Interval
from search.spaces.space_file import read_assignments, read_space, spec_of, stored_spec
from search.spaces.space_text import say_space, space_changes, space_toml


def _read(folder: Path, text: str | bytes) -> SpaceSpec:
    file = folder / "my.toml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_space(file)


def _mistakes(folder: Path, text: str | bytes) -> list[str]:
    with pytest.raises(SettingError) as caught:
        _read(folder, text)
    return str(caught.value).splitlines()


@st.composite
def _entries(draw: st.DrawFn, name: str) -> Any:
    """Anything that may be said of a parameter."""
    parameter = PARAMETERS[name]
    if parameter.limits is None:
        words = draw(st.lists(st.sampled_from(parameter.words), min_size=1, unique=True))
        return words[0] if len(words) == 1 else words
    limits = parameter.limits
    numbers: Any = (
        st.integers(int(limits.least), int(limits.most))
        if limits.whole
        else st.floats(limits.least, limits.most, allow_subnormal=False)
    ).filter(limits.admit)
    form = draw(st.sampled_from(["value", "list", "table", "off"]))
    if form == "off" and parameter.can_be_off:
        return "off"
    found = draw(st.lists(numbers, min_size=1, max_size=4, unique=True))
    if form == "list" and parameter.can_be_off and draw(st.booleans()):
        return ["off", *found]
    if form == "list":
        return found
    if form == "value" or len(found) == 1:
        return found[0]
    table = {"low": min(found), "high": max(found), "log": min(found) > 0 and draw(st.booleans())}
    return {**table, "off": draw(st.booleans())} if parameter.can_be_off else table


@st.composite
def _specs(draw: st.DrawFn) -> SpaceSpec:
    """Any space that can be asked for."""
    base = draw(st.sampled_from(list(NAMED)))
    names = draw(st.lists(st.sampled_from([*PARAMETERS]), unique=True, max_size=6))
    if "stochastic_depth" in names:
        return read_space(base, {**{n: draw(_entries(n)) for n in names}, "skip": [False, True]})
    return read_space(base, {name: draw(_entries(name)) for name in names})


@pytest.mark.parametrize("name", NAMED)
def test_what_is_printed_of_a_named_space_is_that_space(name: str, tmp_path: Path) -> None:
    text = space_toml(read_space(name))
    assert _read(tmp_path, text).ranges == NAMED[name]
    assert _read(tmp_path, text).changes == {}
    assert max(map(len, text.splitlines())) <= 100


@given(_specs())
def test_what_is_printed_of_a_space_is_that_space(
    tmp_path_factory: pytest.TempPathFactory, spec: SpaceSpec
) -> None:
    again = _read(tmp_path_factory.mktemp("spaces"), space_toml(spec))
    assert (again.base, again.ranges) == (spec.base, spec.ranges)
    assert list(again.ranges) == [name for name in PARAMETERS if name in spec.ranges]


@given(_specs())
def test_a_study_keeps_its_space_without_the_file(spec: SpaceSpec) -> None:
    kept = {"space_name": spec.name, "space_asked": stored_spec(spec)}
    assert spec_of(kept) == spec


@given(_specs())
def test_options_say_what_a_file_said(spec: SpaceSpec) -> None:
    again = read_space(spec.base, read_assignments(space_changes(spec)))
    assert again.ranges == spec.ranges


def test_a_study_of_an_older_release_has_the_space_of_then() -> None:
    assert spec_of({}) == read_space("regularization")
    assert "space_name" in Settings.__dataclass_fields__  # which `spec_of` reads


def test_what_is_left_out_is_as_in_the_base(tmp_path: Path) -> None:
    assert _read(tmp_path, "").ranges == REGULARIZATION
    found = _read(tmp_path, 'base = "quick"\nl2 = {high = 1e-2}\n').ranges
    assert found["l2"] == Interval(low=1e-6, high=1e-2, log=True, off=True)
    assert {k: v for k, v in found.items() if k != "l2"} == {
        k: v for k, v in QUICK.items() if k != "l2"
    }


def test_parameters_are_narrowed_fixed_chosen_and_switched_off(tmp_path: Path) -> None:
    found = _read(
        tmp_path,
        """
        dropout = {low = 0, high = 0.5}
        l1 = "off"
        l2 = 1e-4
        activation = ["relu", "gelu"]
        width = {low = 8, high = 64, log = true}
        batch_size = [10, 20]
        learning_rate = [1e-3, 1e-2]
        [mixup]
        off = false
        """,
    ).ranges
    assert found["dropout"] == Interval(low=0.0, high=0.5)
    assert found["l1"] == OFF
    assert found["l2"] == Choices(values=(1e-4,))
    assert found["activation"] == Choices(values=("relu", "gelu"))
    assert found["width"] == Interval(low=8, high=64, log=True)
    assert found["batch_size"] == Choices(values=(10, 20))
    assert found["learning_rate"] == Choices(values=(1e-3, 1e-2))
    assert found["mixup"] == Interval(low=0.05, high=1.0, log=True, off=False)  # added
    assert found.keys() == {*REGULARIZATION, "mixup"}
    assert COCKTAIL.keys() == PARAMETERS.keys()


def test_without_skip_connections_stochastic_depth_is_not_searched(tmp_path: Path) -> None:
    text = space_toml(read_space("cocktail")).replace("skip = [false, true]", "skip = false")
    assert _read(tmp_path, text).ranges["stochastic_depth"] == OFF


def test_file_in_the_readme_is_a_space(tmp_path: Path) -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    spec = _read(tmp_path, readme.partition("```toml\n")[2].partition("```")[0])
    assert (spec.base, spec.ranges["l1"]) == ("cocktail", OFF)
    assert spec.ranges["dropout"] == Interval(low=0.0, high=0.4)
    assert spec.ranges["l2"] == Interval(low=1e-6, high=1e-2, log=True, off=False)
    assert _read(tmp_path, "mixup = {}").ranges["mixup"] == COCKTAIL["mixup"]


NUMBER = "a number from 0 to below 1, a list of them, or {low = ..., high = ...}"
STRENGTH = '"off", a number above 0 and at most 10, a list of them, or {low = ..., high = ...}'
WORDS = 'one of "relu", "gelu", "tanh", or a list of them'


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("dropuot = 0.1", '"dropuot" is not a parameter; did you mean `dropout`?'),
        ("x = 1", '"x" is not a parameter. `dampen space cocktail` prints them all.'),
        ("use_l1 = true", '`use_l1` goes with `l1`: say off = true or false there, or "off".'),
        ('dropout = "high"', f'`dropout` must be {NUMBER}; got "high".'),
        ("dropout = true", f"`dropout` must be {NUMBER}; got true."),
        ("dropout = 1", f"`dropout` must be {NUMBER}; got 1."),
        ("dropout = nan", f"`dropout` must be {NUMBER}; got nan."),
        ("dropout = 1979-05-27", f"`dropout` must be {NUMBER}; got 1979-05-27."),
        ("l2 = 0.0", f"`l2` must be {STRENGTH}; got 0.0."),
        ("l2 = inf", f"`l2` must be {STRENGTH}; got inf."),
        ("l2 = [1e-3, 11]", f"`l2` must be {STRENGTH}; got 11."),
        ("l2 = []", f"`l2` has an empty list; wanted {STRENGTH}."),
        ("l2 = [1e-3, 0.001]", "`l2` has 1e-3 twice in its list."),
        ("l2 = ['off', 'off']", '`l2` has "off" twice in its list.'),
        (
            "width = 64.0",
            "`width` must be a whole number from 1 to 65,536, a list of them, or "
            "{low = ..., high = ...}; got 64.0.",
        ),
        ("activation = 'rleu'", f'`activation` must be {WORDS}; got "rleu"; did you mean `relu`?'),
        ("activation = {low = 1}", f"`activation` must be {WORDS}; got {{low = 1}}."),
        ("skip = 1", "`skip` must be one of false, true, or a list of them; got 1."),
        (
            "l2 = {low = 0.1, high = 0.01}",
            "`l2` must have low below high; got low = 0.1 and high = 0.01.",
        ),
        (
            "l2 = {low = 0.1}",
            "`l2` must have low below high; got low = 0.1 and high = 0.1.",
        ),
        (
            "l2 = {low = 0.0}",
            "`l2` must have as low a number above 0 and at most 10; got 0.0.",
        ),
        (
            "l2 = {high = 'x'}",
            '`l2` must have as high a number above 0 and at most 10; got "x".',
        ),
        (
            "dropout = {log = true}",
            "`dropout` must have low above 0 where log = true; got low = 0.",
        ),
        ("l2 = {log = 1}", "`l2` must have true or false as log; got 1."),
        ("l2 = {off = 'no'}", '`l2` must have true or false as off; got "no".'),
        (
            "l2 = {hihg = 1.0}",
            '`l2` has no key "hihg"; did you mean `high`? It takes low, high, log, off.',
        ),
        ("dropout = {off = true}", "`dropout` cannot be off."),
        ("batch_size = {low = 3}", "`batch_size` needs both low and high."),
        (
            "stochastic_depth = 0.5",
            "`stochastic_depth` counts only with skip connections; add skip = [false, true].",
        ),
        (
            "base = 'coktail'",
            "base must be one of regularization, cocktail, quick; got \"coktail\"; "
            "did you mean `cocktail`?",
        ),
        ("base = 3", "base must be one of regularization, cocktail, quick; got 3."),
        ('"a\\u001b[31m" = 1', '"a\\u001b[31m" is not a parameter. `dampen space cocktail` prints '
         "them all."),
    ],
)  # fmt: skip
def test_a_mistake_is_a_sentence_with_its_line(line: str, says: str, tmp_path: Path) -> None:
    text = f"# a comment\ntaper = [\n  1.0,\n  0.5,\n]\n\n{line}\nhidden_layers = 2\n"
    assert _mistakes(tmp_path, text) == [f"my.toml, line 7: {says}"]


def test_one_mistake_does_not_lead_to_another(tmp_path: Path) -> None:
    text = space_toml(read_space("cocktail"))
    for right, wrong in (("cocktail", "coktail"), ("skip = [false, true]", "skip = 'yes'")):
        assert len(_mistakes(tmp_path, text.replace(right, wrong))) == 1
    mistakes = _mistakes(tmp_path, "skip = 1\nstochastic_depth = 0.1\n")
    assert [line[:19] for line in mistakes] == ["my.toml, line 1: `s"]


def test_all_mistakes_are_said_at_once_in_their_order(tmp_path: Path) -> None:
    text = (
        'base = "coktail"\nnote = """\nl2 = 3\n"""\nl2.low = 1\nl2.hihg = 2\n\n'
        '[l1]\nlow = 0\n\n[mixup]\nof = 1\nhigh = "x"\n'
    )
    said = [line.partition(": ")[0] for line in _mistakes(tmp_path, text)]
    assert said == [f"my.toml, line {n}" for n in (1, 2, 5, 6, 9, 12, 13)]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("l1 = 1\nl2 = [1,\n", "my.toml, line 2: this is not TOML. Invalid value."),
        ("l1 = 1\nl1 = 2\n", "my.toml, line 2: this is not TOML. Cannot overwrite a value."),
        ("l1\n", "my.toml, line 1: this is not TOML. "),
        ("l1 = .5", "my.toml, line 1: this is not TOML. Invalid value."),
        (b"\n\xff = 1", "my.toml, line 2: this is not text in UTF-8."),
        (f"l1 = {'9' * 5000}", "my.toml: this is not a space. A number in it is too long"),
        (f"l1 = {'[' * 5000}", "my.toml: this is not a space. A number in it is too long, or it"),
    ],
)
def test_broken_toml_is_said_with_its_line(text: str | bytes, says: str, tmp_path: Path) -> None:
    (said,) = _mistakes(tmp_path, text)
    assert said.startswith(says)


_SIGNS = ('"', "'", "[", "]", "{", "}", "=", ",", ".", "\n", "#", "\r", '"""', " ", "\0")
_SAID = ("base", "low", "high", "log", "off", "true", "1", "-1e-9", "nan", '"off"')
_TOML_LIKE = st.lists(st.sampled_from([*PARAMETERS, *_SIGNS, *_SAID]), max_size=25).map("".join)


@given(st.one_of(st.binary(max_size=60), st.text(max_size=60).map(str.encode), _TOML_LIKE))
def test_garbage_is_refused_in_a_sentence_or_is_a_space(
    tmp_path_factory: pytest.TempPathFactory, text: str | bytes
) -> None:
    try:
        spec = _read(tmp_path_factory.mktemp("garbage"), text)
    except SettingError as error:
        assert all(line.startswith("my.toml") for line in str(error).split("\n"))
    else:
        assert spec.base in NAMED


_SCALARS = st.one_of(st.booleans(), st.integers(), st.floats(), st.text(max_size=3), st.dates())


@given(
    st.dictionaries(
        st.one_of(st.sampled_from([*PARAMETERS, "base"]), st.text(max_size=4)),
        st.one_of(
            _SCALARS,
            st.lists(_SCALARS, max_size=3),
            st.dictionaries(st.sampled_from(["low", "high", "log", "off", "x"]), _SCALARS),
        ),
        max_size=4,
    )
)
def test_whatever_is_said_in_python_is_refused_in_a_sentence_or_is_a_space(
    said: dict[str, Any],
) -> None:
    try:
        found = read_space("regularization", said)
    except SettingError as error:
        assert all(line.startswith("--set") for line in str(error).split("\n"))
    else:
        assert found.ranges.keys() <= PARAMETERS.keys()
        tomllib.loads(space_toml(found))


def test_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"^--space must be a file that is there; .*no\.toml is"):
        read_space(tmp_path / "no.toml")
    with pytest.raises(SettingError, match=r"^--space must be a file to read; "):
        read_space(tmp_path)
    with pytest.raises(SettingError) as caught:
        read_space("coktail")
    assert str(caught.value) == (
        "--space must be one of regularization, cocktail, quick, or a TOML file; got "
        '"coktail"; did you mean `cocktail`?'
    )


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ("l2=1e-4", 1e-4),
        ("l2 = .5", 0.5),
        ("l1=off", "off"),
        ("activation=relu", "relu"),
        ('activation=["relu"]', ["relu"]),
        ("skip=true", True),
        ("dropout={low = 0.1, high = 0.2}", {"low": 0.1, "high": 0.2}),
    ],
)
def test_an_option_says_what_a_line_would(said: str, value: Any) -> None:
    assert list(read_assignments([said]).values()) == [value]


@pytest.mark.parametrize("said", ["l2", "l2=", "=1", ""])
def test_an_option_without_a_value_is_refused(said: str) -> None:
    with pytest.raises(SettingError, match=r"^--set must be NAME=VALUE, such as l2=1e-4 or l1=off"):
        read_assignments([said])


def test_an_option_that_is_said_twice_is_refused() -> None:
    with pytest.raises(SettingError, match=r"^--set must say `l2` once"):
        read_assignments(["l2=1", "l2=2"])


def test_mistakes_of_options_name_the_option() -> None:
    with pytest.raises(SettingError) as caught:
        read_space("quick", {"l2": -1, "x": 2})
    assert [line.partition(": ")[0] for line in str(caught.value).splitlines()] == [
        "--set l2",
        "--set",
    ]


def test_options_count_above_the_file(tmp_path: Path) -> None:
    file = tmp_path / "my.toml"
    file.write_text('base = "cocktail"\nl2 = 1e-3\nmixup = 0.2\n')
    spec = read_space(file, {"l2": "off"})
    assert (spec.ranges["l2"], spec.ranges["mixup"]) == (OFF, Choices(values=(0.2,)))
    assert say_space(spec) == "my.toml: cocktail with l2=off, mixup=0.2"


def test_spaces_in_words_are_short() -> None:
    assert say_space(read_space("quick")) == "quick"
    fixed = {"l1": "off", "l2": "off", "dropout": 0.1, "width": 8, "taper": 1, "skip": True}
    assert say_space(read_space("cocktail", fixed)) == (
        "cocktail with dropout=0.1, l1=off, l2=off, width=8, and 2 more"
    )


def test_command_prints_a_space_and_says_mistakes_with_exit_code_2(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["space", "quick", "--set", "l2=off"])
    assert done.exit_code == 0
    assert done.stdout == space_toml(read_space("quick", {"l2": "off"}))
    (tmp_path / "my.toml").write_text("a = 1\nb = 2\n")
    done = CliRunner().invoke(app, ["space", str(tmp_path / "my.toml")])
    assert (done.exit_code, len(done.stderr.splitlines())) == (2, 2)
    done = CliRunner().invoke(app, ["space"])
    assert "batch_size" not in tomllib.loads(done.stdout)
    assert 'base = "regularization"' in done.stdout


def test_limits_and_ranges_of_the_table_agree() -> None:
    for name, parameter in PARAMETERS.items():
        assert parameter.usual == COCKTAIL[name]
        if isinstance(parameter.usual, Interval):
            assert parameter.limits is not None
            assert parameter.limits.admit(parameter.usual.low), name
            assert parameter.usual.high is None or parameter.limits.admit(parameter.usual.high)
        elif not isinstance(parameter.usual, FromTable):
            known = parameter.words or parameter.usual.values
            assert set(parameter.usual.values) <= set(known), name
