"""What users of lists, dicts, arrays and frames write by habit, and what they are told instead."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import drystone as ds
from conftest import City, Point, Side


def test_tables_of_a_database_are_only_read(db: Any, cities: Any) -> None:
    points = db.create("points", Point)
    with pytest.raises(TypeError, match=r"with db.write\(\) as tx: tx.cities\["):
        cities[1] = City(1, "a", Side.BUY, 0.0)
    with pytest.raises(TypeError, match=r"with db.write\(\) as tx: del tx.cities"):
        del cities[1]
    for call in (lambda: cities.update({}), lambda: cities.insert(1), lambda: points.append((1, 2, 3)), lambda: points.load([])):
        with pytest.raises(AttributeError, match=r"begin a transaction: `with db.write\(\) as tx: tx\.(cities|points)\."):
            call()
    with pytest.raises(AttributeError) as caught:
        cities.nonsense
    assert "transaction" not in str(caught.value)


def test_lists_and_dicts(points: Any) -> None:
    keyed = ds.Table(City)
    with pytest.raises(AttributeError, match=r"has a key.*insert\(record\)"):
        keyed.append(1)
    with pytest.raises(AttributeError, match="no key.*list and not a dict"):
        points.keys()
    for several in ([1, 2], np.array([True] * 10)):
        with pytest.raises(TypeError, match="get_many"):
            points[several]
    assert City._field_defaults == {"population": None} and Point._field_defaults == {"z": 0}


def test_columns(points: Any) -> None:
    for call in (lambda: points.x + 1, lambda: 2 * points.x, lambda: points.x > 5, lambda: points.x == 5):
        with pytest.raises(TypeError, match=r"t.where\(\"x > 5\"\).*np.asarray\(t.x\)"):
            call()
    assert points.x == points.x and points.x != points.y and hash(points.x) == hash(points.x)
    with pytest.raises(TypeError, match=r"t\[3\].x = 7"):
        points.x[3] = 7
    with pytest.raises(AttributeError, match="update_where"):
        points.x = np.zeros(10)
    assert np.asarray(points.x).sum() == 45 and points.x.sum() == 45


def test_selections(points: Any) -> None:
    for wrong in (lambda row: True, 5, None, ["x > 5"]):
        with pytest.raises(TypeError, match="is no filter: a filter is a text"):
            points.where(wrong)
        with pytest.raises(TypeError, match="is no filter"):
            points.where("x > 1").where(wrong)
    found = points.where("x > 2", "x < 9").where("y < 16")
    assert [row.x for row in found] == [3, 4, 5, 6, 7] and found[0].x == 3 and found[-1].x == 7 and len(found[1:3]) == 2


def test_tables_are_made_with_create(db: Any, points: Any) -> None:
    with pytest.raises(AttributeError, match=r"create\('points'"):
        db.points = points
    with pytest.raises(TypeError, match=r"create\('points'"):
        db["points"] = points
    with db.write() as tx:
        with pytest.raises(AttributeError, match="create"):
            tx.points = points
        tx.create("points", load=points)
    assert len(db.points) == 10


def test_dicts_with_other_names(points: Any, db: Any) -> None:
    rows = [{"x": 1, "y": 2, "w": 3}]
    with pytest.raises(TypeError, match=r"no field 'w'; its fields are x, y, z.*ignore_unknown=True"):
        points.append(rows[0])
    with pytest.raises(TypeError, match="record 1: Point has no field 'w'.*ignore_unknown=True"):
        points.extend(rows)
    with pytest.raises(TypeError) as caught:
        Point(1, 2, w=3)
    assert "ignore_unknown" not in str(caught.value)
    points.extend(rows, ignore_unknown=True)
    assert points[-1] == Point(1, 2) and len(ds.Table(Point, rows, ignore_unknown=True)) == 1
    table = db.create("points", Point, load=rows, ignore_unknown=True)
    with db.write() as tx:
        tx.points.extend(rows, ignore_unknown=True)
    assert len(table) == 2
