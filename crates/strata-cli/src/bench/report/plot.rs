//! What all plots have in common: their sizes, letters, and how one becomes text.

use anyhow::{Result, anyhow};
use plotters::coord::Shift;
use plotters::prelude::{DrawingArea, IntoDrawingArea, SVGBackend, TextStyle};
use plotters::style::{FontFamily, IntoFont};

use super::palette::INK;

/// The page is this wide.
pub(super) const FULL: (u32, u32) = (1_080, 330);
/// Three beside each other.
pub(super) const THIRD: (u32, u32) = (352, 280);
/// Two beside each other.
pub(super) const HALF: (u32, u32) = (532, 330);

/// The area that a plot is drawn on.
pub(super) type Canvas<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Text on axes.
pub(super) fn letters() -> TextStyle<'static> {
    (FontFamily::SansSerif, 15).into_font().color(&INK)
}

/// The SVG that `paint` draws.
pub(super) fn svg(size: (u32, u32), paint: impl FnOnce(&Canvas<'_>) -> Result<()>) -> Result<String> {
    let mut text = String::new();
    {
        let canvas = SVGBackend::with_string(&mut text, size).into_drawing_area();
        paint(&canvas)?;
        canvas.present().map_err(failed)?;
    }
    // Scales with the page instead of standing at its size.
    let (width, height) = size;
    let fixed = format!("width=\"{width}\" height=\"{height}\"");
    Ok(text.replacen(&fixed, &format!("style=\"max-width:{width}px\""), 1))
}

/// The plotting crate's errors are not `Sync`.
pub(super) fn failed(error: impl std::fmt::Display) -> anyhow::Error {
    anyhow!("cannot draw a plot: {error}")
}
