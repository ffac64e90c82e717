//! `order_service`: an axum service takes a burst of orders, serves them, drops them all, and falls silent.
//!
//! The service of `crates/strata-example-orders` runs in this process; eight connections of threads that allocate next to nothing while
//! they work load it; what these take of the processors is not counted. What is resident is read in the middle of the load, after it, after the clear, and two seconds later.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use strata_example_orders::order::Order;
use strata_example_orders::serve;
use strata_example_orders::shop::Shop;
use tokio::sync::oneshot;

use crate::measure::{ProcessorTime, resident_bytes_quietly};
use crate::workloads::{Job, Kind, Outcome, Settings, Threads, Workload};
use strata_harness::sample::{Details, Moment, Story};

pub(super) const WORKLOAD: Workload = Workload {
    name: "order_service",
    stands_for: "a service on axum, tokio, serde_json, DashMap and moka: a burst of orders, all dropped, then silence",
    kind: Kind::Story,
    threads: Threads::Many,
    prepare,
};

const ORDERS: usize = 200_000;
const CONNECTIONS: u64 = 8;
/// Different orders; the same bytes are sent again under other numbers.
const BODIES: u64 = 512;
const SILENCE: Duration = Duration::from_secs(2);

fn prepare(settings: &Settings) -> Job {
    let orders = settings.count(ORDERS) as u64;
    let bodies =
        (0..BODIES).map(|number| serde_json::to_string(&Order::sample(number)).expect("an order is JSON"));
    let bodies: Arc<[String]> = bodies.collect();
    Box::new(move || work(&bodies, orders))
}

fn work(bodies: &Arc<[String]>, orders: u64) -> Outcome {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port of this machine");
    let address = listener.local_addr().expect("a port");
    let (end, ends) = oneshot::channel();
    let shop = Arc::new(Shop::default());
    let service = {
        let shop = Arc::clone(&shop);
        thread::spawn(move || serve(listener, shop, ends).expect("the service runs"))
    };
    let mut tale = Tale { start: Instant::now(), shop, moments: Vec::with_capacity(5) };
    let cents = AtomicU64::new(0);
    let mut load = Vec::with_capacity(2);
    // In two halves: between them is the middle of the load, with all connections and threads there.
    let mut customers: Vec<_> = (0..CONNECTIONS).map(|_| Customer::connect(address)).collect();
    for (half, phase) in ["half of the orders", "all orders"].into_iter().enumerate() {
        let (first, last) = (orders * half as u64 / 2, orders * (half as u64 + 1) / 2);
        load.push(thread::scope(|scope| {
            let cents = &cents;
            let orders = customers.iter_mut().enumerate().map(|(number, customer)| {
                scope.spawn(move || {
                    let mine = (first..last).filter(|id| id % CONNECTIONS == number as u64);
                    mine.for_each(|id| _ = cents.fetch_add(customer.order(id, bodies), Relaxed));
                    ProcessorTime::of_this_thread()
                })
            });
            // All of them first: they order at the same time.
            let threads: Vec<_> = orders.collect();
            threads.into_iter().map(|thread| thread.join().expect("orders")).sum()
        }));
        tale.tell(phase);
    }
    customers[0].post("/clear", "");
    tale.tell("cleared");
    thread::sleep(SILENCE);
    tale.tell("two seconds later");
    drop((customers, end));
    service.join().expect("the service ends");
    let story = Story { phases: tale.moments, resident: Vec::new() };
    let load = load.into_iter().sum();
    Outcome {
        load,
        details: Some(Details::Story(story)),
        ..Outcome::new(cents.into_inner(), 2 * orders as usize)
    }
}

/// What was resident when.
struct Tale {
    start: Instant,
    shop: Arc<Shop>,
    moments: Vec<Moment>,
}

impl Tale {
    fn tell(&mut self, phase: &str) {
        self.moments.push(Moment {
            phase: phase.to_owned(),
            end_ms: self.start.elapsed().as_millis() as u64,
            live_bytes: self.shop.text_bytes(),
            resident_bytes: resident_bytes_quietly(),
        });
    }
}

/// One connection.
struct Customer {
    stream: TcpStream,
    request: Vec<u8>,
    answer: Vec<u8>,
}

impl Customer {
    fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the service listens");
        stream.set_nodelay(true).expect("a socket");
        Self { stream, request: Vec::with_capacity(16 << 10), answer: vec![0; 64 << 10] }
    }

    /// Orders, and asks for the order; its total in cents.
    fn order(&mut self, id: u64, bodies: &[String]) -> u64 {
        let body = &bodies[(id % BODIES) as usize];
        let path = |request: &mut Vec<u8>, method: &str| {
            let _infallible = write!(request, "{method} /orders/{id} HTTP/1.1\r\nhost: shop\r\n");
        };
        path(&mut self.request, "POST");
        self.send(body);
        let cents = self.receive();
        let cents = std::str::from_utf8(cents).ok().and_then(|text| text.parse().ok()).expect("a total");
        path(&mut self.request, "GET");
        self.send("");
        assert_eq!(self.receive(), body.as_bytes(), "an order that came back as another");
        cents
    }

    fn post(&mut self, path: &str, body: &str) {
        let _infallible = write!(self.request, "POST {path} HTTP/1.1\r\nhost: shop\r\n");
        self.send(body);
        self.receive();
    }

    /// Completes the head in `request`, and sends it with a body.
    fn send(&mut self, body: &str) {
        let length = body.len();
        let _infallible =
            write!(self.request, "content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}");
        self.stream.write_all(&self.request).expect("the service listens");
        self.request.clear();
    }

    /// The body of an answer, which must be 200.
    fn receive(&mut self) -> &[u8] {
        self.try_receive().expect("the service answers")
    }

    fn try_receive(&mut self) -> io::Result<&[u8]> {
        let mut read = 0;
        loop {
            let more = self.stream.read(&mut self.answer[read..])?;
            read += more;
            let mut headers = [httparse::EMPTY_HEADER; 16];
            let mut head = httparse::Response::new(&mut headers);
            let parsed = head.parse(&self.answer[..read]).map_err(io::Error::other)?;
            let length =
                head.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
            let length =
                length.and_then(|header| std::str::from_utf8(header.value).ok()?.parse::<usize>().ok());
            let (status, length) = (head.code, length.unwrap_or(0));
            if let httparse::Status::Complete(start) = parsed
                && read >= start + length
            {
                return match status {
                    Some(200) => Ok(&self.answer[start..start + length]),
                    status => Err(io::Error::other(format!("status {status:?}"))),
                };
            }
            if more == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_come_back_as_they_were_and_are_all_gone_after_the_clear() {
        let outcome = prepare(&Settings { scale: 0.005, ..Settings::default() })();
        let Some(Details::Story(story)) = outcome.details else { panic!("no story") };
        let live: Vec<u64> = story.phases.iter().map(|moment| moment.live_bytes).collect();
        assert!(live.len() == 4 && live[0] > 0 && live[1] > live[0] && live[2..] == [0, 0], "{live:?}");
        assert_eq!(outcome.operations, 2000);
    }
}
