"""Shuffled batches for training, made by several processes, in the manner of torch's DataLoader.

The workers are forked. Each reads its batches from the same mapped file, so none holds a copy of the samples, and
what goes back is a NumPy array. With torch, give `Samples` to a `DataLoader`: it has `__len__`, `__getitem__` and
`__getitems__`.

    python examples/python/training_loader.py [samples]
"""

from __future__ import annotations

import multiprocessing
import os
import random
import sys
import tempfile
from typing import Any, Iterator, Sequence

import numpy as np

import drystone as ds

Sample = ds.make_record("Sample", [("label", ds.u8), ("pixels", ds.Array[ds.f32, 16])])


class Samples:
    """What torch calls a map-style data set."""

    def __init__(self, table: Any) -> None:
        self.table = table

    def __len__(self) -> int:
        return len(self.table)

    def __getitem__(self, at: int) -> tuple[Any, int]:
        row = self.table[at]
        return np.asarray(row.pixels, np.float32), row.label

    def __getitems__(self, places: Sequence[int]) -> tuple[Any, Any]:
        """A whole batch with one call."""
        rows = np.asarray(self.table.get_many(np.asarray(places)))
        return rows["pixels"].copy(), rows["label"].copy()


def work(samples: Samples, tasks: Any, done: Any) -> None:
    for number, places in iter(tasks.get, None):
        done.put((number, samples.__getitems__(places)))


class Loader:
    """Batches of one epoch, in the order of the shuffle, whichever worker is faster."""

    def __init__(self, samples: Samples, batch: int, workers: int, seed: int = 0) -> None:
        self.samples, self.batch, self.workers, self.random = samples, batch, workers, random.Random(seed)

    def __len__(self) -> int:
        return -(-len(self.samples) // self.batch)

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        order = list(range(len(self.samples)))
        self.random.shuffle(order)
        context = multiprocessing.get_context("fork")
        tasks, done = context.Queue(), context.Queue()
        processes = [context.Process(target=work, args=(self.samples, tasks, done)) for _ in range(self.workers)]
        for process in processes:
            process.start()
        for number in range(len(self)):
            tasks.put((number, order[number * self.batch : (number + 1) * self.batch]))
        for _ in processes:
            tasks.put(None)
        early: dict[int, Any] = {}
        for number in range(len(self)):
            while number not in early:
                got, batch = done.get()
                early[got] = batch
            yield early.pop(number)
        for process in processes:
            process.join()


def main(count: int) -> None:
    with tempfile.TemporaryDirectory() as folder, ds.open(os.path.join(folder, "samples.dry")) as db:
        array = np.zeros(count, [("label", "u1"), ("pixels", "<f4", (16,))])
        array["label"] = np.arange(count) % 10
        array["pixels"] = np.arange(count, dtype="<f4")[:, None] % 1000
        samples = Samples(db.create("samples", Sample, load=array))
        loader = Loader(samples, batch=64, workers=3)
        for epoch in range(2):
            seen, labels, first = 0, 0, None
            for pixels, label in loader:
                first = pixels[:3, 0].tolist() if first is None else first
                seen += len(pixels)
                labels += int(label.sum())
            print(f"epoch {epoch}: {len(loader)} batches, {seen} samples, labels {labels}, begins with {first}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000)
