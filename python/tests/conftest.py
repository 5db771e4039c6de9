"""What tests share."""

from __future__ import annotations

import datetime
import enum
from typing import Annotated, Any

import pytest

import drystone as ds


class Side(enum.Enum):
    BUY = "buy"
    SELL = "sell"


class City(ds.Record):
    id: ds.u32 = ds.key()
    name: Annotated[str, ds.width(40)]
    side: Side
    lat: ds.f32
    population: ds.u32 | None = None


class Point(ds.Record):
    x: ds.i32
    y: ds.i32
    z: ds.i32 = 0


class Everything(ds.Record):
    b: bool
    u8: ds.u8
    i64: ds.i64
    u64: ds.u64
    u128: ds.u128
    i128: ds.i128
    f32: ds.f32
    f64: ds.f64
    s: ds.Str[8]
    by: ds.Bytes[4]
    d: datetime.date
    at: datetime.datetime
    side: Side
    v: ds.Array[ds.f32, 2]
    maybe: ds.i64 | None = None


@pytest.fixture
def path(tmp_path: Any) -> str:
    return str(tmp_path / "test.dry")


@pytest.fixture
def db(path: str) -> Any:
    with ds.open(path) as db:
        yield db


@pytest.fixture
def cities(db: Any) -> Any:
    rows = [City(i, f"city {i}", Side.BUY if i % 2 else Side.SELL, i / 2, i * 1000 if i % 3 else None) for i in range(1, 101)]
    return db.create("cities", City, load=rows)


@pytest.fixture
def points() -> Any:
    return ds.Table(Point, [(i, 2 * i, 3 * i) for i in range(10)])
