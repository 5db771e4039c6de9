//! Names and lists as arguments, and files of one column: the same rules for every command.

use crate::Folder;

/// A table whose fields have names that need care.
fn folder() -> Folder {
    let folder = Folder::new();
    folder.file(
        "a.csv",
        "at,\"a,b\",my field,in,not,per-cent\n2024-01-02,1,2,3,4,5\n2023-01-01,6,7,8,9,10\n2022-01-01,11,12,13,14,15\n",
    );
    let schema = "at: date, \"a,b\": u8, \"my field\": u8, in: u8, not: u8, \"per-cent\": u8";
    folder.done(&["load", "a.dry", "t", "a.csv", "--schema", schema, "--key", "at, `a,b`"]);
    folder
}

#[test]
fn a_word_is_reserved_only_where_it_must_be() {
    let folder = folder();
    let at = |filter: &str| {
        let arguments = ["query", "a.dry", "t", "--select", "at", "--format", "csv", "--where", filter];
        folder.done(&arguments).lines().skip(1).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(at("at > \"2023-06-01\""), "2024-01-02");
    assert_eq!(at("at = \"2023-01-01\" or at(0, u8) = 300"), "2023-01-01");
    assert_eq!(at("in in (3, 13)"), "2022-01-01 2024-01-02");
    assert_eq!(at("not in > 5"), "2024-01-02");
    assert_eq!(at("`not` = 9 and not `not` = 4"), "2023-01-01");
    assert_eq!(at("`a,b` = 6"), "2023-01-01");
    for filter in ["not = 9", "not > 3 and in = 3"] {
        let said = folder.refused(2, &["query", "a.dry", "t", "--where", filter]);
        assert!(said.contains("a field with the name not stands in back quotes: `not`"), "{said}");
    }
    // The same conditions for the other commands.
    let said =
        folder.done(&["remove", "a.dry", "t", "--where", "at > \"2023-06-01\" and in = 3", "--dry-run"]);
    assert_eq!(said, "1 row would be removed of 3\n");
    folder.done(&["plot", "a.dry", "t", "--field", "in", "--where", "at > \"2020-01-01\""]);
}

#[test]
fn lists_of_names_have_one_grammar() {
    let folder = folder();
    for command in [
        &["query", "a.dry", "t", "--limit", "1"][..],
        &["scan", "a.dry", "t", "--limit", "1"],
        &["get", "a.dry", "t", "2022-01-01", "11"],
        &["export", "a.dry", "t", "-", "--limit", "1"],
    ] {
        let print = |select: &str| folder.done(&[command, &["--select", select, "--format", "csv"]].concat());
        assert_eq!(print("in, at"), "in,at\n13,2022-01-01\n", "{command:?}");
        assert_eq!(print(" `a,b` ,`my field`"), "\"a,b\",my field\n11,12\n", "{command:?}");
        assert_eq!(print("`my field` as mine, `not`"), "mine,not\n12,14\n", "{command:?}");
        assert_eq!(print("at(4, u8) as x, in"), "x,in\n11,13\n", "{command:?}");
        let said = folder.refused(2, &[command, &["--select", "in,,at", "--format", "csv"]].concat());
        assert!(said.contains("--select"), "{said}");
    }
    // Orders, keys, indexes and the rest.
    let ordered = folder.done(&[
        "query",
        "a.dry",
        "t",
        "--order-by",
        "-`per-cent`, `my field`",
        "--select",
        "`my field`",
        "--format",
        "csv",
    ]);
    assert_eq!(ordered, "my field\n12\n7\n2\n");
    folder.done(&["index", "a.dry", "create", "t", "one", "`my field`, in"]);
    folder.done(&["index", "a.dry", "create", "t", "two", "my field", "in"]);
    let indexes = folder.done(&["index", "a.dry", "list"]);
    assert_eq!(indexes.matches("my field, in").count(), 2, "{indexes}");
    folder.done(&["alter", "a.dry", "t", "reorder", "at, `a,b`,in, `my field`, not,per-cent"]);
    assert!(
        folder.done(&["scan", "a.dry", "t", "--format", "csv"]).starts_with("at,\"a,b\",in,my field,not,")
    );
    folder.done(&["set", "a.dry", "t", "2022-01-01", "11", "`my field`=9", "per-cent=3"]);
    let row = folder.done(&[
        "get",
        "a.dry",
        "t",
        "2022-01-01",
        "11",
        "--select",
        "my field,per-cent",
        "--format",
        "csv",
    ]);
    assert_eq!(row, "my field,per-cent\n9,3\n");
    assert_eq!(folder.done(&["diff", "a.dry", "a.dry", "--table", "t, t"]), "");
}

#[test]
fn spellings_of_missing_values_are_a_list() {
    let folder = Folder::new();
    folder.file("a.csv", "id,n\n1,NA\n2,NULL\n3,-\n4,\"a,b\"\n5,5\n");
    for (db, nulls) in [
        ("a.dry", &["--null", "NA,NULL, - ,\"a,b\""][..]),
        ("b.dry", &["--null", "NA", "--null", "NULL", "--null", "-,`a,b`"]),
    ] {
        folder.done(&[&["load", db, "t", "a.csv", "--schema", "id: u8 key, n: u8?"], nulls].concat());
        assert_eq!(folder.done(&["scan", db, "t", "--format", "csv"]), "id,n\n1,\n2,\n3,\n4,\n5,5\n");
    }
}

#[test]
fn a_file_of_one_column_keeps_its_missing_values() {
    let folder = Folder::new();
    folder.file("a.csv", "id,temp,name\n1,1.5,\n2,,b\n3,2.5,\n");
    folder.done(&["load", "a.dry", "t", "a.csv", "--infer"]);
    for (field, written) in [("temp", "temp\n1.5\n\"\"\n2.5\n"), ("name", "name\n\nb\n\n")] {
        folder.done(&["export", "a.dry", "t", "x.csv", "--select", field]);
        assert_eq!(std::fs::read_to_string(folder.path("x.csv")).unwrap(), written);
        let db = format!("{field}.dry");
        let said = folder.done(&["load", &db, "t", "x.csv", "--infer"]);
        assert!(said.contains("3 rows loaded"), "{said}");
        assert_eq!(folder.done(&["scan", &db, "t", "--format", "csv"]), written);
        let nulls = if field == "temp" { 1 } else { 2 };
        let json = folder.done(&["scan", &db, "t", "--format", "json"]);
        assert_eq!(json.matches("null").count(), nulls, "{json}");
    }
}
