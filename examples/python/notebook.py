# %% [markdown]
# A session as in a notebook. Cells begin with `# %%`; each may be run again, in any order that
# makes sense.

# %% Open. Run again, it gives another handle of the same file.
import os
import tempfile
from typing import Annotated

import drystone as ds

folder = os.environ.get("FOLDER") or tempfile.mkdtemp()
db = ds.open(os.path.join(folder, "notebook.dry"))


# %% A class, and a table of it. `exist_ok` keeps what is there; `replace` starts anew.
class City(ds.Record):
    id: ds.u32 = ds.key()
    name: Annotated[str, ds.width(20)]
    population: ds.u32 | None = None


cities = db.create("cities", City, load=[(1, "Berlin", 3_878_100), (2, "Oslo", 717_710), (3, "Atlantis")], exist_ok=True)

# %% Look.
print(cities)
html = cities._repr_html_()
names = [name for name in dir(db) if name == "cities"] + [name for name in dir(cities) if name in City._fields]

# %% Ask.
large = cities.where("population > 1000000")
print(large.count(), [row.name for row in large], cities.population.sum())

# %% Change. A cell that is run again must not fail, so it upserts.
with db.write() as tx:
    tx.cities.upsert(City(4, "Rome", 2_746_984))
print(len(cities))
