//! The page: head, legend, a section for each kind of workload, plots above their tables.

use anyhow::Result;
use comfy_table::{Row, Table};
use jiff::Timestamp;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{bars, latency, palette, scaling, story};
use crate::bench::metric::Metric;
use crate::bench::noise;
use crate::bench::plan::Case;
use crate::bench::results::Results;
use crate::bench::tables;
use strata_harness::sample::Kind;

const STYLE: &str = include_str!("page.css");

/// The whole page.
pub(super) fn of(results: &Results) -> Result<Markup> {
    let sections = [
        real(results)?,
        small(results),
        scaling(results)?,
        latency(results)?,
        story(results)?,
        fragmentation(results),
    ];
    Ok(html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "Strata benchmark" }
                style { (PreEscaped(palette::style())) (PreEscaped(STYLE)) }
            }
            body {
                (head(results))
                (legend(results))
                @for section in sections { (section) }
                (workloads(results))
            }
        }
    })
}

fn head(results: &Results) -> Markup {
    let date =
        i64::try_from(results.unix_seconds).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    let effort = results.effort;
    html! {
        h1 { "Strata " (results.strata) " against other allocators" }
        p {
            (results.machine) br;
            @if let Some(date) = date { (date) "; " }
            "medians of " (effort.repetitions) " interleaved runs, scale " (effort.scale)
            "; each allocator is the global allocator of its own process"
        }
        @for line in noise::warnings(results).iter().chain(&results.failures) { p.warning { (line) } }
    }
}

fn legend(results: &Results) -> Markup {
    html! {
        div.legend {
            @for (index, allocator) in results.allocators.iter().enumerate() {
                span { i style={ "background:var(" (palette::variable(index)) ")" } {} (allocator) }
            }
        }
    }
}

fn real(results: &Results) -> Result<Markup> {
    let cases = results.cases(Kind::Real);
    if cases.is_empty() {
        return Ok(html! {});
    }
    let mut parts = Vec::new();
    for metric in Metric::OF_WORK {
        parts.push((metric, bars::of(results, &cases, metric)?, tables::real(results, &cases, metric)));
    }
    Ok(html! {
        h2 { "Real work" }
        p {
            "Lower is better; times and memory as ratios to " (results.baseline()) ", page faults on a logarithmic scale. "
            "Thin lines are the middle half of the runs."
        }
        @for (metric, plot, table) in parts {
            h3 { (metric.title()) }
            figure { (PreEscaped(plot)) }
            (tabulated(&table))
        }
    })
}

fn small(results: &Results) -> Markup {
    let cases = [results.cases(Kind::Micro), results.cases(Kind::Scaling)].concat();
    html! {
        @if !cases.is_empty() {
            h2 { "One allocation and its free" }
            p { "Time of a pair, and where there is room its ratio to " (results.baseline()) "." }
            (tabulated(&tables::pairs(results, &cases, Metric::Time)))
            p { "The processor time of a pair, that of all threads together:" }
            (tabulated(&tables::pairs(results, &cases, Metric::Processor)))
        }
    }
}

fn scaling(results: &Results) -> Result<Markup> {
    let cases = results.cases(Kind::Scaling);
    let mut plots = Vec::new();
    for workload in results.workloads.iter().filter(|workload| workload.kind == Kind::Scaling) {
        let own: Vec<Case> = cases.iter().filter(|case| case.workload == workload.name).cloned().collect();
        if !own.is_empty() {
            plots.push((workload, scaling::of(results, &own)?));
        }
    }
    Ok(html! {
        @if !plots.is_empty() {
            h2 { "More threads" }
            p { "Millions of pairs a second, all threads together: higher is better. This machine has " (results.machine.cores) " cores." }
            div.row {
                @for (workload, plot) in plots {
                    figure { h3 { (workload.name) } figcaption { (workload.stands_for) } (PreEscaped(plot)) }
                }
            }
            p { "Work done, as a multiple of one thread's:" }
            (tabulated(&tables::efficiency(results, &cases)))
        }
    })
}

