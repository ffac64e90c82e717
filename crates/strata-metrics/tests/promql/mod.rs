//! As much of Prometheus as is needed to answer a query about one scrape.

#![allow(dead_code, reason = "each test uses some of it")]

use std::collections::BTreeMap;

use prometheus_parse::{Scrape, Value};
use promql_parser::label::MatchOp;
use promql_parser::parser::token::{T_ADD, T_DIV, T_MUL, T_SUB};
use promql_parser::parser::{Expr, VectorSelector};

/// What Prometheus adds to what it scrapes.
pub(crate) const JOB: &str = "a service";
pub(crate) const INSTANCE: &str = "127.0.0.1:9090";

/// Values by their labels.
pub(crate) type Vector = BTreeMap<BTreeMap<String, String>, f64>;

/// A query with the variables of Grafana filled in.
pub(crate) fn filled_in(query: &str) -> String {
    query
        .replace("$job", JOB)
        .replace("$instance", INSTANCE)
        .replace("$__rate_interval", "1m")
        .replace("$__range", "1h")
}

/// One scrape, by names.
pub(crate) struct Scraped(BTreeMap<String, Vector>);

impl Scraped {
    /// What this process says of itself, as Prometheus keeps it.
    pub(crate) fn now() -> Self {
        let text = strata_metrics::scrape("").body;
        let parsed = Scrape::parse(text.lines().map(|line| Ok(line.to_owned()))).expect("text");
        let mut all: BTreeMap<String, Vector> = BTreeMap::new();
        for sample in parsed.samples {
            let (Value::Gauge(value) | Value::Counter(value)) = sample.value else { panic!("{sample:?}") };
            let mut labels: BTreeMap<_, _> =
                sample.labels.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
            labels.insert("job".to_owned(), JOB.to_owned());
            labels.insert("instance".to_owned(), INSTANCE.to_owned());
            all.entry(sample.metric).or_default().insert(labels, value);
        }
        Self(all)
    }

    /// What a selector selects.
    pub(crate) fn select(&self, selector: &VectorSelector) -> Vector {
        let name = selector.name.as_deref().expect("a selector with a name");
        let all = self.0.get(name).cloned().unwrap_or_default();
        let fits = |labels: &BTreeMap<String, String>| {
            selector.matchers.matchers.iter().all(|matcher| {
                let value = labels.get(&matcher.name).map_or("", String::as_str);
                match &matcher.op {
                    MatchOp::Equal => value == matcher.value,
                    MatchOp::NotEqual => value != matcher.value,
                    MatchOp::Re(pattern) => pattern.is_match(value),
                    MatchOp::NotRe(pattern) => !pattern.is_match(value),
                }
            })
        };
        all.into_iter().filter(|(labels, _)| fits(labels)).collect()
    }
}

/// All selectors of a query.
pub(crate) fn selectors(query: &Expr) -> Vec<&VectorSelector> {
    match query {
        Expr::VectorSelector(selector) => vec![selector],
        Expr::MatrixSelector(matrix) => vec![&matrix.vs],
        Expr::Aggregate(it) => {
            it.param.iter().map(|it| &**it).chain([&*it.expr]).flat_map(selectors).collect()
        }
        Expr::Binary(it) => [&*it.lhs, &*it.rhs].into_iter().flat_map(selectors).collect(),
        Expr::Call(it) => it.args.args.iter().flat_map(|it| selectors(it)).collect(),
        Expr::Paren(it) => selectors(&it.expr),
        Expr::Unary(it) => selectors(&it.expr),
        Expr::Subquery(it) => selectors(&it.expr),
        Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => Vec::new(),
    }
}

/// The answer to a query; `None` if it asks for a range of time.
pub(crate) fn evaluate(query: &Expr, scraped: &Scraped) -> Option<Vector> {
    match query {
        Expr::VectorSelector(selector) => Some(scraped.select(selector)),
        Expr::Paren(it) => evaluate(&it.expr, scraped),
        Expr::NumberLiteral(it) => Some([(BTreeMap::new(), it.val)].into()),
        Expr::Binary(it) => {
            let (left, right) = (evaluate(&it.lhs, scraped)?, evaluate(&it.rhs, scraped)?);
            let pairs =
                left.into_iter().filter_map(|(labels, a)| Some((right.get(&labels).copied()?, labels, a)));
            let operation = it.op.id();
            Some(pairs.map(|(b, labels, a)| (labels, computed(operation, a, b))).collect())
        }
        Expr::Call(it) if it.func.name == "clamp_min" => {
            let [values, least] = [&it.args.args[0], &it.args.args[1]].map(|it| evaluate(it, scraped));
            let least = *least?.values().next()?;
            Some(values?.into_iter().map(|(labels, value)| (labels, value.max(least))).collect())
        }
        Expr::Aggregate(it) => {
            let values = evaluate(&it.expr, scraped)?;
            match (it.op.to_string().as_str(), &it.param) {
                ("sum", None) => Some([(BTreeMap::new(), values.values().sum())].into()),
                ("topk", Some(count)) => {
                    let Expr::NumberLiteral(count) = &**count else { return None };
                    let mut sorted: Vec<_> = values.into_iter().collect();
                    sorted.sort_by(|(_, a), (_, b)| b.total_cmp(a));
                    sorted.truncate(count.val as usize);
                    Some(sorted.into_iter().collect())
                }
                _ => None,
            }
        }
        _ => None,
    }
}

fn computed(operation: u16, a: f64, b: f64) -> f64 {
    match operation {
        T_ADD => a + b,
        T_SUB => a - b,
        T_MUL => a * b,
        T_DIV => a / b,
        other => panic!("operation {other} is not known here"),
    }
}
