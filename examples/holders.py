"""What one record of three integers costs in Python's record holders, measured.

    python3 examples/holders.py            (pip install recordclass attrs namedlist cython: more lines)

Counts what the interpreter allocates for 100,000 records, without the list that holds them and without the integers,
which are small and shared.
"""

import collections
import gc
import importlib
import sys
import tracemalloc

COUNT = 100_000


class Plain:
    def __init__(self, x, y, z):
        self.x, self.y, self.z = x, y, z


class Slotted:
    __slots__ = ("x", "y", "z")

    def __init__(self, x, y, z):
        self.x, self.y, self.z = x, y, z


def optional(module, make):
    """A maker from a module that may not be installed."""
    try:
        return make(importlib.import_module(module))
    except (ImportError, AttributeError):  # not installed, or too old for this Python
        return None


HOLDERS = {
    "dict": lambda: {"x": 1, "y": 2, "z": 3},
    "class instance": lambda: Plain(1, 2, 3),
    "namedtuple": (lambda point: lambda: point(1, 2, 3))(collections.namedtuple("Point", "x y z")),
    "tuple": lambda: tuple([1, 2, 3]),
    "class with __slots__": lambda: Slotted(1, 2, 3),
    "attrs, slots": optional("attr", lambda m: (lambda c: lambda: c(1, 2, 3))(m.make_class("Point", ["x", "y", "z"], slots=True))),
    "namedlist": optional("namedlist", lambda m: (lambda c: lambda: c(1, 2, 3))(m.namedlist("Point", "x y z"))),
    "recordclass": optional("recordclass", lambda m: (lambda c: lambda: c(1, 2, 3))(m.recordclass("Point", "x y z"))),
    "recordclass dataobject": optional(
        "recordclass", lambda m: (lambda c: lambda: c(1, 2, 3))(m.make_dataclass("Point", ["x", "y", "z"]))
    ),
}


def cost(make):
    """Bytes a record, averaged."""
    holder = [None] * COUNT
    gc.collect()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for index in range(COUNT):
        holder[index] = make()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return (after - before) / COUNT


print(f"Python {sys.version.split()[0]}, bytes a record of three integers")
for name, make in HOLDERS.items():
    print(f"  {name:24} {'not available' if make is None else round(cost(make))}")
