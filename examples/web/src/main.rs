//! A small web service on drystone. It is a crate of its own, so that the library does not need
//! axum.
//!
//!     cargo run -p drystone-web-example -- cities.dry 127.0.0.1:3000
//!     cargo test -p drystone-web-example
//!
//! ```sh
//! curl localhost:3000/cities -H 'content-type: application/json' \
//!     -d '{"id": 2950159, "people": 3426354, "name": "Berlin"}'
//! curl localhost:3000/cities/2950159
//! curl -X POST localhost:3000/cities/2950159/visits
//! curl localhost:3000/cities -G --data-urlencode "where=people > 1000000"
//! curl -X POST localhost:3000/backup
//! ```

mod errors;
mod service;
#[cfg(test)]
mod tests;

use std::error::Error;
use std::path::Path;

use drystone::Database;

use service::{Service, router};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().unwrap_or_else(|| "cities.dry".to_owned());
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:3000".to_owned());

    let service = Service::new(open(Path::new(&path))?)?;
    let listener = tokio::net::TcpListener::bind(&address).await?;
    println!("{path} is served at http://{}; Ctrl-C ends it", listener.local_addr()?);
    axum::serve(listener, router(service.clone()))
        .with_graceful_shutdown(async {
            // Without the signal there is no graceful end; serving goes on.
            if tokio::signal::ctrl_c().await.is_err() {
                std::future::pending::<()>().await;
            }
        })
        .await?;
    // All requests are answered, and this is the last handle.
    tokio::task::spawn_blocking(|| service.close()).await??;
    Ok(())
}

#[expect(unsafe_code, reason = "opening a mapped file is unsafe; this is the only place that does it")]
fn open(path: &Path) -> drystone::Result<Database> {
    // SAFETY: this program writes the file through drystone only. That no other program writes or
    // cuts it meanwhile is what the user grants by giving its name.
    unsafe { Database::open(path) }
}
