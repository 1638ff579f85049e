//! Over a Unix socket: a closure opens it, and the hyper adapter speaks HTTP over what it opens.

#[cfg(unix)]
mod support;

#[cfg(unix)]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::temp_dir().join(format!("location-auth-{}", std::process::id()));
    std::fs::create_dir(&folder)?;
    let outcome = log_in(&folder.join("service"));
    std::fs::remove_dir_all(&folder)?;
    outcome
}

#[cfg(unix)]
fn log_in(path: &std::path::Path) -> Result<(), Box<dyn std::error::Error>> {
    use std::sync::{Arc, Mutex};

    use hyper_util::rt::TokioIo;
    use location_auth::transports::{hyper::Hyper, run_async};
    use tokio::net::{UnixListener, UnixStream};

    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(async {
        let listener = UnixListener::bind(path)?;
        tokio::spawn(async move {
            let emulator = Arc::new(Mutex::new(support::demo()));
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(support::converse(stream, Arc::clone(&emulator)));
            }
        });

        // Whatever the origin: every request of this transport goes through the one socket. No TLS, so the URL is a loopback one.
        let transport = Hyper::new(|_| async { Ok(TokioIo::new(UnixStream::connect(path).await?)) });
        let token = run_async(support::login("http://localhost")?, &transport).await?;
        println!("Logged in over a Unix socket: a token of {}", token.location());
        Ok(())
    })
}

#[cfg(not(unix))]
fn main() {
    println!("There are no Unix sockets here.");
}
