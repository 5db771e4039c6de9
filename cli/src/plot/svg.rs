//! A chart as an SVG.

use drystone::{Error, Result};
use indicatif::HumanCount;
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::axis::Axis;
use super::collect::{Chart, Panel, Scale};
use super::{left_out, other_groups, summary};

const BARS: RGBColor = RGBColor(0xC2, 0x57, 0x1A);
const INK: RGBColor = RGBColor(0x33, 0x38, 0x3D);
const FAINT: RGBColor = RGBColor(0xDD, 0xE1, 0xE5);
const FONT: &str = "sans-serif";
const WIDTH: i32 = 800;
const LEFT: i32 = 90;
const RIGHT: i32 = 30;
const TOP: i32 = 64;
/// Between the axis of one panel and the bars of the next, with its name and what is left out.
const BETWEEN: i32 = 56;
const ALONE: i32 = 320;
const AMONG: i32 = 90;
const BAR: i32 = 20;
/// About how wide a character of a label is.
const CHARACTER: i32 = 7;

type Area<'s> = DrawingArea<SVGBackend<'s>, Shift>;

pub(super) fn draw(chart: &Chart, title: &str) -> Result<String> {
    let inner = match &chart.scale {
        Scale::Bins(_) if chart.by.is_some() => AMONG,
        Scale::Bins(_) => ALONE,
        Scale::Values(names, _) => BAR * names.len() as i32,
    };
    let height = TOP + chart.panels.len() as i32 * (inner + BETWEEN) + 24;
    let mut text = String::new();
    paint(chart, title, inner, height, &mut text)
        .map_err(|error| Error::io("cannot draw", std::io::Error::other(error)))?;
    Ok(text)
}

fn paint(chart: &Chart, title: &str, inner: i32, height: i32, text: &mut String) -> Result<(), String> {
    let said = |error: &dyn std::fmt::Display| error.to_string();
    let area = SVGBackend::with_string(text, (WIDTH as u32, height as u32)).into_drawing_area();
    area.fill(&WHITE).map_err(|error| said(&error))?;
    write(&area, title, 18, (20, 14), HPos::Left)?;
    write(&area, &summary(chart), 13, (20, 38), HPos::Left)?;
    for (place, panel) in chart.panels.iter().enumerate() {
        let top = TOP + place as i32 * (inner + BETWEEN) + 20;
        if let Some(name) = &panel.name {
            let by = chart.by.as_deref().unwrap_or_default();
            let name = format!("{by} = {name}: {} rows", HumanCount(panel.rows));
            write(&area, &name, 13, (LEFT, top - 20), HPos::Left)?;
        }
        if let Some(left_out) = left_out(panel, &chart.scale) {
            let left_out = format!("not drawn: {left_out}");
            write(&area, &left_out, 12, (WIDTH - RIGHT, top - 19), HPos::Right)?;
        }
        match &chart.scale {
            Scale::Bins(axis) => columns(&area, panel, axis, top, inner)?,
            Scale::Values(names, _) => bars(&area, panel, names, top)?,
        }
    }
    if let Some(others) = other_groups(chart) {
        write(&area, &others, 12, (20, height - 22), HPos::Left)?;
    }
    area.present().map_err(|error| said(&error))
}

fn columns(area: &Area<'_>, panel: &Panel, axis: &Axis, top: i32, inner: i32) -> Result<(), String> {
    let (bottom, room) = (top + inner, f64::from(WIDTH - LEFT - RIGHT));
    let most = panel.counts.iter().copied().max().unwrap_or(0).max(1);
    let x = |bin: usize| LEFT + (room * bin as f64 / axis.bins as f64).round() as i32;
    for share in [0, 1, 2] {
        let y = bottom - inner * share / 2;
        line(area, [(LEFT, y), (WIDTH - RIGHT, y)], if share == 0 { INK } else { FAINT })?;
        let label = HumanCount(most * share as u64 / 2).to_string();
        write(area, &label, 12, (LEFT - 8, y - 6), HPos::Right)?;
    }
    for (bin, count) in panel.counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        let tall = (f64::from(inner) * *count as f64 / most as f64).round().max(1.0) as i32;
        let gap = i32::from(x(bin + 1) - x(bin) > 3);
        fill(area, [(x(bin), bottom - tall), (x(bin + 1) - gap, bottom)])?;
    }
    let wide = room / axis.bins as f64;
    let bins_of =
        |label: &str| (f64::from(CHARACTER * (label.chars().count() as i32 + 2)) / wide).ceil() as usize;
    for (bin, label) in axis.ticks(bins_of) {
        line(area, [(x(bin), bottom), (x(bin), bottom + 4)], INK)?;
        write(area, &label, 12, (x(bin), bottom + 7), HPos::Center)?;
    }
    Ok(())
}

fn bars(area: &Area<'_>, panel: &Panel, names: &[String], top: i32) -> Result<(), String> {
    let most = panel.counts.iter().copied().max().unwrap_or(0).max(1);
    let longest = names.iter().map(|name| name.chars().count() as i32).max().unwrap_or(0).min(32);
    let left = (20 + CHARACTER * longest + 10).max(LEFT);
    let room = f64::from(WIDTH - left - RIGHT - 110);
    for (place, (name, count)) in names.iter().zip(&panel.counts).enumerate() {
        let y = top + BAR * place as i32;
        let wide = (room * *count as f64 / most as f64).round() as i32;
        let shown: String = name.chars().filter(|c| !c.is_control()).take(32).collect();
        write(area, &shown, 12, (left - 8, y + 5), HPos::Right)?;
        if *count > 0 {
            fill(area, [(left, y + 2), (left + wide.max(1), y + BAR - 2)])?;
        }
        let percent = 100.0 * *count as f64 / panel.rows.max(1) as f64;
        let label = format!("{} ({percent:.1} %)", HumanCount(*count));
        write(area, &label, 12, (left + wide + 6, y + 5), HPos::Left)?;
    }
    Ok(())
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
