//! `http_service`: a web server's path of one request: parse, route, answer, log (httparse, http).

use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::fmt::Write;
use std::hash::BuildHasherDefault;

use http::{Request, Response};
use rand::RngExt;

use super::{Job, Kind, Outcome, Settings, Threads, Workload};
use crate::checksum::Checksum;
use crate::data::{Words, random};

pub(super) const WORKLOAD: Workload = Workload {
    name: "http_service",
    stands_for: "a web server: parse a request, route it, format the answer, log it (httparse, http)",
    kind: Kind::Real,
    threads: Threads::One,
    prepare,
};

const REQUESTS: usize = 260_000;
const DIFFERENT: usize = 2_048;
const LOG_LINES: usize = 4_096;

type Query = HashMap<String, String, BuildHasherDefault<DefaultHasher>>;

fn prepare(settings: &Settings) -> Job {
    let words = Words::new(83, 5_000);
    let raw: Vec<Vec<u8>> = (0..DIFFERENT).map(|index| raw_request(&words, index as u64)).collect();
    let count = settings.count(REQUESTS);
    Box::new(move || work(&raw, count))
}

fn raw_request(words: &Words, seed: u64) -> Vec<u8> {
    let mut random = random(seed);
    let body = if random.random_ratio(1, 3) { words.text(random.random_range(1..12)) } else { String::new() };
    let mut text = format!("POST /{}/{}?", words.pick(), random.random_range(1..100_000));
    for _ in 0..random.random_range(0..5) {
        let _infallible = write!(text, "{}={}&", words.pick(), words.pick());
    }
    let _infallible = write!(text, "page=1 HTTP/1.1\r\nHost: {}.example\r\n", words.pick());
    for index in 0..random.random_range(4..14) {
        let _infallible = write!(text, "X-{}-{index}: {} {}\r\n", words.pick(), words.pick(), words.pick());
    }
    let _infallible = write!(text, "Content-Length: {}\r\n\r\n{body}", body.len());
    text.into_bytes()
}

fn work(raw: &[Vec<u8>], count: usize) -> Outcome {
    let mut checksum = Checksum::new();
    let mut log: Vec<String> = Vec::with_capacity(LOG_LINES);
    for bytes in raw.iter().cycle().take(count) {
        let request = parse(bytes);
        let response = answer(&request);
        log.push(log_line(&request, &response));
        checksum.add_bytes(&wire(&response));
        if log.len() == LOG_LINES {
            checksum.add_bytes(log.join("\n").as_bytes());
            log.clear();
        }
    }
    checksum.into()
}

fn parse(bytes: &[u8]) -> Request<Vec<u8>> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut parsed = httparse::Request::new(&mut headers);
    let head = parsed.parse(bytes).expect("the requests are well-formed").unwrap();
    let mut request =
        Request::builder().method(parsed.method.unwrap_or_default()).uri(parsed.path.unwrap_or("/"));
    for header in parsed.headers.iter() {
        request = request.header(header.name, header.value);
    }
    request.body(bytes[head..].to_vec()).expect("names and values were checked by the parser")
}

fn query(request: &Request<Vec<u8>>) -> Query {
    let pairs = request.uri().query().unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.to_uppercase())).collect()
}

fn answer(request: &Request<Vec<u8>>) -> Response<String> {
    let query = query(request);
    let mut names: Vec<&String> = query.keys().collect();
    names.sort_unstable();
    let mut page = String::from("<!doctype html><ul>");
    for name in names {
        let _infallible = write!(page, "<li>{name}: {}</li>", query[name]);
    }
    for segment in request.uri().path().split('/').map(str::to_owned) {
        let _infallible = write!(page, "<a href=\"/{segment}\">{segment}</a>");
    }
    page.push_str(&String::from_utf8_lossy(request.body()));
    let tag = format!("\"{:x}\"", page.len());
    Response::builder()
        .status(200)
        .header("etag", tag)
        .header("content-type", "text/html")
        .body(page)
        .expect("valid")
}

fn wire(response: &Response<String>) -> Vec<u8> {
    let mut bytes = format!("HTTP/1.1 {}\r\n", response.status()).into_bytes();
    for (name, value) in response.headers() {
        bytes.extend_from_slice(name.as_str().as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(response.body().as_bytes());
    bytes
}

fn log_line(request: &Request<Vec<u8>>, response: &Response<String>) -> String {
    format!("{} {} {} {}", request.method(), request.uri(), response.status().as_u16(), response.body().len())
}
