//! Draws a chart as an SVG, with lengths in pixels. `plot/mod.rs` writes it to a file.

use drystone::{Error, Result};
use indicatif::HumanCount;
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::axis::Axis;
use super::captions::{left_out, other_groups, summary};
use super::collect::{Chart, Panel, Scale};

const BARS: RGBColor = RGBColor(0xC2, 0x57, 0x1A);
const INK: RGBColor = RGBColor(0x33, 0x38, 0x3D);
const FAINT: RGBColor = RGBColor(0xDD, 0xE1, 0xE5);
const FONT: &str = "sans-serif";
const WIDTH: i32 = 800;
const LEFT: i32 = 90;
const RIGHT: i32 = 30;
const TOP: i32 = 64;
/// Between the axis of a panel and the bars of the next: room for its name and what is not drawn.
const BETWEEN: i32 = 56;
const ALONE: i32 = 320;
const AMONG: i32 = 90;
const BAR: i32 = 20;
/// The approximate width of a character of a label.
const CHARACTER: i32 = 7;
/// Longer names are cut to this many characters: beside a bar, above a panel, and in the title.
const BESIDE: usize = 32;
const ABOVE: usize = 40;
const TITLE: usize = 80;

type Area<'s> = DrawingArea<SVGBackend<'s>, Shift>;

pub(super) fn draw(chart: &Chart, title: &str) -> Result<String> {
    let inner = match &chart.scale {
        Scale::Bins(_) if chart.by.is_some() => AMONG,
        Scale::Bins(_) => ALONE,
        Scale::Values(names, _) => BAR * names.len() as i32,
    };
    let height =
        TOP + chart.panels.len() as i32 * (inner + BETWEEN) + if chart.other_groups.0 > 0 { 44 } else { 20 };
    let mut text = String::new();
    paint(chart, title, inner, height, &mut text)
        .map_err(|error| Error::io("cannot draw", std::io::Error::other(error)))?;
    Ok(text)
}

fn paint(chart: &Chart, title: &str, inner: i32, height: i32, text: &mut String) -> Result<(), String> {
    let said = |error: &dyn std::fmt::Display| error.to_string();
    let area = SVGBackend::with_string(text, (WIDTH as u32, height as u32)).into_drawing_area();
    area.fill(&WHITE).map_err(|error| said(&error))?;
    write(&area, &shown(title, TITLE), 18, (20, 14), HPos::Left)?;
    // Room for the widest count of any panel, so that the axes are aligned.
    let widest = chart.panels.iter().map(|panel| wide(&HumanCount(panel.rows).to_string())).max();
    let left = LEFT.max(widest.unwrap_or(0) + 28);
    write(&area, &summary(chart), 13, (20, 38), HPos::Left)?;
    for (place, panel) in chart.panels.iter().enumerate() {
        let top = TOP + place as i32 * (inner + BETWEEN) + 20;
        if let Some(name) = &panel.name {
            let by = chart.by.as_deref().unwrap_or_default();
            let name = format!("{by} = {}: {} rows", shown(name, ABOVE), HumanCount(panel.rows));
            write(&area, &name, 13, (left, top - 20), HPos::Left)?;
        }
        if let Some(left_out) = left_out(panel, &chart.scale) {
            let left_out = format!("not drawn: {left_out}");
            write(&area, &left_out, 12, (WIDTH - RIGHT, top - 19), HPos::Right)?;
        }
        match &chart.scale {
            Scale::Bins(axis) => columns(&area, panel, axis, (left, top), inner)?,
            Scale::Values(names, _) => bars(&area, panel, names, top)?,
        }
    }
    if let Scale::Bins(axis) = &chart.scale {
        // Below the labels of the last axis.
        let bottom = TOP + chart.panels.len() as i32 * (inner + BETWEEN) - 8;
        let name = format!("{}, in steps of {}", shown(&chart.field, ABOVE), axis.step());
        write(&area, &name, 12, ((left + WIDTH - RIGHT) / 2, bottom), HPos::Center)?;
    }
    if let Some(others) = other_groups(chart) {
        write(&area, &others, 12, (20, height - 22), HPos::Left)?;
    }
    area.present().map_err(|error| said(&error))
}

fn columns(
    area: &Area<'_>,
    panel: &Panel,
    axis: &Axis,
    (left, top): (i32, i32),
    inner: i32,
) -> Result<(), String> {
    let (bottom, room) = (top + inner, f64::from(WIDTH - left - RIGHT));
    let most = panel.counts.iter().copied().max().unwrap_or(0).max(1);
    let x = |bin: usize| left + (room * bin as f64 / axis.bins as f64).round() as i32;
    let tall = |count: u64| (f64::from(inner) * count as f64 / most as f64).round() as i32;
    for count in rounds(most, (inner / 40) as u64) {
        let y = bottom - tall(count);
        line(area, [(left, y), (WIDTH - RIGHT, y)], if count == 0 { INK } else { FAINT })?;
        write(area, &HumanCount(count).to_string(), 12, (left - 8, y - 6), HPos::Right)?;
    }
    for (bin, count) in panel.counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        let gap = i32::from(x(bin + 1) - x(bin) > 3);
        fill(area, [(x(bin), bottom - tall(*count).max(1)), (x(bin + 1) - gap, bottom)])?;
    }
    let bin_wide = room / axis.bins as f64;
    let bins_of = |label: &str| (f64::from(wide(label) + 2 * CHARACTER) / bin_wide).ceil() as usize;
    for (bin, label) in axis.ticks(bins_of) {
        line(area, [(x(bin), bottom), (x(bin), bottom + 4)], INK)?;
        write(area, &label, 12, (x(bin), bottom + 7), HPos::Center)?;
    }
    Ok(())
}

