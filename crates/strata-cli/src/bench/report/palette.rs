//! Colours that follow the reader's scheme, light or dark.
//!
//! The plots are drawn in placeholder colours that mean "ink", "grid" or "the third allocator"; rules in the page's style
//! replace each by a variable, which has one value for light and one for dark.

use std::fmt::Write;

use plotters::style::RGBColor;

/// Text and axes.
pub(super) const INK: RGBColor = RGBColor(1, 1, 1);
/// Lines that help the eye.
pub(super) const GRID: RGBColor = RGBColor(2, 2, 2);
/// What is no allocator's: the clock, the memory held.
pub(super) const NEUTRAL: RGBColor = RGBColor(3, 3, 3);

const FIRST: u8 = 16;

/// (light, dark), one for each allocator; told apart by people who see no red or green as well (after Okabe and Ito).
const SERIES: [(&str, &str); 10] = [
    ("#d1495b", "#ff6b7d"),
    ("#2e6fb7", "#6aaef5"),
    ("#8a8f98", "#a3a9b3"),
    ("#e0a030", "#f0bd5c"),
    ("#2a9d8f", "#4fd1c1"),
    ("#7b4fb0", "#b592e8"),
    ("#a0522d", "#d08a63"),
    ("#4a7c29", "#8cc861"),
    ("#c2559d", "#f08fcd"),
    ("#3b3f8f", "#8f95f0"),
];

const FIXED: [(RGBColor, &str, &str, &str); 3] = [
    (INK, "ink", "#1c2430", "#e6e9ee"),
    (GRID, "grid", "#dfe3e8", "#343b45"),
    (NEUTRAL, "neutral", "#59616d", "#aab2bd"),
];

/// The placeholder of the allocator at `index`.
pub(super) fn series(index: usize) -> RGBColor {
    let shade = FIRST + (index % SERIES.len()) as u8;
    RGBColor(shade, shade, shade)
}

/// The variable that the placeholder of the allocator at `index` becomes.
pub(super) fn variable(index: usize) -> String {
    format!("--series-{}", index % SERIES.len())
}

/// The variables, with their values for light and for dark.
pub(super) fn variables() -> String {
    let (mut light, mut dark) = (String::new(), String::new());
    for (_, variable, light_value, dark_value) in all() {
        let _infallible = write!(light, "{variable}:{light_value};");
        let _infallible = write!(dark, "{variable}:{dark_value};");
    }
    format!(":root{{{light}}}@media(prefers-color-scheme:dark){{:root{{{dark}}}}}")
}

/// The same, and the rules that replace all stand-ins by them.
pub(super) fn style() -> String {
    let mut style = variables();
    for (color, variable, ..) in all() {
        let stand_in = hexadecimal(color);
        let _infallible = write!(style, "svg [fill=\"{stand_in}\"]{{fill:var({variable})}}");
        let _infallible = write!(style, "svg [stroke=\"{stand_in}\"]{{stroke:var({variable})}}");
    }
    style
}

/// Each colour: its placeholder, its variable, and its values for light and for dark.
fn all() -> impl Iterator<Item = (RGBColor, String, &'static str, &'static str)> {
    let series = SERIES
        .iter()
        .enumerate()
        .map(|(index, (light, dark))| (series(index), variable(index), *light, *dark));
    FIXED.iter().map(|(color, name, light, dark)| (*color, format!("--{name}"), *light, *dark)).chain(series)
}

/// As the SVG backend writes it.
fn hexadecimal(RGBColor(red, green, blue): RGBColor) -> String {
    format!("#{red:02X}{green:02X}{blue:02X}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stand_in_has_a_rule_and_both_schemes() {
        let style = style();
        assert!(style.contains("svg [fill=\"#101010\"]{fill:var(--series-0)}"), "{style}");
        assert_eq!(style.matches("--series-9:").count(), 2);
        assert_eq!(style.matches("--ink:").count(), 2);
    }
}
