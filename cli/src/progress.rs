//! Progress bars on standard error, if it is a terminal. Used by every command that may take long.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressFinish, ProgressStyle};

/// A bar over this many bytes, or a spinner if the number is not known.
pub(crate) fn bytes(length: Option<u64>, doing: &'static str) -> ProgressBar {
    let (bar, template) = match length {
        Some(length) => (
            ProgressBar::new(length),
            "{msg} {wide_bar} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left",
        ),
        None => (ProgressBar::no_length(), "{msg} {spinner} {bytes}, {bytes_per_sec}"),
    };
    show(bar, template, doing)
}

/// A bar over this many rows.
pub(crate) fn rows(count: u64) -> ProgressBar {
    let template = "{msg} {wide_bar} {human_pos} of {human_len} rows, {per_sec}, {eta} left";
    show(ProgressBar::new(count), template, "writing")
}

fn show(bar: ProgressBar, template: &str, doing: &'static str) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    // Clears the bar also when an error ends the command.
    let bar = bar.with_finish(ProgressFinish::AndClear);
    bar.set_message(doing);
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

pub(crate) fn advance(bar: &ProgressBar, done: u64, total: u64) {
    bar.set_length(total);
    bar.set_position(done);
}