fn bars(area: &Area<'_>, panel: &Panel, names: &[String], top: i32) -> Result<(), String> {
    let most = panel.counts.iter().copied().max().unwrap_or(0).max(1);
    let names: Vec<String> = names.iter().map(|name| shown(name, BESIDE)).collect();
    let labels: Vec<String> = panel.counts.iter().map(|count| label(*count, panel.rows)).collect();
    let widest = |texts: &[String]| texts.iter().map(|text| wide(text)).max().unwrap_or(0);
    let left = (20 + widest(&names) + 10).max(LEFT);
    let room = f64::from(WIDTH - left - RIGHT - widest(&labels) - 6);
    for (place, ((name, label), count)) in names.iter().zip(&labels).zip(&panel.counts).enumerate() {
        let y = top + BAR * place as i32;
        let long = (room * *count as f64 / most as f64).round() as i32;
        write(area, name, 12, (left - 8, y + 5), HPos::Right)?;
        if *count > 0 {
            fill(area, [(left, y + 2), (left + long.max(1), y + BAR - 2)])?;
        }
        write(area, label, 12, (left + long + 6, y + 5), HPos::Left)?;
    }
    Ok(())
}

/// The text behind a bar.
fn label(count: u64, rows: u64) -> String {
    format!("{} ({:.1} %)", HumanCount(count), 100.0 * count as f64 / rows.max(1) as f64)
}

/// A few round counts, from 0 to `most`.
fn rounds(most: u64, few: u64) -> impl Iterator<Item = u64> {
    let powers = (0..).map_while(|power| 10_u64.checked_pow(power));
    let steps = powers.flat_map(|power| [1, 2, 5].map(|digit| power.saturating_mul(digit)));
    let step = steps.into_iter().find(|step| most / step <= few.max(1)).unwrap_or(most);
    (0..=most / step).map(move |steps| steps * step)
}

/// The approximate width of a text.
fn wide(text: &str) -> i32 {
    CHARACTER * text.width() as i32
}

/// A text without characters that XML cannot hold, cut if it is too long.
fn shown(text: &str, most: usize) -> String {
    let fits_xml = |c: &char| !c.is_control() && !matches!(c, '\u{FFFE}' | '\u{FFFF}');
    let clean: String = text.chars().filter(fits_xml).collect();
    if clean.is_empty() {
        return "\"\"".to_owned();
    }
    if clean.width() <= most {
        return clean;
    }
    let mut room = most - 1;
    let fitting = clean.chars().take_while(|c| {
        let wide = c.width().unwrap_or(0);
        let fits = wide <= room;
        room = room.saturating_sub(wide);
        fits
    });
    fitting.chain(['…']).collect()
}

fn fill(area: &Area<'_>, corners: [(i32, i32); 2]) -> Result<(), String> {
    area.draw(&Rectangle::new(corners, BARS.filled())).map_err(|error| error.to_string())
}

fn line(area: &Area<'_>, ends: [(i32, i32); 2], color: RGBColor) -> Result<(), String> {
    area.draw(&PathElement::new(ends, color)).map_err(|error| error.to_string())
}

fn write(area: &Area<'_>, text: &str, size: i32, at: (i32, i32), side: HPos) -> Result<(), String> {
    let style = (FONT, size).into_text_style(area).color(&INK).pos(Pos::new(side, VPos::Top));
    area.draw_text(text, &style, at).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_beside_the_axis_are_round_and_few() {
        let lines = |most, few| rounds(most, few).collect::<Vec<_>>();
        assert_eq!(lines(113_987, 8), [0, 20_000, 40_000, 60_000, 80_000, 100_000]);
        assert_eq!(lines(20_111, 2), [0, 10_000, 20_000]);
        assert_eq!(lines(1, 2), [0, 1]);
        assert_eq!(lines(10, 8), [0, 2, 4, 6, 8, 10]);
        for most in [3, 99, 101, u64::MAX / 2, u64::MAX] {
            assert!((2..=9).contains(&lines(most, 8).len()), "{most}");
        }
    }

    #[test]
    fn names_are_cut_and_hold_nothing_that_xml_cannot() {
        assert_eq!(shown("a\u{1}b\u{FFFE}\n", 8), "ab");
        assert_eq!(shown("abcdefgh", 8), "abcdefgh");
        assert_eq!(shown("abcdefghi", 8), "abcdefg…");
        assert_eq!(shown("東京東京東京", 8), "東京東…");
    }
}
