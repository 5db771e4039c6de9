//! Progress bars on standard error, if it is a terminal.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressFinish, ProgressStyle};

/// A bar over so many bytes, or a spinner where it is not known how many there are.
pub(crate) fn bytes(length: Option<u64>, doing: &'static str) -> ProgressBar {
    let (bar, template) = match length {
        Some(length) => (
            ProgressBar::new(length),
            "{msg} {wide_bar} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left",
        ),
        None => (ProgressBar::no_length(), "{msg} {spinner} {bytes}, {bytes_per_sec}"),
    };
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    // Also when an error is on its way out.
    let bar = bar.with_finish(ProgressFinish::AndClear);
    bar.set_message(doing);
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}
