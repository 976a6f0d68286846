"""The beginning of a script: the columns by kind, and the table read.

Each function returns lines of source. Column names, labels and paths are written with
`layout.literal`; everything else is ours. Next: `splitting.py` for who trains on what.
"""

import re
from pathlib import Path

from objectives.script.layout import call, fits, listing, literal, name_dict, name_list
from objectives.script.plan import Plan
from objectives.table.files import is_parquet
from objectives.table.schema import Kind

BUILT_IN = "breast-cancer"
# The names that a script has for its columns of each kind, beside NUMERIC and EMBEDDED.
_HEADS: dict[str, Kind] = {"DATES": "datetime", "CATEGORICAL": "categorical", "TEXT": "text"}
_NUMBER = re.compile(r"[+-]?[0-9]{1,15}(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,2})?")
_SAME_AS_UTF8 = ("utf-8", "utf-8-sig")  # to pandas, which skips a byte-order mark


def constant_lines(plan: Plan) -> list[str]:
    """Return the path, the target and the columns of each kind; `read_lines` may add NUMERIC."""
    lines = [] if plan.data_path == BUILT_IN else [f"DATA = {literal(plan.data_path)}"]
    lines.append(f"TARGET = {literal(plan.target)}")
    if len(plan.labels) > 2:
        lines += listing("LABELS", _label_literals(plan))
    if plan.names("numeric") and not _the_rest_is_numeric(plan):
        lines += name_list("NUMERIC", plan.names("numeric"))
    for head, kind in _HEADS.items():
        names = plan.names(kind)
        if kind == "text" and names:
            lines.append("# Only whether a cell is filled is used")
        if names:
            lines += name_list(head, names)
    if days_first(plan) == {True, False}:
        first = [c.name for c in plan.schema.used if c.kind == "datetime" and c.order == "DMY"]
        lines += name_list("DAY_FIRST", first)
    if plan.embeddings:
        lines.append("# Columns of many levels, and the length of a level's vector")
        lines += name_dict("EMBEDDED", plan.embeddings)
    return lines


def read_lines(plan: Plan) -> list[str]:
    """Return what reads `table`, with a typed cell in every used column, and `y`."""
    if plan.data_path == BUILT_IN:
        positive = ("malignant", "benign").index(plan.labels[1])
        lines = ["table = load_breast_cancer(as_frame=True).frame"]
        lines.append(f"y = (table[TARGET] == {positive}).to_numpy().astype(int)")
        lines[-1] += f"  # 1 is {plan.labels[1]}"
        return [*lines, *_rest_lines(plan)]
    lines = [*_file_lines(plan), *_target_lines(plan), *_rest_lines(plan)]
    if plan.names("numeric"):
        lines.append(_to_numbers(plan, "NUMERIC"))
    if plan.infinite:
        finite = 'table[NUMERIC].abs() <= np.finfo("float32").max'
        lines.append(f"table[NUMERIC] = table[NUMERIC].where({finite})")
    if plan.names("datetime"):
        lines += _date_lines(plan)
    if plan.names("text"):
        lines.append("table[TEXT] = table[TEXT].notna().astype(float)")
    texts = ["CATEGORICAL"] * bool(plan.names("categorical")) + ["EMBEDDED"] * bool(plan.embeddings)
    if texts:
        names = texts[0] if texts == ["CATEGORICAL"] else f"[*{', *'.join(texts)}]"
        lines.append(f'table[{names}] = table[{names}].astype("string").fillna("")')
    return lines


def number_source(plan: Plan, cells: str) -> str:
    """Return the source of cells whose numbers have a decimal point."""
    if plan.dialect.decimal == ".":
        return cells
    return f'{cells}.replace({literal(plan.dialect.decimal)}, ".", regex=True)'


def date_arguments(cells: str, order: list[str]) -> list[str]:
    """Return the arguments with which `pd.to_datetime` reads cells, zones included."""
    return [cells, 'format="mixed"', *order, "utc=True", 'errors="coerce"']


def days_first(plan: Plan) -> set[bool]:
    """Return whether the day comes before the month: one answer, or two, or none."""
    return {c.order == "DMY" for c in plan.schema.used if c.kind == "datetime"}


