"""A year of flights from New York, in ten lines: load, look up, query, change.

Run it from the folder of the repository: python examples/python/flights.py
"""

import datetime
import pathlib
import tempfile

import drystone as ds

data = pathlib.Path(__file__).parents[1] / "data"

with tempfile.TemporaryDirectory() as folder, ds.open(f"{folder}/flights.dry") as db:
    schema = (data / "flights.schema").read_text()
    flights = db.create("flights", schema, load=data / "flights-2013.csv.zst", null="NA")
    print(f"{len(flights):,} flights")
    when = datetime.datetime(2013, 7, 3, 14, tzinfo=datetime.timezone.utc)
    row = flights[when, "MQ", 3689]
    print(row.origin, row.dest, row.dep_delay)
    late = flights.where("dep_delay > 60")
    print(f"{late.count():,} left more than an hour late, by {late.mean('dep_delay'):.1f} minutes on average")
    for carrier in flights.group_by("carrier").aggregate("count", "mean(dep_delay) as delay").where().order_by("-delay").limit(3):
        print(f"{carrier.carrier}: {carrier.count:,} flights, {carrier.delay:.1f} minutes")
    with db.write() as tx:
        tx.flights[when, "MQ", 3689].dep_delay = None
    print(flights[when, "MQ", 3689].dep_delay, flights.dep_delay.count())
