"""Several processes read batches of one table, as the workers of a training data loader do."""

import multiprocessing
import os
import tempfile

import drystone as ds

Sample = ds.make_record("Sample", [("label", ds.u8), ("v", ds.Array[ds.f32, 4])])


def batch(table: object, numbers: range) -> float:
    rows = table.get_many(numbers)  # type: ignore[attr-defined]
    return sum(row.label for row in rows)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder, ds.open(os.path.join(folder, "samples.dry")) as db:
        rows = ((i % 10, (i, i + 1, i + 2, i + 3)) for i in range(10_000))
        samples = db.create("samples", Sample, load=rows)
        batches = [range(start, start + 500) for start in range(0, 10_000, 500)]
        with multiprocessing.get_context("spawn").Pool(2) as pool:
            print(sum(pool.starmap(batch, [(samples, one) for one in batches])))