def numeric_labels(plan: Plan) -> bool:
    """Whether the classes are numbers, which a file may write in several ways."""
    if not all(_NUMBER.fullmatch(label) for label in plan.labels):
        return False
    return len({float(label) for label in plan.labels}) == len(plan.labels)


def _label_literals(plan: Plan) -> list[str]:
    """Return the classes as source: numbers where all are."""
    if not numeric_labels(plan):
        return [literal(label) for label in plan.labels]
    values = [float(label) for label in plan.labels]
    return [repr(int(value) if value.is_integer() else value) for value in values]


def _the_rest_is_numeric(plan: Plan) -> bool:
    """Whether to say NUMERIC as all columns but some, which is shorter."""
    line = name_list("NUMERIC", plan.names("numeric"))
    return len(line) > 1 and len(_others(plan)) < len(line)


def _others(plan: Plan) -> list[str]:
    """Return the source of the columns that are no numbers, within a list."""
    named = [f"*{head}" for head, kind in _HEADS.items() if plan.names(kind)]
    named += ["*EMBEDDED"] if plan.embeddings else []
    return ["TARGET", *named, *map(literal, plan.names("dropped"))]


def _rest_lines(plan: Plan) -> list[str]:
    if not (plan.names("numeric") and _the_rest_is_numeric(plan)):
        return []
    others = _others(plan)
    line = f"NUMERIC = table.columns.drop([{', '.join(others)}])"
    if fits(line):
        return [line]
    return [*listing("OTHERS", others), "NUMERIC = table.columns.drop(OTHERS)"]


def _is_parquet(plan: Plan) -> bool:
    return is_parquet(Path(plan.data_path))


def _file_lines(plan: Plan) -> list[str]:
    if _is_parquet(plan):
        return ["table = pd.read_parquet(DATA)"]
    dialect = plan.dialect
    arguments = ["DATA", "dtype=str", "skipinitialspace=True"]
    if _reads_text(plan):  # a word such as None or NA is a level like any other
        arguments += ["keep_default_na=False", 'na_values=[""]']
    if dialect.delimiter != ",":
        arguments.append(f"sep={literal(dialect.delimiter)}")
    if dialect.encoding not in _SAME_AS_UTF8:
        arguments.append(f"encoding={literal(dialect.encoding)}")
    if dialect.gzip and not plan.data_path.lower().endswith(".gz"):
        arguments.append('compression="gzip"')
    return call("table = pd.read_csv", arguments)


def _target_lines(plan: Plan) -> list[str]:
    cells = "table[TARGET]"
    if numeric_labels(plan):
        lines = [_to_numbers(plan, "[TARGET]")]
        lines += ["table = table.dropna(subset=[TARGET])"] * plan.unlabelled
    else:
        cells += '.astype("string").str.strip()' if _is_parquet(plan) else ".str.strip()"
        lines = []
        if plan.unlabelled:
            classes = "LABELS" if len(plan.labels) > 2 else f"[{', '.join(_label_literals(plan))}]"
            lines = call(f"table = table[{cells}.isin", [classes], "].copy()")
    if len(plan.labels) > 2:
        return [*lines, f"y = {cells}.map(LABELS.index).to_numpy()"]
    positive = _label_literals(plan)[1]
    return [*lines, *call(f"y = ({cells} == {positive}).to_numpy().astype", ["int"])]


def _reads_text(plan: Plan) -> bool:
    texts = plan.names("categorical") + plan.names("text") + tuple(plan.embeddings)
    return bool(texts) or plan.roles.group is not None or not numeric_labels(plan)


def _to_numbers(plan: Plan, names: str) -> str:
    source = number_source(plan, f"table[{names}]")
    return f'table[{names}] = {source}.apply(pd.to_numeric, errors="coerce")'


def _date_lines(plan: Plan) -> list[str]:
    first = days_first(plan)
    order = ["dayfirst=True"] if first == {True} else []
    if len(first) == 2:
        order = ["dayfirst=name in DAY_FIRST"]
    return [
        "for name in DATES:  # as days since 1970",
        *call("dates = pd.to_datetime", date_arguments("table[name]", order), indent=1),
        '    table[name] = (dates - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(days=1)',
    ]
