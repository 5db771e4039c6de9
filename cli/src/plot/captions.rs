//! The texts around a chart, the same in the terminal and in an SVG: what all rows have in common,
//! and what is not drawn.

use indicatif::HumanCount;

use super::axis::Kind;
use super::collect::{Chart, Panel, Scale};

/// A line about all rows: how many, their range, their mean.
pub(super) fn summary(chart: &Chart) -> String {
    let all = &chart.summary;
    let mut text = format!("{} values", HumanCount(all.rows - all.nulls));
    if all.nulls > 0 {
        text.push_str(&format!(", {} null", HumanCount(all.nulls)));
    }
    if let Scale::Bins(axis) = &chart.scale {
        let (low, high) = (axis.kind.exact(all.low), axis.kind.exact(all.high));
        text.push_str(&format!("; least {low}, greatest {high}"));
        if matches!(axis.kind, Kind::Whole | Kind::Real) {
            text.push_str(&format!(", mean {}", axis.fine(all.mean())));
        }
    }
    text
}

/// What is not drawn of a group. `None` if everything is.
pub(super) fn left_out(panel: &Panel, scale: &Scale) -> Option<String> {
    let mut parts = Vec::new();
    match scale {
        Scale::Bins(axis) => {
            let label = |bin: usize| axis.kind.label(axis.edge(bin), axis.width);
            if panel.below > 0 {
                parts.push(format!("{} below {}", HumanCount(panel.below), label(0)));
            }
            if panel.above > 0 {
                parts.push(format!("{} from {} on", HumanCount(panel.above), label(axis.bins)));
            }
        }
        Scale::Values(_, others) if panel.others > 0 => {
            parts.push(format!(
                "{} of {} other values",
                HumanCount(panel.others),
                HumanCount(*others as u64)
            ));
        }
        Scale::Values(..) => {}
    }
    if panel.nulls > 0 {
        parts.push(format!("{} null", HumanCount(panel.nulls)));
    }
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// The groups that are not drawn. `None` if all are.
pub(super) fn other_groups(chart: &Chart) -> Option<String> {
    let (groups, rows) = chart.other_groups;
    let by = chart.by.as_deref()?;
    let what = if groups == 1 { "other value" } else { "other values" };
    (groups > 0).then(|| {
        format!("not drawn: {} rows with {} {what} of {by}", HumanCount(rows), HumanCount(groups as u64))
    })
}
