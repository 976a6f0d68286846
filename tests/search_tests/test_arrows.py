"""The imports between the rooms go one way, and TensorFlow is loaded only by who trains."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("search", "objectives", "storage")
MODULES = sorted(
    str(file.relative_to(ROOT)) for room in ROOMS for file in (ROOT / room).rglob("*.py")
)

# Who trains, exports or predicts.
TRAINS = {
    "objectives/architecture.py",
    "objectives/augmentation.py",
    "objectives/averaging.py",
    "objectives/cross_validation.py",
    "objectives/digits.py",
    "objectives/execution.py",
    "objectives/layers.py",
    "objectives/loss.py",
    "objectives/optimizers.py",
    "objectives/strengths.py",
    "objectives/portable/array_graph.py",
    "objectives/portable/graph.py",
    "objectives/portable/date_graph.py",
    "objectives/engine.py",
    "objectives/rows.py",
    "objectives/portable/export.py",
    "objectives/network.py",
    "objectives/programs.py",
    "objectives/portable/scoring.py",
    "objectives/training.py",
    "search/winner/confirming_worker.py",
    "search/evaluation.py",
    "search/exporting.py",
    "search/objective/objective.py",
    "search/objective/own_objective.py",
    "search/predicting.py",
    "search/trial.py",
    "search/worker.py",
}


def _imports(module: str, *, at_import_time: bool = False) -> set[str]:
    """The full names that a module imports: anywhere in it, or when it is imported itself."""
    tree = ast.parse((ROOT / module).read_text(encoding="utf-8"))
    found: set[str] = set()
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "the rooms import by full names"
            assert node.module is not None
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
        later = isinstance(node, ast.FunctionDef) or _is_for_types_only(node)
        if not (at_import_time and later):
            waiting.extend(ast.iter_child_nodes(node))
    return found


def _is_for_types_only(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def _roots(module: str) -> set[str]:
    return {name.partition(".")[0] for name in _imports(module)}


@pytest.mark.parametrize("module", MODULES)
def test_rooms_import_only_along_the_arrows(module: str) -> None:
    room = module.partition("/")[0]
    allowed = {"search": set(ROOMS), "objectives": {"objectives"}, "storage": {"storage"}}[room]
    assert _roots(module) & set(ROOMS) <= allowed


@pytest.mark.parametrize("module", [name for name in MODULES if name not in TRAINS])
def test_only_who_trains_loads_tensorflow(module: str) -> None:
    """Neither itself nor through what it imports at import time."""
    seen, waiting = set(), [module]
    while waiting:
        current = waiting.pop()
        if current in seen:
            continue
        seen.add(current)
        imported = _imports(current, at_import_time=True)
        assert not {name.partition(".")[0] for name in imported} & {"tensorflow", "keras"}, current
        paths = {f"{name.replace('.', '/')}.py" for name in imported}
        waiting.extend(path for path in paths if path in MODULES)


def test_optuna_and_databases_are_unknown_to_objectives_and_training_to_storage() -> None:
    for module in MODULES:
        if module.startswith("objectives/"):
            assert not _roots(module) & {"optuna", "sqlalchemy", "sqlite3", "typer"}, module
        if module.startswith("storage/"):
            assert not _roots(module) & {"keras", "tensorflow", "sklearn", "typer"}, module


def test_nothing_is_unpickled() -> None:
    for module in MODULES:
        assert not _roots(module) & {"pickle", "joblib", "dill", "cloudpickle"}, module


def test_only_the_database_makes_engines() -> None:
    for module in MODULES:
        text = (ROOT / module).read_text(encoding="utf-8")
        makes = "create_engine(" in text or "RDBStorage(" in text
        assert makes == (module == "storage/database.py"), module
