"""Time and chance come in from outside, so that a day runs in a second and a failure is one seed.

The rules are those of docs/architecture.md; names are resolved through the file's own imports, so that neither
``import time as t`` nor ``from random import choice`` gets by.
"""

import ast

import pytest

from tests.architecture.source import PACKAGES, ROOT, python_files, tree

FORBIDDEN = {
    "time": "gateway.clock.Clock for wall time, loop.time() for timers",
    "random": "a random.Random passed in",
    "secrets": "a random.Random passed in",
    "datetime.datetime.now": "gateway.clock.Clock",
    "datetime.datetime.utcnow": "gateway.clock.Clock",
    "datetime.datetime.today": "gateway.clock.Clock",
    "datetime.date.today": "gateway.clock.Clock",
    "os.urandom": "a random.Random passed in",
    "uuid.uuid1": "an id made from a random.Random passed in",
    "uuid.uuid4": "an id made from a random.Random passed in",
    "asyncio.get_event_loop": "asyncio.get_running_loop",
    "threading.Timer": "asyncio timers",
    "threading.Thread": "the store's executor, the only thread",
    "asyncio.to_thread": "the store's executor, the only thread",
    "datetime.datetime.fromtimestamp": "an explicit tz argument: ruff's DTZ006 looks after that",
}
ALLOWED_NAMES = {"random.Random", "random.SystemRandom", "datetime.datetime.fromtimestamp", "time.struct_time"}

EXCEPTIONS = {
    "gateway/clock.py": {"time.time", "time.monotonic"},  # the one place that asks the system what time it is
    "gateway/daemon/app.py": {"os.urandom"},  # the composition root seeds the one random.Random of the process
}
"""Uses by file, each with its reason."""


def uses(module):
    """Return ``(line, full name)`` for every use of an imported name in call or reference, most qualified form."""
    names = {}
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.split(".")[0]
                names[alias.asname or top] = alias.name if alias.asname else top
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    inner = {id(node.value) for node in ast.walk(module) if isinstance(node, ast.Attribute)}
    for node in ast.walk(module):
        if isinstance(node, (ast.Attribute, ast.Name)) and id(node) not in inner and (name := dotted(node, names)):
            yield node.lineno, name


def dotted(node, names):
    """Return the full name of ``a.b.c`` when ``a`` was imported, else None."""
    if isinstance(node, ast.Name):
        return names.get(node.id)
    if isinstance(node, ast.Attribute) and (start := dotted(node.value, names)):
        return f"{start}.{node.attr}"
    return None


def faults(module, allowed=frozenset()):
    """Return ``(line, name, what to use instead)`` for every forbidden use."""
    found = []
    for line, name in uses(module):
        if name in ALLOWED_NAMES or name in allowed:
            continue
        parts = name.split(".")
        rules = [rule for end in range(len(parts)) if (rule := ".".join(parts[: end + 1])) in FORBIDDEN]
        if rules and "." in name:
            found.append((line, name, FORBIDDEN[rules[-1]]))
    return found


def test_no_source_file_asks_for_time_or_chance_itself():
    """Only gateway/clock.py reads the system's clocks; nobody rolls the interpreter's own dice."""
    found = [
        f"{path.relative_to(ROOT)}:{line}: {name}; use {instead}"
        for path in python_files(PACKAGES)
        for line, name, instead in faults(tree(path), EXCEPTIONS.get(str(path.relative_to(ROOT)), frozenset()))
    ]

    assert found == []


@pytest.mark.parametrize(
    "planted",
    [
        "import time\nx = time.time()",
        "import time as t\nx = t.monotonic()",
        "from time import sleep\nsleep(1)",
        "from time import perf_counter as now\nnow()",
        "import random\nrandom.choice([1])",
        "from random import shuffle\nshuffle([])",
        "import datetime\ndatetime.datetime.now(datetime.UTC)",
        "from datetime import UTC, datetime\ndatetime.now(UTC)",
        "from datetime import date\ndate.today()",
        "import asyncio\nasyncio.get_event_loop().run_until_complete(x)",
        "import os\nos.urandom(4)",
        "from uuid import uuid4\nuuid4()",
        "import random\nkey = dict(default=random.random)",
    ],
)
def test_planted_violation_is_caught(planted):
    """Every way of importing is seen through, references as well as calls."""
    assert len(faults(ast.parse(planted))) == 1


@pytest.mark.parametrize(
    "fine",
    [
        "import random\ndef f(rng: random.Random): return rng.choice([1])",
        "from random import Random\nx = Random(1).random()",
        "import asyncio\nnow = asyncio.get_running_loop().time()",
        "from datetime import UTC, datetime\ndatetime.fromtimestamp(0, UTC)",
        "clock.time()\nrandom = 1\nrandom.x",
        "import datetime\ndatetime.timedelta(1)",
    ],
)
def test_what_is_allowed_passes(fine):
    """Types, passed-in sources and loop time are not mistaken for the forbidden."""
    assert faults(ast.parse(fine)) == []


EXECUTING = {"execute", "executemany", "executescript"}


def sql_faults(module):
    """Return lines where SQL is put together from pieces; only PRAGMA, which takes no parameters, may be."""
    for node in ast.walk(module):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args):
            continue
        built = node.args[0]
        first = built.values[0] if isinstance(built, ast.JoinedStr) and built.values else built
        pragma = isinstance(first, ast.Constant) and str(first.value).upper().startswith("PRAGMA ")
        formatted = (
            isinstance(built, ast.Call) and isinstance(built.func, ast.Attribute) and built.func.attr == "format"
        )
        if node.func.attr in EXECUTING and not pragma and (formatted or isinstance(built, (ast.JoinedStr, ast.BinOp))):
            yield node.lineno


def test_sql_is_never_put_together_from_pieces():
    """Values go in as parameters: an f-string in ``execute`` is how injection begins (ruff's S608 misses some)."""
    found = [f"{path.relative_to(ROOT)}:{line}" for path in python_files(PACKAGES) for line in sql_faults(tree(path))]

    assert found == []


@pytest.mark.parametrize(
    ("line", "count"),
    [
        ('db.execute(f"select {x}")', 1),
        ('db.execute("select " + x)', 1),
        ('db.executemany("select %s" % x, rows)', 1),
        ('db.execute("select {}".format(x))', 1),
        ('db.execute(f"PRAGMA max_page_count = {n}")', 0),
        ('db.execute("select ?", (x,))', 0),
        ("db.execute(SELECT_DUE, (x,))", 0),
    ],
)
def test_planted_sql_is_caught(line, count):
    """Each way of putting SQL together is seen; parameters, constants and PRAGMA pass."""
    assert len(list(sql_faults(ast.parse(line)))) == count
