"""A table in shards, read by the worker processes of Dask: `python examples/python/shards_dask.py`.

It needs `pip install "dask[dataframe,distributed]" pyarrow`.
"""

import os
import tempfile

import dask
import dask.dataframe as dd
from dask.distributed import Client

import drystone as ds


class Event(ds.Record):
    day: ds.u16 = ds.key()
    id: ds.u32 = ds.key()
    amount: ds.i32


def positive(shard: ds.Shard) -> int:
    """A worker asks its shard, and sends back a number."""
    return int(shard.table().where("amount > 0").sum("amount"))


def main(folder: str) -> None:
    with ds.open(os.path.join(folder, "events.dry")) as db:
        db.create("events", Event, load=((n // 1000, n, n % 7 - 3) for n in range(200_000)))
        db.shard("events", os.path.join(folder, "shards"), 8)

    shards = ds.shards(os.path.join(folder, "shards"))
    with Client(n_workers=2, threads_per_worker=1, dashboard_address=None):
        # A task for each shard.
        answers = dask.compute(*[dask.delayed(positive)(shard) for shard in shards])
        print(sum(answers))
        # A DataFrame of Dask: each shard is a partition.
        frame = dd.from_map(ds.Shard.to_pandas, list(shards))
        print(frame.npartitions, int(frame[frame.day >= 100].amount.sum().compute()))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        main(folder)
