"""From a DataFrame of pandas into a file, through a query, and back.

    python examples/python/pandas_round_trip.py [rows]
"""

from __future__ import annotations

import os
import sys
import tempfile

import pandas as pd

import drystone as ds


def main(rows: int) -> None:
    frame = pd.DataFrame(
        {
            "order": pd.Series(range(rows), dtype="uint32"),
            "city": pd.Series(["Berlin", "Oslo", "Rome"] * rows, dtype="string")[:rows],
            "cents": pd.Series([i * 37 % 10_000 for i in range(rows)], dtype="Int64"),
            "at": pd.date_range("2024-01-01", periods=rows, freq="min", tz="UTC"),
        }
    )
    frame.loc[frame["order"] % 10 == 3, "cents"] = pd.NA
    with tempfile.TemporaryDirectory() as folder, ds.open(os.path.join(folder, "orders.dry")) as db:
        orders = db.create("orders", load=frame, key="order")
        print(orders.schema)
        back = orders.to_pandas()
        print(len(back), str(back["cents"].dtype), str(back["at"].dtype), int(back["cents"].isna().sum()))
        print("the same sums" if back["cents"].sum() == frame["cents"].sum() == orders.cents.sum() else "other sums")
        # Only what the query leaves becomes a frame.
        means = orders.group_by("city").aggregate("count", "mean(cents) as mean").to_pandas().sort_values("city")
        expected = frame.groupby("city")["cents"].mean()
        close = all(abs(row.mean_ - expected[row.city]) < 1e-9 for row in means.rename(columns={"mean": "mean_"}).itertuples())
        print("the same means" if close else "other means", list(means["city"]))
        # A frame of changes is written over the rows with the same keys.
        raised = back[back["city"] == "Oslo"].assign(cents=lambda some: some["cents"] + 100)
        with db.write() as tx:
            tx.orders.load(raised, on_duplicate="last")
        print(int(orders.cents.sum() - frame["cents"].sum()) == 100 * int(raised["cents"].count()), len(orders) == rows)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
