"""Writes the files beside it that Python programs make, as their users do. cli/tests/command/ten_files.rs loads them.

Made with pandas 3.1, polars 2.1, NumPy 2.4, DuckDB 2.0. The others are made by hand, in the manner of R's write.csv,
PostgreSQL's COPY, an export of BigQuery, Excel with German settings, a bank and a sensor.
"""

import datetime

import duckdb
import numpy
import pandas
import polars

AT = datetime.datetime(2024, 1, 2, 3, 4, 5)

pandas.DataFrame(
    {
        "city": ["Bern", None, "Köln"],
        "temp": [1.5, None, -0.1],
        "at": [AT, datetime.datetime(2024, 1, 2), AT],
        "visits": [3, None, 70000],
        "late": [True, False, True],
    }
).to_csv("pandas.csv")

polars.DataFrame(
    {
        "id": [1, 2],
        "at": [AT.replace(microsecond=123456), None],
        "day": [AT.date(), datetime.date(1969, 12, 31)],
        "ok": [True, None],
        "share": [0.1, 1e-7],
        "note": ["a, b", ""],
    }
).write_csv("polars.csv")

duckdb.sql("""
    COPY (SELECT * FROM (VALUES
        (1, 19.99::DECIMAL(10, 2), TIMESTAMP '2024-01-02 03:04:05', true, 'x', [1, 2, 3]),
        (2, NULL, NULL, false, NULL, [4, 5, 6])) t(id, price, seen, ok, note, list)) TO 'duckdb.csv' (HEADER)""")

values = numpy.array([[0.1, -2.0], [1e-300, 12345678.5]])
numpy.savetxt("savetxt.txt", values, header="x y")
