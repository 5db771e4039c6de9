"""SQL of DuckDB over a table that other processes go on reading and writing.

    python examples/python/duckdb_query.py [rows]
"""

from __future__ import annotations

import os
import sys
import tempfile
from typing import Annotated

import duckdb

import drystone as ds


class Sale(ds.Record):
    id: ds.u32 = ds.key()
    shop: Annotated[str, ds.width(12)]
    cents: ds.u32


def main(rows: int) -> None:
    folder = tempfile.TemporaryDirectory()
    with folder, duckdb.connect() as duck, ds.open(os.path.join(folder.name, "sales.dry")) as db:
        sales = db.create("sales", Sale, load=((i, f"shop {i % 5}", i % 1000) for i in range(rows)))
        arrow = sales.to_arrow()  # DuckDB finds it by the name of the variable
        found = duck.execute(
            """
            select shop, count(*) as n, sum(cents)::bigint as cents,
                   rank() over (order by sum(cents) desc) as place
            from arrow group by shop order by shop
            """
        ).fetchall()
        for shop, n, cents, place in found:
            print(shop, n, cents, place)
        # The same sums from Drystone's own query.
        own = {group.shop: group.cents for group in sales.group_by("shop").aggregate("sum(cents) as cents")}
        print("the same sums" if own == {shop: cents for shop, _, cents, _ in found} else "other sums")
        # And an answer of DuckDB becomes a table.
        with db.write() as tx:
            top = duck.sql("select shop, max(cents)::uinteger as most from arrow group by shop").to_arrow_table()
            tx.create("top", load=top)
        print(db.top.most.max())


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
