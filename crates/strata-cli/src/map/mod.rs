//! `strata map`: what a process holds, pool by pool, as one page for a browser that needs nothing from elsewhere.
//!
//! ```text
//!   snapshots (JSON) ──of──► page.css + the scripts + each snapshot as it is     a browser unpacks and draws them
//! ```
//!
//! | file         | what it does                                                                    |
//! |--------------|---------------------------------------------------------------------------------|
//! | `decode.js`  | from the snapshots to columns of numbers                                         |
//! | `facts.js`   | what they add up to: bytes, classes, what few blocks keep, since when            |
//! | `colours.js` | the five colourings                                                             |
//! | `layout.js`  | where each arena lies                                                           |
//! | `paint.js`   | the map on its canvas, at three distances                                       |
//! | `view.js`    | zoom, pan, hover, keys                                                          |
//! | `panel.js`   | waterfall, legend, the chosen pool, what pins what                              |
//! | `main.js`    | the page's state                                                                |
//!
//! Does not know: how a snapshot is taken, what is in it.

use maud::{DOCTYPE, Markup, PreEscaped, html};

const STYLE: &str = include_str!("page/page.css");
const SCRIPT: &str = concat!(
    "\"use strict\";\n",
    include_str!("page/decode.js"),
    include_str!("page/facts.js"),
    include_str!("page/colours.js"),
    include_str!("page/layout.js"),
    include_str!("page/paint.js"),
    include_str!("page/view.js"),
    include_str!("page/panel.js"),
    include_str!("page/main.js"),
);
/// The page may fetch nothing, whatever is in it.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'";

/// The page of these snapshots, earliest first; each is the text of its file.
pub(crate) fn page(title: &str, snapshots: &[String]) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                title { (title) ": heap map" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                (head())
                main { (stage()) (sides()) }
                @for snapshot in snapshots {
                    script.snapshot type="application/json" { (PreEscaped(embedded(snapshot))) }
                }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    page.into_string()
}

/// JSON in which no text ends the script around it.
fn embedded(snapshot: &str) -> String {
    snapshot.trim_end().replace('<', "\\u003c")
}

fn head() -> Markup {
    html! {
        header.card {
            div.top {
                h1 #name { "heap map" }
                div.time #time hidden {
                    button.icon #play type="button" aria-label="play the snapshots" { "▶" }
                    label.track {
                        span #spark {}
                        span.hidden { "which snapshot" }
                        input #number type="range" min="0" value="0" step="1";
                    }
                    output #when for="number" {}
                }
                button.icon #theme type="button" title="light or dark (t)" aria-label="light or dark" { "◐" }
            }
            div #fall {}
            p.message #failed role="alert" hidden {}
            noscript { p.message { "The map is drawn by a script in this page, which is switched off." } }
        }
    }
}

fn stage() -> Markup {
    html! {
        section.card.stage aria-label="map" {
            div.tools {
                div.modes #modes role="radiogroup" aria-label="colour by" {}
                div.zoom {
                    button.icon #out type="button" title="smaller (-)" aria-label="smaller" { "−" }
                    button.icon #in type="button" title="larger (+)" aria-label="larger" { "+" }
                    button.icon #fit type="button" title="all of it (0)" { "fit" }
                }
            }
            div.view {
                canvas.map #map tabindex="0" role="application"
                    aria-label="Map of the heap: arrow keys choose a pool, Enter shows it large" aria-describedby="keys" {}
                div.tip #tip hidden {}
            }
        }
    }
}

