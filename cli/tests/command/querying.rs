//! `drystone query`: its options, and its errors.

use crate::Folder;

fn folder() -> Folder {
    let folder = Folder::new();
    folder.file(
        "f.csv",
        "day,carrier,dep_delay\n2013-01-01,UA,70\n2013-01-01,AA,\n2013-01-02,UA,-5\n2013-01-02,AA,90\n2013-01-03,VX,61\n",
    );
    folder.done(&[
        "load",
        "a.dry",
        "f",
        "f.csv",
        "--schema",
        "day: date key, carrier: str[2] key, dep_delay: i16?",
    ]);
    folder
}

#[test]
fn query_filters_groups_sorts_and_prints() {
    let folder = folder();
    let query = |more: &[&str]| folder.done(&[&["query", "a.dry", "f"], more].concat());
    let csv = |more: &[&str]| query(&[more, &["--format", "csv"]].concat());
    assert_eq!(
        csv(&["--where", "dep_delay > 60", "--select", "carrier, at(6, i16)"]),
        "carrier,\"at(6, i16)\"\nUA,70\nAA,90\nVX,61\n"
    );
    assert_eq!(
        csv(&[
            "--group-by",
            "carrier",
            "--aggregate",
            "count, mean(dep_delay) as delay",
            "--order-by",
            "-count,carrier"
        ]),
        "carrier,count,delay\nAA,2,90\nUA,2,32.5\nVX,1,61\n"
    );
    assert_eq!(
        csv(&["--aggregate", "count(dep_delay),max(day)"]),
        "count(dep_delay),max(day)\n4,2013-01-03\n"
    );
    assert_eq!(
        csv(&["--order-by", "-dep_delay", "--limit", "2", "--select", "dep_delay"]),
        "dep_delay\n90\n70\n"
    );
    assert_eq!(csv(&["--select", "day", "--distinct"]), "day\n2013-01-01\n2013-01-02\n2013-01-03\n");
    assert_eq!(
        query(&["--where", "day = '2013-01-01' and dep_delay is null", "--format", "json"]),
        "{\"day\":\"2013-01-01\",\"carrier\":\"AA\",\"dep_delay\":null}\n"
    );
    assert_eq!(query(&["--aggregate", "count"]), "count\n─────\n    5\n");
    assert_eq!(
        query(&[
            "--where",
            "day >= '2013-01-02' and dep_delay > 60",
            "--group-by",
            "carrier",
            "--aggregate",
            "count",
            "--explain"
        ]),
        "table \"f\", 5 rows\nread: 3 rows, by key range on day, ranges: 1\nfilter: dep_delay >= 61\n\
         group: by carrier, through an array\nresult: carrier: str[2], count: u64\nthreads: 1\n"
    );
}

#[test]
fn query_groups_by_steps_and_names_columns() {
    let folder = folder();
    let csv = |more: &[&str]| folder.done(&[&["query", "a.dry", "f"], more, &["--format", "csv"]].concat());
    assert_eq!(
        csv(&[
            "--group-by",
            "floor(day, 2 d) as days",
            "--aggregate",
            "count_distinct(carrier) as carriers, first(dep_delay), last(dep_delay) as final",
            "--order-by",
            "-final"
        ]),
        "days,carriers,first(dep_delay),final\n2013-01-03,1,61,61\n2013-01-01,2,,-5\n"
    );
    assert_eq!(
        csv(&["--group-by", "floor(dep_delay, 50)", "--aggregate", "count"]),
        "\"floor(dep_delay, 50)\",count\n,1\n-50,1\n50,3\n"
    );
    assert_eq!(
        csv(&["--select", "carrier as airline", "--limit", "1", "--order-by", "-airline"]),
        "airline\nVX\n"
    );
    let run = folder
        .refused(2, &["query", "a.dry", "f", "--group-by", "floor(day, 1 month)", "--aggregate", "count"]);
    assert!(run.contains("--group-by: column 14: expected a unit of time"), "{run}");
}

#[test]
fn results_go_to_arrow_and_parquet_and_back() {
    let folder = folder();
    for format in ["arrow", "parquet"] {
        let mut command = folder.command(&[
            "query",
            "a.dry",
            "f",
            "--group-by",
            "carrier",
            "--aggregate",
            "count, max(dep_delay) as worst",
            "--format",
            format,
        ]);
        let written = command.output().unwrap();
        assert!(written.status.success(), "{written:?}");
        let file = format!("r.{format}");
        folder.file(&file, written.stdout);
        folder.done(&["load", "r.dry", format, &file, "--infer"]);
        let back = folder.done(&["query", "r.dry", format, "--format", "csv"]);
        assert_eq!(back, "carrier,count,worst\nAA,2,90\nUA,2,70\nVX,1,61\n");
    }
}

#[test]
fn mistakes_are_shown_where_they_are() {
    let folder = folder();
    let refused = |more: &[&str]| folder.refused(2, &[&["query", "a.dry", "f"], more].concat());
    assert_eq!(
        refused(&["--where", "carrier = 'UA' and dep_delay >"]),
        "error: --where: column 31: expected a value or a field, found the end\n  carrier = 'UA' and dep_delay >\n                                ^\n"
    );
    assert_eq!(
        refused(&["--where", "delay > 5"]),
        "error: table \"f\": column 1: no field \"delay\" (did you mean \"day\"?); the fields are day, carrier, dep_delay\n  delay > 5\n  ^\n"
    );
    assert!(refused(&["--where", "day > 5"]).contains("column 7: field \"day\" is of type date, which 5"));
    assert!(refused(&["--aggregate", "sum(carrier)"]).contains("sum is for numbers"));
    assert!(refused(&["--order-by", "nothing"]).contains("no field \"nothing\""));
    assert!(folder.refused(2, &["query", "b.dry", "f"]).contains("b.dry"));
    assert!(folder.refused(2, &["query", "a.dry", "g"]).contains("\"g\""));
}
