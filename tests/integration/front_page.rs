//! What the README repeats from elsewhere: features and versions from `Cargo.toml`, and the order
//! of stores from the measurements.

use std::cmp::Ordering;

const README: &str = include_str!("../../README.md");
const MANIFEST: &str = include_str!("../../Cargo.toml");
const BENCHMARKS: &str = include_str!("../../docs/benchmarks.md");

#[test]
fn the_readme_stays_short() {
    let lines = README.lines().count();
    assert!(lines < 150, "README.md has {lines} lines");
}

/// The cells of a row of a table.
fn cells(line: &str) -> Vec<&str> {
    line.trim_matches('|').split('|').map(str::trim).collect()
}

#[test]
fn the_readme_has_the_features_of_the_manifest() {
    let features = MANIFEST.split("[features]\n").nth(1).unwrap().split("\n[").next().unwrap();
    let default = features.lines().next().unwrap();
    let (mut said, mut rows) = (None, 0);
    for line in features.lines() {
        if let Some(text) = line.strip_prefix("## ") {
            said = Some(text);
        } else if let (Some(text), Some((name, _))) = (said.take(), line.split_once(" = ")) {
            let mark = if default.contains(&format!("\"{name}\"")) { " (default)" } else { "" };
            let row = format!("| `{name}`{mark} | {text} |");
            assert!(README.contains(&row), "README.md lacks this row in its table of features: {row}");
            rows += 1;
        }
    }
    let table = README.split("| feature |").nth(1).unwrap().split("\n\n").next().unwrap();
    assert_eq!(table.lines().count() - 2, rows, "README.md has features that Cargo.toml has not");
    assert!(rows >= 10, "only {rows} features");
}

#[test]
fn the_readme_has_the_minimum_of_the_manifest() {
    let version = MANIFEST.split("rust-version = \"").nth(1).unwrap().split('"').next().unwrap();
    assert!(README.contains(&format!("needs Rust {version} or newer")), "the manifest says {version}");
}

#[test]
fn the_readme_orders_stores_as_they_were_measured() {
    let measured = BENCHMARKS.split("## 10,000,000 rows\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let mut lines = measured.lines().filter(|line| line.starts_with('|'));
    let stores = cells(lines.next().unwrap());
    let measured: Vec<Vec<&str>> = lines.map(cells).collect();

    let table = README.split("| workload | order |\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let mut rows = 0;
    for row in table.lines().skip(1).take_while(|line| line.starts_with('|')).map(cells) {
        let figures = measured
            .iter()
            .find(|figures| figures[0].trim_end_matches(", a row").trim_end_matches(", rows") == row[0])
            .unwrap_or_else(|| panic!("docs/benchmarks.md has no workload {:?}", row[0]));
        let cell = |store: &str| {
            let store = store.trim_matches('*').to_lowercase();
            figures[stores.iter().position(|name| *name == store).unwrap()].replace([',', ')'], "")
        };
        let number = |text: &str| -> f64 { text.parse().unwrap_or_else(|_| panic!("{text:?} in {row:?}")) };
        let order: Vec<&str> = row[1].split(", ").collect();
        assert!(order.len() >= 5, "{row:?}");
        // By the times of their yardsticks, where all have one.
        let has_ratio = order.iter().all(|store| cell(store).contains('('));
        let is_rate = figures[1] == "M/s" && !has_ratio;
        let figure = |store: &str| number(cell(store).split(" (").nth(has_ratio.into()).unwrap());
        let wrong = if is_rate { Ordering::Less } else { Ordering::Greater };
        for pair in order.windows(2) {
            let compared = figure(pair[0]).total_cmp(&figure(pair[1]));
            assert_ne!(compared, wrong, "{} does not come before {} in {:?}", pair[0], pair[1], row[0]);
        }
        rows += 1;
    }
    assert!(rows > 6, "only {rows} workloads");
}
