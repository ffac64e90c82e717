//! The service alone, on Strata: `cargo run --release -p strata-example-orders -- [ADDRESS]`.

use std::sync::Arc;

use strata_example_orders::serve;
use strata_example_orders::shop::Shop;
use stratalloc::Strata;

#[global_allocator]
static GLOBAL: Strata = Strata;

fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let listener = std::net::TcpListener::bind(&address)?;
    println!("listening on {}", listener.local_addr()?);
    // Never sent: it serves until it is killed.
    let (_end, ends) = tokio::sync::oneshot::channel();
    serve(listener, Arc::new(Shop::default()), ends)
}
