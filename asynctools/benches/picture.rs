//! The picture in the README: the time of every system at some works.

use std::error::Error;
use std::path::Path;

use plotters::drawing::DrawingArea;
use plotters::drawing::IntoDrawingArea;
use plotters::element::Rectangle;
use plotters::element::Text;
use plotters::style::Color;
use plotters::style::IntoFont;
use plotters::style::RGBColor;
use plotters::style::TextStyle;
use plotters::style::text_anchor::HPos;
use plotters::style::text_anchor::Pos;
use plotters::style::text_anchor::VPos;

use crate::measure::Kind;
use crate::measure::Measured;
use crate::measure::Times;
use crate::measure::time;

/// The works that are shown, by how their names begin.
const SHOWN: [&str; 6] = ["batch, one", "batch, four", "`.await`", "burst", "random", "nested"];
const COLUMNS: usize = 2;
const WIDTH: i32 = 460;
const BAR: i32 = 20;
const HEAD: i32 = 40;
const NAMES: i32 = 200;
/// Where the longest bar ends: the figure stands behind it.
const FIGURES: i32 = WIDTH - 70;
/// Of a system that takes longer than that many times the best peer, the bar is cut.
const CUT: f64 = 4.0;

const OURS: RGBColor = RGBColor(0xC2, 0x5B, 0x12);
const PEERS: RGBColor = RGBColor(0x9A, 0xA5, 0xB1);
const INK: RGBColor = RGBColor(0x24, 0x29, 0x2F);
const PAPER: RGBColor = RGBColor(0xFF, 0xFF, 0xFF);

type Area<'a> = DrawingArea<plotters::backend::SVGBackend<'a>, plotters::coord::Shift>;

/// Draws one panel of bars for each work that is shown and was measured.
pub(crate) fn draw(path: &Path, all: &[Measured]) -> Result<(), Box<dyn Error>> {
    let find = |start: &&str| all.iter().find(|work| work.name.starts_with(start));
    let works: Vec<_> = SHOWN.iter().filter_map(find).collect();
    let heights: Vec<i32> =
        works.chunks(COLUMNS).map(|row| row.iter().map(|work| height(work)).max().unwrap_or(0)).collect();
    let size = (u32::try_from(WIDTH)? * u32::try_from(COLUMNS)?, u32::try_from(heights.iter().sum::<i32>().max(1))?);
    let backend = plotters::backend::SVGBackend::new(path, size);
    let area = backend.into_drawing_area();
    area.fill(&PAPER)?;
    let mut top = 0;
    for (row, height) in works.chunks(COLUMNS).zip(&heights) {
        let lefts = (0..).step_by(usize::try_from(WIDTH)?);
        for (work, left) in row.iter().zip(lefts) {
            panel(&area.clone().shrink((left, top), (WIDTH, *height)), work)?;
        }
        top += height;
    }
    area.present()?;
    Ok(())
}

fn height(work: &Measured) -> i32 {
    HEAD + BAR * i32::try_from(work.systems.len()).unwrap_or(0) + 12
}

fn style(size: i32, color: RGBColor, at: HPos) -> TextStyle<'static> {
    ("sans-serif", size).into_font().color(&color).pos(Pos::new(at, VPos::Center))
}

fn panel(area: &Area<'_>, work: &Measured) -> Result<(), Box<dyn Error>> {
    let title = format!("{}: time per {}", work.name.replace('`', ""), work.per);
    area.draw(&Text::new(title, (10, HEAD / 2), style(19, INK, HPos::Left)))?;
    let mut systems: Vec<_> = work.systems.iter().map(|system| (system, system.quartiles().median)).collect();
    systems.sort_by(|a, b| a.1.total_cmp(&b.1));
    let best = systems
        .iter()
        .filter(|(system, _)| system.kind == Kind::Peer)
        .map(|(_, median)| *median)
        .fold(f64::INFINITY, f64::min);
    let longest = systems.iter().map(|(_, median)| *median).fold(0.0, f64::max).min(best * CUT);
    for (&(system, median), top) in systems.iter().zip((HEAD..).step_by(usize::try_from(BAR)?)) {
        bar(area, system, median, median / longest, top)?;
    }
    Ok(())
}

fn bar(area: &Area<'_>, system: &Times, median: f64, share: f64, top: i32) -> Result<(), Box<dyn Error>> {
    let color = if system.kind == Kind::Ours { OURS } else { PEERS };
    let middle = top + BAR / 2;
    let length = share.min(1.0) * f64::from(FIGURES - NAMES);
    #[expect(clippy::cast_possible_truncation, reason = "a number of pixels within the picture")]
    let end = NAMES + (length as i32).max(1);
    area.draw(&Text::new(system.name, (NAMES - 8, middle), style(15, INK, HPos::Right)))?;
    area.draw(&Rectangle::new([(NAMES, top + 3), (end, top + BAR - 3)], color.filled()))?;
    let figure = if share > 1.0 { format!("› {}", time(median)) } else { time(median) };
    area.draw(&Text::new(figure, (end + 5, middle), style(15, INK, HPos::Left)))?;
    Ok(())
}
