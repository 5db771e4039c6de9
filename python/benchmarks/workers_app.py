"""The app that workers.py serves: a record by its key, and a sum over all records, from the holder that the
environment names.

HOLDER is one of the names in HOLDERS, ROWS the number of records, FOLDER where files may be made. For Drystone
it is the app of examples/flask itself; the others have the same two routes. Each answer says in a header which
worker gave it.
"""

from __future__ import annotations

import collections
import os
import sqlite3
import sys
from typing import Any, Callable, Iterator

from flask import Flask, abort, jsonify, request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LARGE = 2**62


def records(rows: int) -> Iterator[tuple[int, int, int, int]]:
    """The records that the app of examples/flask makes."""
    return ((i, i, 2 * i, 3 * i) for i in range(rows))


def of_list(kind: Any, rows: int) -> Flask:
    """A list of objects. The place in it is the key."""
    points = [kind(*one) for one in records(rows)]

    def get(key: int) -> Any:
        if key >= len(points):
            return None
        point = points[key]
        return {"id": point.id, "x": point.x, "y": point.y, "z": point.z}

    return routes(get, lambda low, high: sum([one.x for one in points if low <= one.id < high]))


def of_connection(make: Callable[[], Any], get_text: str, sum_text: str) -> Flask:
    """A database with a DB-API connection, one a worker: connections do not survive a fork."""
    mine: dict[int, Any] = {}

    def connection() -> Any:
        here = os.getpid()
        if here not in mine:
            mine[here] = make()
        return mine[here]

    def get(key: int) -> Any:
        row = connection().execute(get_text, (key,)).fetchone()
        return None if row is None else dict(zip(("id", "x", "y", "z"), row))

    def total(low: int, high: int) -> Any:
        (found,) = connection().execute(sum_text, (low, high)).fetchone()
        return int(found or 0)

    return routes(get, total)


def routes(get: Callable[[int], Any], total: Callable[[int, int], Any]) -> Flask:
    app = Flask(__name__)

    @app.get("/points/<int:key>")
    def one(key: int) -> Any:
        point = get(key)
        return jsonify(point) if point is not None else abort(404)

    @app.get("/sum")
    def all_of_them() -> Any:
        low, high = request.args.get("low", 0, int), request.args.get("high", LARGE, int)
        return jsonify(total(low, high))

    return app


def namedtuples(rows: int, folder: str) -> Flask:
    return of_list(collections.namedtuple("Point", "id x y z"), rows)


def dataobjects(rows: int, folder: str) -> Flask:
    from recordclass import make_dataclass

    return of_list(make_dataclass("Point", "id x y z"), rows)


def sqlite(rows: int, folder: str) -> Flask:
    path = os.path.join(folder, "points.sqlite")
    with sqlite3.connect(path) as db:
        db.execute("create table points (id integer primary key, x integer, y integer, z integer)")
        db.executemany("insert into points values (?, ?, ?, ?)", records(rows))
    db.close()
    return of_connection(
        lambda: sqlite3.connect(f"file:{path}?mode=ro", uri=True),
        "select id, x, y, z from points where id = ?",
        "select sum(x) from points where id >= ? and id < ?",
    )


def duckdb(rows: int, folder: str) -> Flask:
    import duckdb

    path = os.path.join(folder, "points.duckdb")
    db = duckdb.connect(path)
    db.execute("create table points (id ubigint primary key, x integer, y integer, z integer)")
    # `range` gives the same records; a row at a time would take an hour.
    db.execute("insert into points select i, i, 2 * i, 3 * i from range(?) as all_rows(i)", (rows,))
    db.close()
    return of_connection(
        lambda: duckdb.connect(path, read_only=True),
        "select id, x, y, z from points where id = ?",
        "select sum(x) from points where id >= ? and id < ?",
    )


def drystone(rows: int, folder: str) -> Flask:
    sys.path.insert(0, os.path.join(ROOT, "examples", "flask"))
    import app as example

    made: Flask = example.create_app(os.path.join(folder, "points.dry"), rows)
    return made


HOLDERS: dict[str, Callable[[int, str], Flask]] = {
    "list of namedtuples": namedtuples,
    "list of dataobjects": dataobjects,
    "SQLite": sqlite,
    "DuckDB, read-only": duckdb,
    "drystone": drystone,
}


def make() -> Flask:
    app = HOLDERS[os.environ["HOLDER"]](int(os.environ["ROWS"]), os.environ["FOLDER"])

    @app.after_request
    def say_who(response: Any) -> Any:
        response.headers["X-Worker"] = str(os.getpid())
        return response

    return app


def __getattr__(name: str) -> Any:
    # gunicorn asks for `app`; an import for the names of the holders makes none.
    if name == "app":
        return make()
    raise AttributeError(name)
