"""A list of objects replaced by a table in memory, before and after, with the bytes that each takes a record.

    python examples/python/replaced_list.py [records]
"""

from __future__ import annotations

import gc
import os
import sys
from typing import Any

import drystone as ds


class Before:
    """What a trip was so far."""

    __slots__ = ("distance", "passengers", "taxi")

    def __init__(self, taxi: int, distance: float, passengers: int = 1) -> None:
        self.taxi, self.distance, self.passengers = taxi, distance, passengers


class After(ds.Record):
    """What a trip is now: 9 bytes."""

    taxi: ds.u32
    distance: ds.f32
    passengers: ds.u8 = 1


def resident() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def fill(trips: Any, kind: Any, count: int) -> Any:
    for i in range(count):
        trips.append(kind(1000 + i % 5000, i % 40 * 0.25, 1 + i % 4))
    return trips


def use(trips: Any) -> tuple[int, float, int, int]:
    """The code that has the trips. It is the same before and after."""
    trips[0].distance += 1.5
    trips[0], trips[-1] = trips[-1], trips[0]
    trips.sort(key=lambda trip: -trip.distance)
    far = [trip for trip in trips[:10] if trip.distance > 9]
    total = sum(trip.distance for trip in trips)
    del trips[5]
    return len(trips), total, max(trip.passengers for trip in far), trips[0].taxi


def main(count: int) -> None:
    results = []
    for name, make, kind in (("list of objects", list, Before), ("table", lambda: ds.Table(After), After)):
        gc.collect()
        begun = resident()
        trips = fill(make(), kind, count)
        grown = (resident() - begun) / count
        results.append(use(trips))
        print(f"{name}: {grown:.1f} bytes a record")
        if isinstance(trips, ds.Table):
            # What a list cannot do.
            print(f"{trips.where('passengers = 4').count()} with four passengers, {trips.distance.mean():.3f} on average")
        del trips
    print("the same results" if results[0] == results[1] else f"other results: {results}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
