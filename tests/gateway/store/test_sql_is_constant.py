"""SQL is written out and values travel as parameters: no statement is put together from data."""

import ast
from pathlib import Path

import gateway.store

STORE = Path(gateway.store.__file__).parent
ALLOWED = {
    ("schema.py", "configure"),  # a loop over a literal tuple of pragmas
    ("schema.py", "create"),  # a loop over the literal TABLES
    ("schema.py", "set_pages_max"),  # a pragma takes no parameter; the number is asserted to be an int
    ("salvage.py", "salvage"),  # a loop over a literal tuple of pragmas
    ("salvage.py", "_copy_table"),  # the literals of WHOLE_TABLES
    ("schema.py", "upgrade"),  # statements of AIR_TABLES
    ("outbox.py", "_count_anew"),  # a loop over a literal tuple of queries
}


def statements_built_from_data(source, filename):
    """Return (function, line) of every execute whose statement is not a plain string constant."""
    found = []
    for function in ast.walk(ast.parse(source)):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for call in ast.walk(function):
            if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)):
                continue
            if call.func.attr not in {"execute", "executemany", "executescript"}:
                continue
            constant = isinstance(call.args[0], ast.Constant)
            named = isinstance(call.args[0], ast.Name) and (filename, function.name) in ALLOWED
            if not (constant or named):
                found.append((function.name, call.lineno))
    return found


def test_every_statement_is_a_constant():
    """No f-string, format or concatenation reaches execute, in any file of the store."""
    for path in sorted(STORE.glob("*.py")):
        assert statements_built_from_data(path.read_text(), path.name) == [], path


def test_the_check_sees_a_planted_statement():
    """An f-string and a concatenation are both found."""
    planted = "def look(db, x):\n    db.execute(f'select {x}')\n    db.execute('select ' + x)\n"

    assert statements_built_from_data(planted, "planted.py") == [("look", 2), ("look", 3)]
