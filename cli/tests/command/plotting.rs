//! `drystone plot`: what is counted, and where it is drawn.

use crate::{Folder, Ran};

/// 100 rows: `x` from 0 to 9, ten times each, but one is null; names, one of them rare; days of
/// 2013; one value far from the others.
fn folder() -> Folder {
    let folder = Folder::new();
    let mut lines = String::from("x,name,day,far\n");
    for n in 0..100 {
        let x = if n == 55 { String::new() } else { (n % 10).to_string() };
        let name = if n == 7 { "rare" } else { ["even", "odd one"][n % 2] };
        let far = if n == 0 { 1e6 } else { n as f64 / 100.0 };
        lines.push_str(&format!("{x},{name},2013-{:02}-01,{far}\n", n % 12 + 1));
    }
    folder.file("a.csv", lines);
    folder.done(&["load", "a.dry", "t", "a.csv", "--schema", "x: i16?, name: str[8], day: date, far: f64"]);
    folder
}

fn plot(folder: &Folder, arguments: &[&str]) -> Ran {
    let arguments = [&["plot", "a.dry", "t"], arguments].concat();
    let output = folder.command(&arguments).env("COLUMNS", "55").output().unwrap();
    Ran {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn drawn(folder: &Folder, arguments: &[&str]) -> String {
    let ran = plot(folder, arguments);
    assert_eq!((ran.code, &*ran.stderr), (0, ""), "{ran:?}");
    ran.stdout
}

#[test]
fn numbers_stand_in_columns_on_an_axis_as_wide_as_the_terminal() {
    let folder = folder();
    let text = drawn(&folder, &["--field", "x"]);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "x: 99 values, 1 null; least 0, greatest 9, mean 4.49");
    assert_eq!(lines[2], "          10 ┤████████████████████    ████████████████");
    assert_eq!(lines[3], "             │████████████████████▆▆▆▆████████████████");
    assert_eq!(lines[14], "           0 ┼┬───┬───┬───┬───┬───┬───┬───┬───┬───┬───");
    assert_eq!(lines[15], "              0   1   2   3   4   5   6   7   8   9");
    assert_eq!(lines[16], "              not drawn: 1 null");
    assert!(lines.iter().all(|line| line.chars().count() <= 55), "{text}");
    // Two values per bin.
    let text = drawn(&folder, &["--field", "x", "--bins", "5", "--where", "x < 8"]);
    assert!(text.contains("          20 ┤") && text.contains("x: 79 values"), "{text}");
}

#[test]
fn a_few_far_values_are_counted_and_not_drawn_unless_asked_for() {
    let folder = folder();
    let lines: String =
        (0..1000).map(|n| format!("{},a,2013-01-01,{}\n", n % 7, f64::from(n) / 1000.0)).collect();
    folder.file("b.csv", format!("x,name,day,far\n{lines}"));
    folder.done(&["load", "a.dry", "t", "b.csv"]);
    let text = drawn(&folder, &["--field", "far"]);
    assert!(text.contains("greatest 1000000,") && text.contains("not drawn: 1 from "), "{text}");
    let text = drawn(&folder, &["--field", "far", "--full"]);
    assert!(!text.contains("not drawn"), "{text}");
}

#[test]
fn names_have_bars_and_groups_have_charts_of_their_own() {
    let folder = folder();
    let text = drawn(&folder, &["--field", "name"]);
    let bars: Vec<String> =
        text.lines().skip(2).map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(bars[0], format!("even │{} 50 50.0 %", "█".repeat(34)));
    assert_eq!(bars[1], format!("odd one │{}▍ 49 49.0 %", "█".repeat(33)));
    assert_eq!(bars[2], "rare │▋ 1 1.0 %");
    let text = drawn(&folder, &["--field", "name", "--bins", "1"]);
    assert!(text.contains("not drawn: 50 of 2 other values"), "{text}");

    let text = drawn(&folder, &["--field", "day", "--by", "name", "--groups", "2"]);
    let (even, odd) =
        (text.find("name = even: 50 rows").unwrap(), text.find("name = odd one: 49 rows").unwrap());
    assert!(even < odd && text.ends_with("not drawn: 1 rows with 1 other value of name\n"), "{text}");
    assert!(text.contains("least 2013-01-01, greatest 2013-12-01") && text.contains("2013-05-"), "{text}");
}

#[test]
fn an_svg_is_written_whole_or_not_at_all() {
    let folder = folder();
    for (field, bars) in [("x", 10), ("name", 3), ("day", 12)] {
        let said = drawn(&folder, &["--field", field, "--out", "x.svg"]);
        assert!(said.starts_with("x.svg: "), "{said}");
        let svg = std::fs::read_to_string(folder.path("x.svg")).unwrap();
        assert!(svg.starts_with("<svg ") && svg.trim_end().ends_with("</svg>"), "{svg}");
        assert_eq!(svg.matches("fill=\"#C2571A\"").count(), bars, "{field}");
        assert!(svg.contains(&format!("{field} of t")), "{field}");
        let step = [("x", "x, in steps of 1"), ("name", "odd one"), ("day", "day, in steps of 7 days")];
        assert!(step.iter().all(|(of, said)| *of != field || svg.contains(said)), "{field}");
    }
    let ran = plot(&folder, &["--field", "x", "--out", "x.png"]);
    assert_eq!((ran.code, folder.path("x.png").exists()), (2, false), "{ran:?}");
    let ran = plot(&folder, &["--field", "x", "--out", "no/x.svg"]);
    assert!(ran.code == 2 && ran.stderr.contains("no/x.svg"), "{ran:?}");
}

#[test]
fn names_are_drawn_as_they_are_and_break_nothing() {
    let folder = Folder::new();
    let long = "a name that is longer than anyone wants to see";
    folder.file("a.csv", format!("n,x\n<b>&\u{1b}[1m,0.25\n<b>&\u{1b}[1m,0.5\n\"\",3e-7\n{long},7e200\n"));
    folder.done(&["load", "a.dry", "t", "a.csv", "--schema", "n: str[60], x: f64"]);
    let svg = |arguments: &[&str]| {
        drawn(&folder, &[arguments, &["--out", "x.svg"]].concat());
        let svg = std::fs::read_to_string(folder.path("x.svg")).unwrap();
        assert!(
            svg.contains("longer than any")
                && svg.contains("…")
                && !svg.contains(long)
                && !svg.contains('\u{1b}'),
            "{svg}"
        );
        svg
    };
    let bars = svg(&["--field", "n"]);
    assert!(bars.contains("&lt;b&gt;&amp;[1m") && bars.contains("&quot;&quot;"), "{bars}");
    let columns = svg(&["--field", "x", "--by", "n", "--where", "x < 8e200"]);
    for text in
        ["x of t by n where x &lt; 8e200", "n = &lt;b&gt;&amp;[1m: 2 rows", "n = &quot;&quot;: 1 rows"]
    {
        assert!(columns.contains(text), "{text:?} is not in {columns}");
    }
    let text = drawn(&folder, &["--field", "x", "--by", "n", "--where", "x < 1"]);
    assert!(text.starts_with("x: 3 values; least 3e-7, greatest 0.5, mean 0.2500\n"), "{text}");
    assert!(text.contains("n = <b>&\u{FFFD}[1m: 2 rows") && text.contains("n = \"\": 1 rows"), "{text}");
}

#[test]
fn what_cannot_be_drawn_is_told() {
    let folder = folder();
    for (arguments, said) in [
        (&["--field", "nothing"][..], "nothing"),
        (&["--field", "x,name"], "one field"),
        (&["--field", "x", "--where", "x > 50"], "no rows"),
        (&["--field", "x", "--where", "x is null"], "all values are null"),
        (&["--field", "x", "--where", "x >"], "--where"),
        (&["--field", "x", "--bins", "0"], "--bins"),
        (&["--field", "x", "--groups", "3"], "--by"),
    ] {
        let ran = plot(&folder, arguments);
        assert_eq!((ran.code, &*ran.stdout), (2, ""), "{arguments:?}: {ran:?}");
        assert!(ran.stderr.contains(said), "{arguments:?}: {}", ran.stderr);
    }
}