fn latency(results: &Results) -> Result<Markup> {
    let cases = results.cases(Kind::Latency);
    let Some(case) = cases.first() else { return Ok(html! {}) };
    let allocate = latency::of(results, case, |latency| &latency.allocate)?;
    let free = latency::of(results, case, |latency| &latency.free)?;
    Ok(html! {
        h2 { "Single operations" }
        p {
            "All but one in that many operations were faster than the curve; all cores allocate meanwhile. "
            "The dashed curve times nothing at all: the clock's own cost, and at its end the machine's interruptions."
        }
        div.row {
            figure { h3 { "Allocate" } (PreEscaped(allocate)) }
            figure { h3 { "Free" } (PreEscaped(free)) }
        }
        (tabulated(&tables::latency(results, case)))
    })
}

fn story(results: &Results) -> Result<Markup> {
    let mut parts = Vec::new();
    for case in results.cases(Kind::Story) {
        let told = results.workloads.iter().find(|workload| workload.name == case.workload);
        parts.push((told, story::of(results, &case)?, tables::story(results, &case)));
    }
    Ok(html! {
        @if !parts.is_empty() {
            h2 { "Memory over time" }
            p {
                "The dashed line is what the program itself holds; the rest is the allocator's, and the program's code. Below, "
                "what is resident at the end of each phase, and where there is room as a multiple of what the program holds."
            }
        }
        @for (told, plot, table) in parts {
            @if let Some(workload) = told {
                h3 { (workload.name) }
                p { (workload.stands_for) }
            }
            figure { (PreEscaped(plot)) }
            (tabulated(&table))
        }
    })
}

fn fragmentation(results: &Results) -> Markup {
    let cases = results.cases(Kind::Fragmentation);
    html! {
        @if !cases.is_empty() {
            h2 { "Memory beyond what was asked for" }
            p {
                "Inside blocks: what could be used for each byte asked for, where the allocator tells. Then what is resident for "
                "each byte held."
            }
        }
        @for case in &cases {
            p { b { (case.title()) } ": " (stands_for(results, case)) "." }
            (tabulated(&tables::fragmentation(results, case)))
        }
    }
}

fn stands_for<'a>(results: &'a Results, case: &Case) -> &'a str {
    let workload = results.workloads.iter().find(|workload| workload.name == case.workload);
    workload.map_or("", |workload| &workload.stands_for)
}

fn workloads(results: &Results) -> Markup {
    html! {
        h2 { "The workloads" }
        dl { @for workload in &results.workloads { dt { (workload.name) } dd { (workload.stands_for) } } }
    }
}

/// The same table as on the terminal.
fn tabulated(table: &Table) -> Markup {
    let head = table.header().into_iter().flat_map(|row| row.cell_iter());
    html! {
        div.scroll {
            table {
                thead { tr { @for cell in head { th { (cell.content()) } } } }
                tbody { @for row in table.row_iter() { tr.foot[is_mean(row)] { @for cell in row.cell_iter() { td { (value(&cell.content())) } } } } }
            }
        }
    }
}

fn is_mean(row: &Row) -> bool {
    row.cell_iter().next().is_some_and(|cell| cell.content() == "geometric mean")
}

/// A ratio after two spaces steps back behind the value.
fn value(text: &str) -> Markup {
    html! {
        @match text.rsplit_once("  ") {
            Some((value, ratio)) => { (value) small { (ratio) } },
            None => (text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::results::tests::results;

    #[test]
    fn the_page_needs_nothing_from_elsewhere() {
        let results = results(&[("json", "strata", &[50, 51, 52]), ("json", "mimalloc", &[102, 103, 104])]);
        let page = of(&results).unwrap().into_string();
        assert!(page.contains("<svg") && page.contains("prefers-color-scheme"));
        let outside = page.matches("http").count() - page.matches("http://www.w3.org/2000/svg").count();
        assert_eq!((outside, page.matches("<script").count()), (0, 0));
    }
}
