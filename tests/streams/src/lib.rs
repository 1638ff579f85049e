//! A service whose uploads and downloads are as long as you like, and a session whose token it has revoked.

#[path = "../../support/settings.rs"]
mod settings;

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use http::{Method, Request};
use location_auth::emulator::{Access, Emulator};
use location_auth::transports::{run, ureq::Ureq};
use location_auth::{App, Environment, LocationAccessToken, Owner, Session};
use settings::{API_KEY, CLIENT_ID, CLIENT_SECRET, EMAIL, PASSWORD, settings_at};

/// Each request to `/locations/loc-1/files`, in order, and what arrived of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Seen {
    pub status: u16,
    /// The bytes of the body that arrived.
    pub length: u64,
}

/// The service. A GET of a number's path answers with so many bytes; everything else answers how many came.
pub struct Service {
    pub address: SocketAddr,
    emulator: Mutex<Emulator>,
    seen: Mutex<Vec<Seen>>,
    /// Closes the connection after so many bytes of the next upload's body.
    cut_after: Mutex<Option<u64>>,
    /// Answers a 401 before it reads the body, and then closes the connection.
    pub refuses_unread: AtomicBool,
}

struct Head {
    request: Request<()>,
    length: Option<u64>,
    expects_continue: bool,
}

impl Service {
    pub fn start() -> Arc<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("has ports left");
        let mut emulator = Emulator::new(API_KEY, CLIENT_ID, CLIENT_SECRET);
        emulator.owner(EMAIL, PASSWORD).location("loc-1", EMAIL);
        emulator.add_route("/locations/{location_id}/files", Access::Location);
        let service = Arc::new(Self {
            address: listener.local_addr().expect("is bound"),
            emulator: Mutex::new(emulator),
            seen: Mutex::default(),
            cut_after: Mutex::default(),
            refuses_unread: AtomicBool::default(),
        });
        let served = Arc::clone(&service);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let service = Arc::clone(&served);
                // A client that goes away ends its own connection alone.
                thread::spawn(move || service.converse(stream).ok());
            }
        });
        service
    }

    pub fn url(&self, query: &str) -> String {
        format!("http://{}/locations/loc-1/files{query}", self.address)
    }

    /// A session whose token has just been revoked, and its owner, who has a user token.
    pub fn revoked(&self) -> (Session, Owner) {
        let base = format!("http://{}", self.address);
        let app = App::new(settings_at(Environment::Staging, &base)).expect("good settings");
        let user = run(app.user_login(EMAIL, PASSWORD).expect("good credentials"), &Ureq::new()).expect("logs in");
        let exchange = app.location("loc-1").and_then(|location| location.exchange(&user)).expect("one environment");
        let token: LocationAccessToken = run(exchange, &Ureq::new()).expect("exchanges");
        assert!(self.emulator.lock().unwrap().revoke(token.expose_secret()));
        let mut owner = Owner::new(&app);
        owner.set_user_token(user).expect("one environment");
        (Session::for_location(&app, token).expect("one environment"), owner)
    }

    /// How many Location Access Tokens were issued.
    pub fn tokens(&self) -> u64 {
        self.emulator.lock().unwrap().counts().location_tokens
    }

    pub fn cut_after(&self, bytes: u64) {
        *self.cut_after.lock().unwrap() = Some(bytes);
    }

    pub fn seen(&self) -> Vec<Seen> {
        std::mem::take(&mut self.seen.lock().unwrap())
    }

    fn converse(&self, stream: TcpStream) -> io::Result<()> {
        let (mut reader, mut writer) = (BufReader::new(stream.try_clone()?), stream);
        while let Some(head) = head(&mut reader)? {
            if head.request.uri().path().ends_with("/files") {
                self.files(&head, &mut reader, &mut writer)?;
            } else {
                let mut body = vec![0; head.length.unwrap_or(0) as usize];
                reader.read_exact(&mut body)?;
                let response = self.emulator.lock().unwrap().handle(head.request.map(|()| body));
                answer(&mut writer, response.status().as_u16(), response.body())?;
            }
        }
        Ok(())
    }

    fn files(&self, head: &Head, reader: &mut impl BufRead, writer: &mut impl Write) -> io::Result<()> {
        let status = self.emulator.lock().unwrap().handle(head.request.clone().map(|()| "")).status().as_u16();
        let mut seen = Seen { status, length: 0 };
        let refused_early = status == 401 && (head.expects_continue || self.refuses_unread.load(Ordering::SeqCst));
        if head.expects_continue && !refused_early {
            writer.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        if !refused_early {
            let cut = self.cut_after.lock().unwrap().take();
            let whole = read_body(head.length, cut, reader, &mut seen)?;
            if !whole {
                self.seen.lock().unwrap().push(seen);
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
        }
        self.seen.lock().unwrap().push(seen);
        if refused_early {
            answer(writer, status, b"")?;
            // As servers do that have not read what is still to come.
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        let size = head.request.uri().query().and_then(|query| query.parse().ok());
        match size {
            Some(size) if status == 200 && head.request.method() == Method::GET => stream_down(writer, size),
            _ => answer(writer, status, format!("{} bytes", seen.length).as_bytes()),
        }
    }
}

fn head(reader: &mut impl BufRead) -> io::Result<Option<Head>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace();
    let (method, target) = (words.next().unwrap_or_default().to_owned(), words.next().unwrap_or_default().to_owned());
    let (mut request, mut length, mut expects_continue) =
        (Request::builder().method(&*method).uri(target), None, false);
    let mut is_chunked = false;
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().ok(),
            "transfer-encoding" => is_chunked = true,
            "expect" => expects_continue = true,
            _ => {}
        }
        request = request.header(name, value);
    }
    let length = if is_chunked { None } else { Some(length.unwrap_or(0)) };
    let request = request.body(()).map_err(io::Error::other)?;
    Ok(Some(Head { request, length, expects_continue }))
}

/// Reads a body of a length, or a chunked one, and says whether it came whole.
fn read_body(length: Option<u64>, cut: Option<u64>, reader: &mut impl BufRead, seen: &mut Seen) -> io::Result<bool> {
    let Some(length) = length else {
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(false);
            }
            let size = u64::from_str_radix(line.trim(), 16).map_err(io::Error::other)?;
            if !read_piece(size, cut, reader, seen)? {
                return Ok(false);
            }
            reader.read_line(&mut line)?;
            if size == 0 {
                return Ok(true);
            }
        }
    };
    read_piece(length, cut, reader, seen)
}

fn read_piece(size: u64, cut: Option<u64>, reader: &mut impl BufRead, seen: &mut Seen) -> io::Result<bool> {
    let mut left = size;
    while left > 0 {
        let buffer = reader.fill_buf()?;
        let read = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        if read == 0 {
            return Ok(false);
        }
        reader.consume(read);
        seen.length += read as u64;
        left -= read as u64;
        if cut.is_some_and(|cut| seen.length >= cut) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn answer(writer: &mut impl Write, status: u16, body: &[u8]) -> io::Result<()> {
    write!(writer, "HTTP/1.1 {status} \r\ncontent-length: {}\r\n\r\n", body.len())?;
    writer.write_all(body)
}

fn stream_down(writer: &mut impl Write, size: u64) -> io::Result<()> {
    write!(writer, "HTTP/1.1 200 OK\r\ncontent-length: {size}\r\n\r\n")?;
    io::copy(&mut io::repeat(b'x').take(size), writer).map(drop)
}
