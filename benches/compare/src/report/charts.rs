//! Charts: bars for some workloads at the largest number of rows, and how a get grows with the
//! rows.

use std::path::Path;

use plotters::prelude::*;

use super::results::Results;
use crate::data::Result;
use crate::figure::{Unit, Workload, find};
use crate::show::{grouped, number};

/// The workloads that get a chart.
const BARS: &[&str] = &[
    "get",
    "scan",
    "load_sorted",
    "load_unsorted",
    "small_median",
    "update_1m_second",
    "single_random",
    "single_random_bytes",
];
const OURS: RGBColor = RGBColor(0xC2, 0x57, 0x1A);
const OTHERS: RGBColor = RGBColor(0x8A, 0x93, 0x9C);
const MEMORY: RGBColor = RGBColor(0xC9, 0xCE, 0xD3);
const LINES: [RGBColor; 7] = [
    OURS,
    RGBColor(0x2B, 0x6C, 0xB0),
    RGBColor(0x2F, 0x85, 0x5A),
    RGBColor(0x80, 0x5A, 0xD5),
    RGBColor(0xB7, 0x79, 0x1F),
    RGBColor(0x4A, 0x55, 0x68),
    RGBColor(0x9B, 0x2C, 0x5E),
];
const WIDTH: u32 = 720;
const FONT: &str = "sans-serif";

/// Writes all charts. Returns their files and titles.
pub(super) fn write(results: &Results, folder: &Path) -> Result<Vec<(String, String)>> {
    let mut charts = Vec::new();
    for &name in BARS {
        let Some(workload) = find(name) else { continue };
        // The most rows at which any store but Drystone was measured.
        let rows = results.rows().into_iter().rev().find(|&rows| results.stores(rows, Some(name)).len() > 2);
        let Some(rows) = rows else { continue };
        let title = format!("{} ({}), {} rows", workload.title, workload.unit.name(), grouped(rows));
        let file = format!("{name}.svg");
        bars(results, workload, rows, &title, &folder.join(&file))?;
        charts.push((file, title));
    }
    if results.rows().len() > 1 {
        let title = "random get (ns) by number of rows".to_owned();
        growth(results, &title, &folder.join("growth.svg"))?;
        charts.push(("growth.svg".to_owned(), title));
    }
    Ok(charts)
}

fn bars(results: &Results, workload: &Workload, rows: u64, title: &str, path: &Path) -> Result<()> {
    let stores = results.stores(rows, Some(workload.name));
    let mut bars: Vec<(&str, f64)> = stores
        .into_iter()
        .filter_map(|store| results.figure(rows, workload.name, store).map(|figure| (store, figure.value)))
        .map(|(store, value)| (store, workload.unit.scale(value)))
        .collect();
    // The best one first.
    let sign = if workload.unit == Unit::Millions { -1.0 } else { 1.0 };
    bars.sort_by(|left, right| f64::total_cmp(&(sign * left.1), &(sign * right.1)));
    let longest = bars.iter().map(|bar| bar.1).fold(0.0, f64::max);
    let (top, step, left) = (44, 24, 130);
    let area =
        SVGBackend::new(path, (WIDTH, (top + step * bars.len() as i32 + 10) as u32)).into_drawing_area();
    area.fill(&WHITE)?;
    area.draw_text(title, &(FONT, 16).into_text_style(&area), (10, 12))?;
    for (place, (store, value)) in bars.iter().enumerate() {
        let y = top + step * place as i32;
        let color = match *store {
            "drystone" | "drystone-rows" => OURS,
            "vec" | "sorted-vec" | "hashmap" | "search-tree" => MEMORY,
            _ => OTHERS,
        };
        let end = left + ((f64::from(WIDTH) - 230.0) * value / longest) as i32;
        area.draw(&Rectangle::new([(left, y), (end.max(left + 1), y + 16)], color.filled()))?;
        area.draw_text(store, &(FONT, 13).into_text_style(&area), (10, y + 2))?;
        area.draw_text(&number(*value), &(FONT, 13).into_text_style(&area), (end + 6, y + 2))?;
    }
    Ok(area.present()?)
}

fn growth(results: &Results, title: &str, path: &Path) -> Result<()> {
    let all = results.rows();
    let stores = ["drystone", "lmdb", "redb", "rocksdb", "fjall", "sqlite", "hashmap"];
    let line = |store: &str| -> Vec<(f64, f64)> {
        let point =
            |&rows: &u64| results.figure(rows, "get", store).map(|figure| (rows as f64, figure.value * 1e9));
        all.iter().filter_map(point).collect()
    };
    let values: Vec<f64> = stores.iter().flat_map(|store| line(store)).map(|point| point.1).collect();
    let (low, high) =
        values.iter().fold((f64::INFINITY, 0.0_f64), |(low, high), &value| (low.min(value), high.max(value)));
    let (Some(&fewest), Some(&most)) = (all.first(), all.last()) else { return Ok(()) };
    let area = SVGBackend::new(path, (WIDTH, 400)).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .caption(title, (FONT, 16))
        .margin(12)
        .x_label_area_size(30)
        .y_label_area_size(60)
        .build_cartesian_2d(
            (fewest as f64..most as f64 * 1.6).log_scale(),
            (low * 0.8..high * 1.3).log_scale(),
        )?;
    chart
        .configure_mesh()
        .disable_mesh()
        .x_labels(all.len())
        .x_label_formatter(&|rows| grouped(*rows as u64))
        .y_label_formatter(&|value| number(*value))
        .draw()?;
    for (store, color) in stores.iter().zip(LINES) {
        let points = line(store);
        let Some(&end) = points.last() else { continue };
        chart.draw_series(LineSeries::new(points, color.stroke_width(2)))?;
        let style = (FONT, 13).into_font().color(&color);
        chart.draw_series([Text::new(format!(" {store}"), end, style)])?;
    }
    Ok(area.present()?)
}
