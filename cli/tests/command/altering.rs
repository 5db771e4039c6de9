//! `drystone alter`: the fields of a table, and its name.

use crate::Folder;

const SCHEMA: &str = "id: u32 key, x: i16? = 5, note: str[4], side: enum[buy, sell]";

fn folder() -> Folder {
    let folder = Folder::new();
    let lines: String =
        (0..1000).map(|n| format!("{n},{},n{},{}\n", n % 7, n % 3, ["buy", "sell"][n % 2])).collect();
    folder.file("a.csv", format!("id,x,note,side\n{lines}"));
    folder.done(&["load", "a.dry", "t", "a.csv", "--schema", SCHEMA]);
    folder.done(&["index", "a.dry", "create", "t", "by_x", "x", "note"]);
    folder
}

fn schema(folder: &Folder, table: &str) -> String {
    let info = folder.done(&["info", "a.dry", table]);
    let first = info.lines().next().unwrap();
    first.trim_start_matches(&format!("table {table:?}: ")).to_owned()
}

#[test]
fn a_table_is_altered() {
    let folder = folder();
    let cases: [(&[&str], &str); 9] = [
        (&["rename", "x", "speed"], "id: u32 key, speed: i16? = 5, note: str[4], side: enum[buy, sell]"),
        (&["type", "speed", "u8?"], "id: u32 key, speed: u8? = 5, note: str[4], side: enum[buy, sell]"),
        (&["type", "speed", "i64"], "id: u32 key, speed: i64 = 5, note: str[4], side: enum[buy, sell]"),
        (&["type", "id", "u16"], "id: u16 key, speed: i64 = 5, note: str[4], side: enum[buy, sell]"),
        (
            &["names", "side", "hold,at once"],
            "id: u16 key, speed: i64 = 5, note: str[4], side: enum[buy, sell, hold, \"at once\"]",
        ),
        (&["drop", "side"], "id: u16 key, speed: i64 = 5, note: str[4]"),
        (&["append", "price: f64? = null"], "id: u16 key, speed: i64 = 5, note: str[4], price: f64? = null"),
        (
            &["reorder", "id,price, note", "speed"],
            "id: u16 key, price: f64? = null, note: str[4], speed: i64 = 5",
        ),
        (
            &["append", "n: i8 = -1"],
            "id: u16 key, price: f64? = null, note: str[4], speed: i64 = 5, n: i8 = -1",
        ),
    ];
    for (arguments, expected) in cases {
        assert_eq!(folder.done(&[&["alter", "a.dry", "t"], arguments].concat()), "");
        assert_eq!(schema(&folder, "t"), expected);
    }
    folder.done(&["alter", "a.dry", "t", "to", "trips"]);
    assert_eq!(schema(&folder, "trips"), cases[8].1);
    let row = folder.done(&["get", "a.dry", "trips", "8"]);
    assert!(row.contains("n2") && row.contains("-1"), "{row}");
    let listed = folder.done(&["index", "a.dry", "list"]);
    assert!(listed.contains("by_x") && listed.contains("speed, note"), "{listed}");
    folder.done(&["check", "a.dry"]);
}

#[test]
fn a_dry_run_tells_and_changes_nothing() {
    let folder = folder();
    let before = std::fs::read(folder.path("a.dry")).unwrap();
    let dry =
        |arguments: &[&str]| folder.done(&[&["alter", "a.dry", "t"], arguments, &["--dry-run"]].concat());
    let said = dry(&["rename", "x", "y"]);
    let expected = format!(
        "table \"t\": {SCHEMA}\nwould be \"t\": {}\nrows written again: 0 of 1,000\n",
        SCHEMA.replace("x:", "y:")
    );
    assert_eq!(said, expected);
    assert!(dry(&["drop", "side"]).ends_with("rows written again: 1,000 of 1,000\n"));
    assert!(dry(&["names", "side", "hold"]).ends_with("rows written again: 0 of 1,000\n"));
    assert!(dry(&["type", "x", "i16"]).ends_with("rows written again: 0 of 1,000\n"));
    assert!(dry(&["to", "u"]).contains("would be \"u\": id: u32 key"));
    let refused = folder.refused(2, &["alter", "a.dry", "t", "--dry-run", "type", "id", "u8"]);
    assert!(refused.contains("row (256): field \"id\": 256 is not a valid u8"), "{refused}");
    assert_eq!(schema(&folder, "t"), SCHEMA);
    folder.done(&["check", "a.dry"]);
    // The pages that the dry run wrote are behind the old end.
    let after = std::fs::read(folder.path("a.dry")).unwrap();
    assert!(after.starts_with(&before) && !before.is_empty());
}

#[test]
fn what_cannot_be_altered_is_said() {
    let folder = folder();
    let refused = |arguments: &[&str], words: &str| {
        let said = folder.refused(2, &[&["alter", "a.dry", "t"], arguments].concat());
        assert!(said.contains(words), "{said}");
        assert_eq!(schema(&folder, "t"), SCHEMA);
    };
    refused(&["drop", "note"], "field \"note\" is in index \"by_x\"; drop that first");
    refused(&["drop", "id"], "is part of the key");
    refused(&["append", "y: u8"], "declare it with a default, or nullable");
    refused(&["append", "y: u8 = 1, z: u8 = 2"], "2 fields; append one at a time");
    refused(&["type", "x", "i17"], "\"i17\" is not a type");
    refused(&["type", "x", "i8 = 3"], "is more than a type");
    refused(&["type", "x", "i8, y: u8"], "is more than a type");
    refused(&["reorder", "x,id,note,side"], "the fields of the key come first: \"id\"");
    refused(&["rename", "x", "note"], "there is a field \"note\" already");
    refused(&["names", "side", "buy"], "\"buy\" is in the enumeration twice");
    refused(&["to", ""], "a table's name has 1 to 64 bytes");
    let said = folder.refused(2, &["alter", "a.dry", "u", "drop", "x"]);
    assert!(said.contains("there is no table \"u\""), "{said}");
    folder.refused(2, &["alter", "b.dry", "t", "drop", "x"]);
}
