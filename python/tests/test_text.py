"""CSV files as other programs and people write them."""

import datetime

import pytest

import drystone as ds


class Entry(ds.Record):
    day: datetime.date
    amount: ds.f64


class Reading(ds.Record):
    at: datetime.datetime
    value: ds.f32 | None


def test_options_say_how_a_csv_is_written(tmp_path):
    bank = tmp_path / "bank.csv"
    bank.write_text("Account 7\n# July\nDay;Sum;\n31.12.2024;1.234,50;\n")
    loaded = ds.Table(
        Entry,
        bank,
        delimiter=";",
        skip_lines=1,
        comment="#",
        decimal_comma=True,
        rename={"Day": "day", "Sum": "amount"},
    )
    assert [ds.astuple(row) for row in loaded] == [(datetime.date(2024, 12, 31), 1234.5)]

    sensor = tmp_path / "sensor.txt"
    sensor.write_text(" 1704164645000   21.5\n 1704164646000   -\n")
    loaded = ds.Table(Reading, sensor, delimiter="blanks", header=False, null="-", timestamp_unit="ms")
    assert [row.value for row in loaded] == [21.5, None]
    assert loaded[0].at == datetime.datetime(2024, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)
    with pytest.raises(ValueError, match="timestamp_unit"):
        ds.Table(Reading, sensor, timestamp_unit="h")


def test_rounding_is_asked_for(tmp_path):
    text = tmp_path / "a.csv"
    text.write_text("at,value\n2024-01-02T03:04:05Z,1234567.89\n")
    with pytest.raises(ValueError, match="would be 1234567.9; use f64, or give round=True to allow rounding"):
        ds.Table(Reading, text)
    assert ds.Table(Reading, text, round=True)[0].value == 1234567.875
    pyarrow = pytest.importorskip("pyarrow")
    table = pyarrow.table({"at": [datetime.datetime(2024, 1, 2, tzinfo=datetime.UTC)], "value": [1 / 3]})
    with pytest.raises(ValueError, match="round=True"):
        ds.Table(Reading, table)
    assert ds.Table(Reading, table, round=True)[0].value == pytest.approx(1 / 3)
