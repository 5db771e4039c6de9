//! Draws a chart as text: columns of block characters above an axis, or a bar for each value.
//! Lengths are in characters. `plot/mod.rs` prints it.

use indicatif::HumanCount;
use unicode_width::UnicodeWidthStr;

use super::axis::Axis;
use super::captions::{left_out, other_groups, summary};
use super::collect::{Chart, Panel, Scale};

/// Eighths of a character: bars that grow upwards, and to the right.
const UP: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const RIGHT: [char; 9] = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉', '█'];
/// The width of the counts beside the axis.
const MARGIN: usize = 14;
/// The height of a chart that is alone, and of one of several.
const ALONE: usize = 12;
const AMONG: usize = 4;
/// Longer names are cut to this width.
const NAME: usize = 32;

/// The width of the terminal.
fn terminal() -> usize {
    let asked = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let there = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
    there.or(asked).unwrap_or(80).clamp(30, 200)
}

/// The width of a chart without its counts.
pub(super) fn columns() -> usize {
    terminal() - MARGIN - 1
}

pub(super) fn draw(chart: &Chart) -> String {
    draw_in(chart, terminal())
}

fn draw_in(chart: &Chart, width: usize) -> String {
    let mut lines = vec![format!("{}: {}", chart.field, summary(chart))];
    let last = chart.panels.len().saturating_sub(1);
    for (place, panel) in chart.panels.iter().enumerate() {
        lines.push(String::new());
        if let Some(name) = &panel.name {
            let by = chart.by.as_deref().unwrap_or_default();
            lines.push(format!("{by} = {}: {} rows", cut(name), HumanCount(panel.rows)));
        }
        match &chart.scale {
            Scale::Bins(axis) => columns_of(panel, axis, width, place == last, &mut lines),
            Scale::Values(names, _) => bars_of(panel, names, width, &mut lines),
        }
        if let Some(left_out) = left_out(panel, &chart.scale) {
            lines.push(format!("{:MARGIN$}not drawn: {left_out}", ""));
        }
    }
    if let Some(others) = other_groups(chart) {
        lines.push(String::new());
        lines.push(others);
    }
    lines.join("\n")
}

/// Draws columns above an axis, with the labels of the axis if `labelled`.
fn columns_of(panel: &Panel, axis: &Axis, width: usize, labelled: bool, lines: &mut Vec<String>) {
    let height = if panel.name.is_some() { AMONG } else { ALONE };
    let room = width - MARGIN - 1;
    // If there are more bins than characters, several bins share one column.
    let share = panel.counts.len().div_ceil(room);
    let counts: Vec<u64> = panel.counts.chunks(share).map(|bins| bins.iter().sum()).collect();
    let wide = (room / counts.len()).clamp(1, 8);
    let most = counts.iter().copied().max().unwrap_or(0).max(1);
    let eighths = |count: u64| {
        let exact = count as f64 / most as f64 * (height * 8) as f64;
        if count > 0 { (exact.round() as usize).max(1) } else { 0 }
    };
    for row in (0..height).rev() {
        let label = match row {
            _ if row == height - 1 => Some(most),
            _ if most > 1 && height == ALONE && row == height / 2 - 1 => Some(most / 2),
            _ => None,
        };
        let label = label.map(|count| HumanCount(count).to_string()).unwrap_or_default();
        let mark = if label.is_empty() { '│' } else { '┤' };
        let mut line = format!("{label:>w$} {mark}", w = MARGIN - 2);
        for count in &counts {
            let block = UP[eighths(*count).saturating_sub(row * 8).min(8)];
            line.extend(std::iter::repeat_n(block, wide));
        }
        lines.push(line.trim_end().to_owned());
    }
    let ticks = axis.ticks(|label| (label.width() + 2).div_ceil(wide) * share);
    let mut line = vec!['─'; counts.len() * wide];
    for (bin, _) in &ticks {
        line[bin / share * wide] = '┬';
    }
    lines.push(format!("{:>w$} ┼{}", 0, line.into_iter().collect::<String>(), w = MARGIN - 2));
    if labelled {
        let mut labels = String::new();
        for (bin, label) in &ticks {
            // Centre the label below its tick.
            let middle = MARGIN + bin / share * wide;
            let start = middle.saturating_sub(label.width() / 2).max(labels.width());
            labels.extend(std::iter::repeat_n(' ', start - labels.width()));
            labels.push_str(label);
        }
        lines.push(labels);
    }
}

/// Draws a bar for each value.
fn bars_of(panel: &Panel, names: &[String], width: usize, lines: &mut Vec<String>) {
    let names: Vec<String> = names.iter().map(|name| cut(name)).collect();
    let widest = names.iter().map(|name| name.width()).max().unwrap_or(0);
    let most = panel.counts.iter().copied().max().unwrap_or(0).max(1);
    let count_width = HumanCount(most).to_string().len();
    // A line is: name, bar, count, percentage.
    let room = width.saturating_sub(widest + count_width + 12).max(8);
    for (name, count) in names.iter().zip(&panel.counts) {
        let exact = *count as f64 / most as f64 * (room * 8) as f64;
        let eighths = if *count > 0 { (exact.round() as usize).max(1) } else { 0 };
        let mut bar: String = std::iter::repeat_n(RIGHT[8], eighths / 8).collect();
        if eighths % 8 > 0 {
            bar.push(RIGHT[eighths % 8]);
        }
        let percent = 100.0 * *count as f64 / panel.rows.max(1) as f64;
        let padding = " ".repeat(widest - name.width());
        let after = " ".repeat(room - bar.width());
        let count = HumanCount(*count).to_string();
        lines.push(format!("{name}{padding} │{bar}{after} {count:>count_width$} {percent:>5.1} %"));
    }
}

/// A name without control characters, cut if it is too long.
fn cut(name: &str) -> String {
    if name.is_empty() {
        return "\"\"".to_owned();
    }
    let clean: String = name.chars().map(|c| if c.is_control() { '\u{FFFD}' } else { c }).collect();
    if clean.width() <= NAME {
        return clean;
    }
    let mut shown = String::new();
    for c in clean.chars() {
        if shown.width() + 2 > NAME {
            break;
        }
        shown.push(c);
    }
    shown + "…"
}
