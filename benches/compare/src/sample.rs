//! The repeats of a workload, each between two measurements of the yardstick, and their medians.

use crate::data::Result;
use crate::figure::Figure;
use crate::machine::load_average;

/// The times of the repeats of one workload, in seconds per operation.
pub(crate) struct Samples {
    pub(crate) values: Vec<f64>,
    /// The mean of the yardstick right before and right after each repeat.
    pub(crate) yardsticks: Vec<f64>,
    pub(crate) pages: Option<u64>,
}

impl Samples {
    /// Values without a yardstick.
    pub(crate) fn alone(values: Vec<f64>) -> Samples {
        Samples { values, yardsticks: Vec::new(), pages: None }
    }

    /// Measures this often, with the yardstick before, between and after.
    pub(crate) fn interleave(
        repeats: usize,
        mut yardstick: impl FnMut(usize) -> Result<f64>,
        mut measure: impl FnMut(usize) -> Result<f64>,
    ) -> Result<Samples> {
        let mut samples = Samples { values: Vec::new(), yardsticks: Vec::new(), pages: None };
        let mut before = yardstick(0)?;
        for repeat in 0..repeats {
            samples.values.push(measure(repeat)?);
            let after = yardstick(repeat + 1)?;
            samples.yardsticks.push((before + after) / 2.0);
            before = after;
        }
        Ok(samples)
    }

    pub(crate) fn figure(self, store: &str, rows: u64, workload: &str) -> Figure {
        let ratios = self.values.iter().zip(&self.yardsticks).map(|(value, yardstick)| value / yardstick);
        Figure {
            store: store.to_owned(),
            rows,
            workload: workload.to_owned(),
            value: median(self.values.clone()).unwrap_or(f64::NAN),
            lowest: self.values.iter().copied().fold(f64::INFINITY, f64::min),
            highest: self.values.iter().copied().fold(0.0, f64::max),
            repeats: self.values.len(),
            ratio: median(ratios.collect()),
            yardstick: median(self.yardsticks),
            pages: self.pages,
            load: load_average(),
        }
    }
}

/// The median; `None` if there are no values.
pub(crate) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 {
        return values.get(middle).copied();
    }
    values.get(middle).map(|upper| (upper + values[middle - 1]) / 2.0)
}
