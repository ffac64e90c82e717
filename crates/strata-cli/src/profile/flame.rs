//! Flame graphs: who holds how many bytes, each function below its caller and as wide as what it holds; and the same of two profiles,
//! red where it became more, blue where it became less.
//!
//! inferno draws them (CDDL 1.0, hence the feature). A stack that holds nothing any more has no width, so it is not in a difference: with
//! the two profiles changed about it is.
//!
//! Does not know: where names come from. Idea: Brendan Gregg (2011, 2014).

use anyhow::{Context, Result, ensure};
use inferno::differential;
use inferno::flamegraph::color::{BasicPalette, Palette};
use inferno::flamegraph::{self, Direction, Options};
use strata_inspect::Bytes;
use strata_profile::{Names, Profile};

/// Parts of the whole width below which a rectangle is left out, in per cent.
const THINNEST: f64 = 0.05;

/// The bytes that live.
pub(super) fn write(profile: &Profile, names: &mut dyn Names) -> Result<Vec<u8>> {
    draw("Who holds the memory", subtitle(profile), &profile.folded(names))
}

/// The bytes that live, and how many more or fewer they are than before.
pub(super) fn change(before: &Profile, after: &Profile, names: &mut dyn Names) -> Result<Vec<u8>> {
    let (old, new) = (before.folded(names), after.folded(names));
    let mut lines = Vec::new();
    let options = differential::Options::default();
    differential::from_readers(options, old.as_bytes(), new.as_bytes(), &mut lines)
        .context("comparing the stacks")?;
    let subtitle = format!("{}; before: {}. Red holds more, blue less", subtitle(after), subtitle(before));
    draw("What changed", subtitle, &String::from_utf8(lines)?)
}

fn subtitle(profile: &Profile) -> String {
    let live = profile.live();
    let bytes = |bytes: f64| Bytes(bytes.max(0.0).round() as u64);
    format!("{} live ± {}", bytes(live.bytes), bytes(live.standard_error()))
}

fn draw(title: &str, subtitle: String, stacks: &str) -> Result<Vec<u8>> {
    ensure!(
        !stacks.is_empty(),
        "no sampled block lives, so there is nothing to draw: a lower --profile-rate samples more"
    );
    let mut options = Options::default();
    options.title = title.to_owned();
    options.subtitle = Some(subtitle);
    options.count_name = "bytes".to_owned();
    options.colors = Palette::Basic(BasicPalette::Mem);
    options.hash = true;
    // Stacks are deep, and what is wide is at their roots: these stand where the page begins.
    options.direction = Direction::Inverted;
    options.min_width = THINNEST;
    options.font_type = "system-ui, sans-serif".to_owned();
    let mut picture = Vec::new();
    flamegraph::from_lines(&mut options, stacks.lines(), &mut picture).context("drawing the flame graph")?;
    Ok(picture)
}

#[cfg(test)]
mod tests {
    use quick_xml::Reader;
    use quick_xml::events::Event;
    use strata_profile::{Frame, Mapping, Site};

    use super::*;

    /// Functions are called by their addresses.
    struct Letters;

    impl Names for Letters {
        fn frames(&mut self, _: Option<&Mapping>, address: u64) -> Vec<Frame> {
            vec![Frame { function: format!("function<{address}>"), ..Frame::default() }]
        }
    }

    /// Stacks, the innermost function first, with the blocks of 1,000 bytes that live there.
    fn profile(stacks: &[(&[u64], i64)]) -> Profile {
        let site = |(frames, allocated): &(&[u64], i64)| Site {
            bytes: 1000,
            mean: 1,
            frames: frames.to_vec(),
            allocated: *allocated,
            ..Site::default()
        };
        Profile { sites: stacks.iter().map(site).collect(), ..Profile::default() }
    }

    /// The titles of the rectangles; that the picture is XML is a part of it.
    fn titles(picture: &[u8]) -> Vec<String> {
        let (mut reader, mut titles, mut is_title) = (Reader::from_reader(picture), Vec::new(), false);
        loop {
            match reader.read_event().unwrap() {
                Event::Start(tag) => is_title = tag.name().as_ref() == b"title",
                Event::End(_) => is_title = false,
                Event::Text(_) if is_title => titles.push(String::new()),
                Event::Eof => break,
                _ => {}
            }
        }
        assert!(!titles.is_empty());
        let text = std::str::from_utf8(picture).unwrap();
        text.split("<title>").skip(1).map(|rest| rest.split("</title>").next().unwrap().to_owned()).collect()
    }

    #[test]
    fn each_function_is_as_wide_as_what_it_holds() {
        let picture = write(&profile(&[(&[2, 1], 3), (&[3, 1], 1)]), &mut Letters).unwrap();
        let titles = titles(&picture);
        for wanted in ["function&lt;2&gt; (3,000 bytes, 75.00%)", "function&lt;3&gt; (1,000 bytes, 25.00%)"] {
            assert!(titles.iter().any(|title| title == wanted), "{titles:?}");
        }
        let text = String::from_utf8(picture).unwrap();
        assert!(text.contains("3.9 KiB live ± 0 B") && !text.contains("<image"), "{text}");
    }

    #[test]
    fn a_difference_says_how_much_more_or_less_it_is() {
        let (before, after) =
            (profile(&[(&[2, 1], 1), (&[3, 1], 3)]), profile(&[(&[2, 1], 3), (&[3, 1], 1)]));
        let titles = titles(&change(&before, &after, &mut Letters).unwrap());
        for wanted in ["&lt;2&gt; (3,000 bytes, 75.00%; +50.00%)", "&lt;3&gt; (1,000 bytes, 25.00%; -50.00%)"]
        {
            assert!(titles.iter().any(|title| title.contains(wanted)), "{titles:?}");
        }
    }

    #[test]
    fn where_nothing_lives_nothing_is_drawn_and_the_remedy_is_said() {
        let error = write(&Profile::default(), &mut Letters).unwrap_err();
        assert!(error.to_string().contains("--profile-rate"));
    }
}