fn sides() -> Markup {
    html! {
        aside.card aria-label="legend and tables" {
            h2 { "Colours" small { "choose one to highlight it" } }
            p #says {}
            div #legend data-side {}
            h2 { "Chosen" }
            div.chosen #chosen aria-live="polite" {}
            h2 { "What pins what" small { "by class of block" } }
            p { "A pool goes back only when no block lives in it; its pages, when no block lives on them." }
            div #pins data-side {}
            h2 { "Kept by the fewest blocks" }
            div #worst {}
            h2 { "Keys" }
            p.keys #keys {
                kbd { "1" } "–" kbd { "5" } " colouring, " kbd { "←" } kbd { "→" } kbd { "↑" } kbd { "↓" } " next pool, "
                kbd { "Enter" } " show it large, " kbd { "+" } kbd { "-" } " zoom, " kbd { "0" } " all, "
                kbd { "[" } kbd { "]" } " snapshot, " kbd { "t" } " light or dark, " kbd { "Esc" } " nothing chosen"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use html5ever::tendril::TendrilSink;
    use html5ever::{ParseOpts, parse_document};
    use markup5ever_rcdom::{Handle, NodeData, RcDom};
    use serde_json::{Value, json};

    use super::*;
    use crate::inspect::cells::{Cells, tests::busy};
    use crate::inspect::snapshot::Snapshot;

    fn snapshot(name: &str, cells: &Cells) -> String {
        let map = serde_json::to_value(cells.pack()).unwrap();
        let explanation = json!({"pid": 7, "rss_bytes": 9000, "lines": [], "causes": []});
        let heap = json!({"stats": {"classes": []}, "threads": [], "map": map});
        json!({"strata_snapshot": 2, "taken_ms": 5, "name": name, "explanation": explanation, "heaps": [heap]})
            .to_string()
    }

    fn parsed(page: &str) -> RcDom {
        let dom = parse_document(RcDom::default(), ParseOpts::default()).one(page);
        assert_eq!(dom.errors.borrow().len(), 0, "{:?}", dom.errors.borrow());
        dom
    }

    fn each(node: &Handle, tell: &mut dyn FnMut(&Handle)) {
        tell(node);
        node.children.borrow().iter().for_each(|child| each(child, tell));
    }

    /// The texts of the snapshots in a page, as a browser finds them.
    fn embedded_in(page: &str) -> Vec<String> {
        let mut texts = Vec::new();
        each(&parsed(page).document, &mut |node| {
            let NodeData::Element { name, attrs, .. } = &node.data else { return };
            let is_snapshot = attrs.borrow().iter().any(|attribute| &*attribute.value == "snapshot");
            if &*name.local == "script"
                && is_snapshot
                && let Some(child) = node.children.borrow().first()
                && let NodeData::Text { contents } = &child.data
            {
                texts.push(contents.borrow().to_string());
            }
        });
        texts
    }

    #[test]
    fn what_is_embedded_is_what_the_snapshots_say() {
        let (first, second) = (busy(2), busy(3));
        let texts = [snapshot("</script><b>\u{2028}\"", &first), snapshot("plain", &second)];
        let found = embedded_in(&page("</title>&", &texts));
        let values = |texts: &[String]| {
            texts.iter().map(|text| serde_json::from_str::<Value>(text).unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(values(&found), values(&texts));
        let cells = |text: &String| Snapshot::parse(text.as_bytes()).unwrap().cells().unwrap();
        assert_eq!(found.iter().flat_map(cells).collect::<Vec<_>>(), [first, second]);
    }

    #[test]
    fn the_page_needs_nothing_from_elsewhere() {
        let page = page("p 7", &[snapshot("p", &busy(1))]);
        assert_eq!(page.matches("://").count(), page.matches("\"http://www.w3.org/2000/svg\"").count());
        each(&parsed(&page).document, &mut |node| {
            let NodeData::Element { name, attrs, .. } = &node.data else { return };
            let attributes = attrs.borrow();
            let outward =
                attributes.iter().find(|attribute| matches!(&*attribute.name.local, "src" | "href"));
            assert!(
                outward.is_none() && !matches!(&*name.local, "link" | "img" | "iframe"),
                "{:?}",
                name.local
            );
        });
        for call in ["fetch(", "XMLHttpRequest", "import(", "WebSocket", "url(", "@import"] {
            assert!(!page.contains(call), "{call}");
        }
        assert!(page.contains("default-src &apos;none&apos;") || page.contains("default-src 'none'"));
    }

    #[test]
    fn a_heap_of_four_gibibytes_of_which_no_two_pools_are_alike_takes_less_than_two_megabytes() {
        let page = page("p 7", &[snapshot("p", &busy(1024))]);
        assert!(page.len() < 2_000_000, "{} bytes", page.len());
    }

    /// `STRATA_TEST_BROWSER` names a Chromium.
    #[test]
    fn a_browser_shows_it() {
        let Some(browser) = std::env::var_os("STRATA_TEST_BROWSER") else {
            println!("skipped: STRATA_TEST_BROWSER names no browser");
            return;
        };
        let path = std::env::temp_dir().join(format!("strata-map-{}.html", std::process::id()));
        std::fs::write(&path, page("p 7", &[snapshot("p", &busy(4))])).unwrap();
        let shown = std::process::Command::new(browser)
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--virtual-time-budget=20000",
                "--dump-dom",
            ])
            .arg(format!("file://{}", path.display()))
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&shown.stdout);
        let cells = 4 * 64 + 48;
        assert!(text.contains(&format!("data-ready=\"{cells}\"")), "{text}");
        std::fs::remove_file(path).unwrap();
    }
}
