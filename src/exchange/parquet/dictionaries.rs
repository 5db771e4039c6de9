//! Guesses from a sample whether a dictionary makes a column shorter. The library would find out
//! only after it has made one, which took a third of the time of an export.

use std::collections::HashSet;

use crate::schema::{FieldDef, Schema, Type};

/// This many rows are looked at.
const SAMPLE: usize = 2048;
/// The library gives up a dictionary that becomes longer than this.
const LONGEST: f64 = (1 << 20) as f64;

/// Whether a dictionary is worth it for a field of these records, which are a row group.
pub(super) fn is_worth_it(schema: &Schema, at: usize, records: &[u8]) -> bool {
    let field = &schema.fields()[at];
    let Some((stored, written)) = widths(field) else { return true };
    let rows = records.len() / schema.width();
    let sample = records.chunks_exact(schema.width()).step_by(rows.div_ceil(SAMPLE).max(1));
    let count = sample.len() as f64;
    let different: HashSet<&[u8]> = sample.map(|record| &record[field.offset()..][..stored]).collect();
    let (rows, written) = (rows as f64, written as f64);
    let values = population(count, different.len() as f64).min(rows);
    let dictionary = values * written;
    let indices = rows * values.log2().ceil().max(1.0) / 8.0;
    dictionary <= LONGEST && dictionary + indices < rows * written
}

/// The bytes of a value in its record, and in a file without a dictionary. `None` if that does not
/// matter: truth values never have a dictionary, and names always do.
fn widths(field: &FieldDef) -> Option<(usize, usize)> {
    match field.ty() {
        Type::Bool | Type::Enum(_) => None,
        // The elements are the values. The first one stands for all.
        Type::Array(_, length) => {
            let element = field.width() / usize::from(*length).max(1);
            Some((element, element.max(4)))
        }
        // The length comes before the text.
        Type::Str(_) => Some((field.width(), field.width() + 4)),
        // Narrow numbers are written as wider ones.
        _ => Some((field.width(), field.width().max(4))),
    }
}

/// How many different values there are, if a sample of `count` has `different` ones and all are
/// about as frequent.
fn population(count: f64, different: f64) -> f64 {
    let (mut low, mut high) = (different, 1e12);
    if different >= count {
        return high;
    }
    for _ in 0..100 {
        let middle = (low * high).sqrt();
        if middle * (1.0 - (-count / middle).exp()) < different { low = middle } else { high = middle }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_columns_of_few_values_get_a_dictionary() {
        let schema: Schema =
            "id: u64, group: u64, code: str[4], half: u32, flag: bool, wide: u32[2]".parse().unwrap();
        let rows = 200_000_u64;
        let mut records = Vec::new();
        for row in 0..rows {
            let mixed = row.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20;
            records.extend(mixed.to_le_bytes());
            records.extend((mixed % 5000).to_le_bytes());
            records.extend(((mixed % 2000) as u32 + 0x30303030).to_le_bytes());
            records.extend(((mixed % (rows / 2)) as u32).to_le_bytes());
            records.push((mixed % 2) as u8);
            records.extend([(mixed as u32).to_le_bytes(), [0; 4]].concat());
        }
        let worth: Vec<bool> = (0..6).map(|at| is_worth_it(&schema, at, &records)).collect();
        assert_eq!(worth, [false, true, true, false, true, false]);
        // One row has one value.
        assert!(!is_worth_it(&schema, 0, &records[..schema.width()]));
    }
}
