//! Figures as text for people.

use crate::figure::{Figure, Unit, Workload};

/// Three significant digits.
pub(crate) fn number(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        size if size < 0.1 => format!("{value:.3}"),
        size if size < 1.0 => format!("{value:.2}"),
        size if size < 100.0 => format!("{value:.1}"),
        size if size < 10_000.0 => format!("{value:.0}"),
        _ => grouped(value.round() as u64),
    }
}

/// 1,234,567.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A cell of a table: the value, and its ratio to the yardstick.
pub(crate) fn cell(workload: &Workload, figure: &Figure) -> String {
    let value = number(workload.unit.scale(figure.value));
    match figure.ratio {
        Some(ratio) => format!("{value} ({})", number(ratio)),
        None => value,
    }
}

/// A figure for the terminal.
pub(crate) fn long(workload: &Workload, figure: &Figure) -> String {
    let unit = workload.unit.name();
    let scaled = |value: f64| number(workload.unit.scale(value));
    let mut text = format!("{:>8} {unit:<4}", scaled(figure.value));
    if let (Some(ratio), Some(yardstick)) = (figure.ratio, figure.yardstick) {
        text += &format!(" {:>7} × the yardstick ({} {unit})", number(ratio), scaled(yardstick));
    }
    if figure.repeats > 1 {
        let (low, high) = (scaled(figure.lowest), scaled(figure.highest));
        let (low, high) = if workload.unit == Unit::Millions { (high, low) } else { (low, high) };
        text += &format!("   {low} to {high} of {}", figure.repeats);
    }
    if let Some(pages) = figure.pages {
        text += &format!("   {} pages", grouped(pages));
    }
    text
}
