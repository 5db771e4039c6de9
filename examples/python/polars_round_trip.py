"""From a DataFrame of polars into a file, scanned lazily, and back.

    python examples/python/polars_round_trip.py [rows]
"""

from __future__ import annotations

import os
import sys
import tempfile

import polars as pl

import drystone as ds


def main(rows: int) -> None:
    frame = pl.DataFrame(
        {
            "sensor": pl.Series([i % 50 for i in range(rows)], dtype=pl.UInt16),
            "tick": pl.Series(range(rows), dtype=pl.UInt64),
            "value": pl.Series([None if i % 7 == 0 else i % 100 / 4 for i in range(rows)], dtype=pl.Float32),
        }
    )
    with tempfile.TemporaryDirectory() as folder, ds.open(os.path.join(folder, "sensors.dry")) as db:
        readings = db.create("readings", load=frame, key=("sensor", "tick"))
        print(readings.schema)
        back = readings.to_polars()
        print("the same frame" if back.equals(frame.sort("sensor", "tick").select(back.columns)) else "another frame")
        # The columns and the comparison go into the query: no other rows are read.
        lazy = ds.polars.scan(readings).filter(pl.col("sensor") == 7).select(pl.col("value").mean(), pl.len().alias("n"))
        expected = frame.lazy().filter(pl.col("sensor") == 7).select(pl.col("value").mean(), pl.len().alias("n"))
        print("the same answer" if lazy.collect().equals(expected.collect()) else "another answer")
        print(pl.DataFrame(readings.where("sensor < 2").select("tick")).height)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
