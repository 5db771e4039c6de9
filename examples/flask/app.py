"""A web service over one file: every worker reads the same pages, and one at a time writes.

    gunicorn --chdir examples/flask --workers 4 --preload app:app

POINTS names the file; it is made with ROWS points, or a million, where it does not exist.
"""

from __future__ import annotations

import os
from typing import Any

from flask import Flask, abort, jsonify, request

import drystone as ds


class Point(ds.Record):
    id: ds.u64 = ds.key()
    x: ds.i32
    y: ds.i32
    z: ds.i32


def create_app(path: str | None = None, rows: int | None = None) -> Flask:
    app = Flask(__name__)
    rows = int(os.environ.get("ROWS", 1_000_000)) if rows is None else rows
    # Opened before the workers fork: each opens it anew at its first request.
    db = ds.open(path or os.environ.get("POINTS", "points.dry"))
    points = db.create("points", Point, load=((i, i, 2 * i, 3 * i) for i in range(rows)), exist_ok=True)

    @app.get("/points/<int:key>")
    def get(key: int) -> Any:
        point = points.get(key)
        return jsonify(point) if point is not None else abort(404)

    @app.put("/points/<int:key>")
    def put(key: int) -> Any:
        body = request.get_json()
        try:
            point = Point(key, **body)
        except (TypeError, ValueError, OverflowError) as error:
            abort(400, str(error))
        with db.write(timeout=5) as tx:
            tx.points.upsert(point)
        return jsonify(point)

    @app.get("/sum")
    def total() -> Any:
        low, high = request.args.get("low", 0, int), request.args.get("high", 2**63, int)
        return jsonify(points.where(f"id >= {low} and id < {high}").sum("x"))

    return app


def __getattr__(name: str) -> Any:
    # gunicorn asks for `app`; tests make one of their own.
    if name == "app":
        return create_app()
    raise AttributeError(name)
