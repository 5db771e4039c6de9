//! The measured figures, by rows, workload and store. The page, its charts and its targets read
//! them.

use std::collections::BTreeMap;

use crate::figure::{Figure, Line, Machine, Settings};
use crate::stores::STORES;

/// The figures, by rows, workload and store.
#[derive(Default)]
pub(super) struct Results {
    pub(super) figures: BTreeMap<(u64, String, String), Figure>,
    pub(super) settings: BTreeMap<String, Settings>,
    /// The newest run of each number of rows.
    pub(super) machines: BTreeMap<u64, Machine>,
}

impl Results {
    pub(super) fn gather(lines: Vec<Line>) -> Results {
        let mut results = Results::default();
        for line in lines {
            match line {
                Line::Machine(machine) => drop(results.machines.insert(machine.rows, machine)),
                Line::Store(settings) => drop(results.settings.insert(settings.store.clone(), settings)),
                Line::Figure(figure) => {
                    let key = (figure.rows, figure.workload.clone(), figure.store.clone());
                    results.figures.insert(key, figure);
                }
            }
        }
        results
    }

    pub(super) fn figure(&self, rows: u64, workload: &str, store: &str) -> Option<&Figure> {
        self.figures.get(&(rows, workload.to_owned(), store.to_owned()))
    }

    /// A way to compare stores: by their ratios to the yardstick, which other work on the machine
    /// disturbs less, if all of them have one, else by their values.
    pub(super) fn comparable(
        &self,
        rows: u64,
        workload: &str,
        stores: &[&str],
    ) -> impl Fn(&str) -> Option<f64> {
        let figure = move |store: &str| self.figure(rows, workload, store);
        let figures: Vec<&Figure> = stores.iter().filter_map(|&store| figure(store)).collect();
        let by_ratio = figures.iter().all(|figure| figure.ratio.is_some());
        move |store| figure(store).map(|figure| figure.ratio.filter(|_| by_ratio).unwrap_or(figure.value))
    }

    /// The numbers of rows, ascending.
    pub(super) fn rows(&self) -> Vec<u64> {
        self.machines.keys().copied().collect()
    }

    /// The stores that have a figure of this workload, in the order of the tables.
    pub(super) fn stores(&self, rows: u64, workload: Option<&str>) -> Vec<&str> {
        let has = |store: &str| {
            self.figures.keys().any(|key| {
                key.0 == rows && key.2 == store && workload.is_none_or(|workload| key.1 == workload)
            })
        };
        ALL_STORES.iter().copied().filter(|store| has(store)).collect()
    }
}

/// The stores in the order of the tables. Stores that were not built in may be in the results.
pub(super) const ALL_STORES: &[&str] = &[
    "drystone",
    "drystone-rows",
    "lmdb",
    "redb",
    "rocksdb",
    "fjall",
    "sqlite",
    "vec",
    "sorted-vec",
    "hashmap",
    "search-tree",
];
const _: () = assert!(STORES.len() <= ALL_STORES.len());
