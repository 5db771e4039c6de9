"""Lets two packages that were written before Python 3.10 be imported."""

from __future__ import annotations

import collections
import collections.abc
import importlib
import importlib.util
import os
import sys
import types
from typing import Any

import pytest


def namedlist() -> Any:
    """namedlist asks `collections` for names that have moved to `collections.abc`."""
    made = pytest.importorskip("namedlist")
    made._collections = types.SimpleNamespace(**{**vars(collections.abc), **vars(collections)})
    return made


def mutabletuple() -> Any:
    """mutabletuple stands on namedlist, and imports a file of its own folder as Python 2 did."""
    namedlist()
    found = importlib.util.find_spec("mutabletuple")
    if found is None or not found.submodule_search_locations:
        pytest.skip("could not import 'mutabletuple'", allow_module_level=True)
    path = os.path.join(found.submodule_search_locations[0], "_mutabletuple.py")
    inner = importlib.util.spec_from_file_location("_mutabletuple", path)
    if inner is None or inner.loader is None or not os.path.exists(path):
        pytest.skip("this 'mutabletuple' has no file '_mutabletuple.py'", allow_module_level=True)
    sys.modules["_mutabletuple"] = importlib.util.module_from_spec(inner)
    inner.loader.exec_module(sys.modules["_mutabletuple"])
    return importlib.import_module("mutabletuple")
