//! What stands between markers of a page, replaced: numbers are not typed by hand.
//!
//! ```text
//!   <!-- KIND:WHAT -->
//!   … replaced …
//!   <!-- KIND:end -->
//! ```
//!
//! Does not know: what a marker asks for.

use std::path::Path;

use anyhow::{Context, Result, bail};

use super::targets;

/// Markers of one kind.
#[derive(Debug, Clone, Copy)]
pub struct Markers(pub &'static str);

impl Markers {
    /// Whether a page has a marker and can be written; before anything takes time.
    ///
    /// # Errors
    /// If it has none, or cannot be read or written.
    pub fn check(self, page: &Path) -> Result<()> {
        let name = page.display();
        let text = std::fs::read_to_string(page).with_context(|| format!("cannot read {name}"))?;
        if !text.contains(&self.begin()) {
            bail!(
                "{name} has no {}TABLE --> … {}: put the markers where tables are to stand",
                self.begin(),
                self.end()
            );
        }
        targets::file(page)
    }

    /// Writes the page again with what `new` has for each marker; `None` leaves what stands there. Answers with the markers that were
    /// replaced.
    ///
    /// # Errors
    /// If the page cannot be read or written, or a marker has no end, or `new` fails.
    pub fn update(self, page: &Path, new: impl FnMut(&str) -> Result<Option<String>>) -> Result<Vec<String>> {
        let name = page.display();
        let text = std::fs::read_to_string(page).with_context(|| format!("cannot read {name}"))?;
        let (text, replaced) = self.rewritten(&text, new).with_context(|| format!("in {name}"))?;
        std::fs::write(page, text).with_context(|| format!("cannot write {name}"))?;
        Ok(replaced)
    }

    /// The same of a text.
    ///
    /// # Errors
    /// If a marker has no end, or `new` fails.
    pub fn rewritten(
        self,
        text: &str,
        mut new: impl FnMut(&str) -> Result<Option<String>>,
    ) -> Result<(String, Vec<String>)> {
        let (begin, end) = (self.begin(), self.end());
        let (mut page, mut replaced, mut rest) = (String::new(), Vec::new(), text);
        while let Some((before, from)) = rest.split_once(&begin) {
            let Some((marker, behind)) = from.split_once("-->") else { bail!("{begin} without its -->") };
            let Some((old, after)) = behind.split_once(&end) else {
                bail!("{begin}{marker}--> without {end}")
            };
            let wanted = new(marker.trim())?;
            replaced.extend(wanted.as_ref().map(|_| marker.trim().to_owned()));
            let between = wanted.map_or_else(|| old.to_owned(), |it| format!("\n\n{}\n\n", it.trim()));
            page.extend([before, &begin, marker, "-->", &between, &end]);
            rest = after;
        }
        page.push_str(rest);
        Ok((page, replaced))
    }

    fn begin(self) -> String {
        format!("<!-- {}:", self.0)
    }

    fn end(self) -> String {
        format!("<!-- {}:end -->", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NUMBERS: Markers = Markers("numbers");

    #[test]
    fn a_page_without_markers_is_refused() {
        let path = std::env::temp_dir().join(format!("strata-page-{}.md", std::process::id()));
        std::fs::write(&path, "# No numbers").unwrap();
        assert!(NUMBERS.check(&path).unwrap_err().to_string().contains("numbers:TABLE"));
        std::fs::write(&path, "<!-- numbers:a -->\n<!-- numbers:end -->").unwrap();
        NUMBERS.check(&path).unwrap();
        assert_eq!(NUMBERS.update(&path, |_| Ok(Some("new".to_owned()))).unwrap(), ["a"]);
        assert!(std::fs::read_to_string(&path).unwrap().contains("new"));
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn only_what_stands_between_the_markers_is_replaced_and_only_where_there_is_something_new() {
        let text =
            "a\n<!-- numbers:x y=z -->old<!-- numbers:end -->\nb<!-- numbers:w -->c<!-- numbers:end -->";
        let only_x = |marker: &str| Ok((marker == "x y=z").then(|| "new\n".to_owned()));
        let (new, replaced) = NUMBERS.rewritten(text, only_x).unwrap();
        assert_eq!(replaced, ["x y=z"]);
        assert_eq!(new, text.replace("old", "\n\nnew\n\n"));
        assert_eq!(NUMBERS.rewritten(&new, only_x).unwrap().0, new, "a second time changes nothing");
        assert!(NUMBERS.rewritten("<!-- numbers:x -->", |_| Ok(None)).is_err());
    }
}
