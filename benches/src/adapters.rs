//! A whole login over loopback through each adapter, against the same client library by hand: same settings, a connection for each
//! token request, same bounded read.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use http::Request;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use location_auth::transports::{RESPONSE_LIMIT, hyper::Hyper, reqwest::Reqwest, run, run_async, ureq::Ureq};
use location_auth::{Location, LocationAccessToken};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;

use crate::contenders::by_hand;
use crate::inputs::{EMAIL, LOCATION_TOKEN, PASSWORD, USER_TOKEN, app_at, token_json};
use crate::measure::{Contender, Cost, compare};

/// The service, as fast as it can be: each request is read whole and answered by its path.
pub struct Server {
    user_url: String,
    location_url: String,
    location: Location,
    address: SocketAddr,
}

impl Server {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        listener.set_nonblocking(true).expect("a socket");
        // One thread for all connections: where the scheduler puts it is then the same luck for every contender.
        std::thread::spawn(move || {
            runtime().block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
                while let Ok((connection, _)) = listener.accept().await {
                    tokio::spawn(serve(connection));
                }
            });
        });
        let user_url = format!("http://{address}/user_token");
        let location = app_at(&user_url, &format!("http://{address}/locations/{{location_id}}/token"));
        let location = location.location("loc-1").expect("a good id");
        Self { user_url, location_url: format!("http://{address}/locations/loc-1/token"), location, address }
    }
}

async fn serve(mut connection: TcpStream) -> std::io::Result<()> {
    connection.set_nodelay(true)?;
    let answer = |token| {
        let body = token_json(token);
        let length = body.len();
        format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}")
    };
    let (user, location) = (answer(USER_TOKEN), answer(LOCATION_TOKEN));
    let (requests, mut answers) = connection.split();
    let mut requests = BufReader::new(requests);
    let (mut line, mut body) = (String::new(), Vec::new());
    loop {
        line.clear();
        if requests.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let answer = if line.starts_with("POST /user_token ") { &user } else { &location };
        let mut length = 0;
        while line != "\r\n" {
            line.clear();
            requests.read_line(&mut line).await?;
            if let Some((name, value)) = line.split_once(':') {
                if name.eq_ignore_ascii_case("content-length") {
                    length = value.trim().parse().expect("a length");
                }
            }
        }
        body.resize(length, 0);
        requests.read_exact(&mut body).await?;
        answers.write_all(answer.as_bytes()).await?;
    }
}

fn ours(token: &LocationAccessToken) -> String {
    token.expose_secret().into()
}

pub fn ureq(server: &Server, rounds: usize) -> Vec<Cost> {
    let transport = Ureq::new();
    let config = ::ureq::config::Config::builder()
        .timeout_connect(Some(Duration::from_secs(10)))
        .timeout_global(Some(Duration::from_secs(30)))
        .proxy(None)
        .user_agent(::ureq::config::AutoHeaderValue::None)
        .accept(::ureq::config::AutoHeaderValue::None)
        .accept_encoding(::ureq::config::AutoHeaderValue::None)
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .max_idle_connections(0)
        .max_idle_connections_per_host(0);
    let agent = config.build().new_agent();
    let send = |request: Request<Vec<u8>>| {
        let (parts, mut body) = agent.run(request).expect("a response").into_parts();
        let body = body.with_config().limit(RESPONSE_LIMIT as u64).read_to_vec().expect("a body");
        by_hand::token(&parts.headers, parts.status.is_success(), &body)
    };
    let contenders = vec![
        Contender::new(
            "ours",
            || server.location.clone(),
            |location| run(location.login(EMAIL, PASSWORD).expect("good credentials"), &transport).expect("a token"),
            ours,
        ),
        Contender::new(
            "by-hand",
            || {},
            |()| {
                let user = send(by_hand::user_request(&server.user_url));
                send(by_hand::location_request(&server.location_url, &user))
            },
            String::clone,
        ),
    ];
    compare(None, contenders, LOCATION_TOKEN, rounds, LOGINS)
}

/// Logins that follow one another in a contender's turn.
const LOGINS: usize = 4;

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

pub fn reqwest(server: &Server, rounds: usize) -> Vec<Cost> {
    let runtime = runtime();
    let transport = Reqwest::new().expect("a client");
    let client = ::reqwest::Client::builder()
        .connect_timeout(Duration::from_secs(10))
        .timeout(Duration::from_secs(30))
        .no_proxy()
        .no_gzip()
        .no_brotli()
        .no_zstd()
        .no_deflate()
        .redirect(::reqwest::redirect::Policy::none())
        .retry(::reqwest::retry::never())
        .referer(false)
        .pool_max_idle_per_host(0)
        .build()
        .expect("a client");
    let send = async |request: Request<Vec<u8>>| {
        let request = ::reqwest::Request::try_from(request).expect("a good request");
        let mut response = client.execute(request).await.expect("a response");
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.expect("a body") {
            assert!(body.len() + chunk.len() <= RESPONSE_LIMIT);
            body.extend_from_slice(&chunk);
        }
        by_hand::token(response.headers(), response.status().is_success(), &body)
    };
    let contenders = vec![
        Contender::new(
            "ours",
            || server.location.clone(),
            |location| {
                let login = location.login(EMAIL, PASSWORD).expect("good credentials");
                runtime.block_on(run_async(login, &transport)).expect("a token")
            },
            ours,
        ),
        Contender::new(
            "by-hand",
            || {},
            |()| {
                runtime.block_on(async {
                    let user = send(by_hand::user_request(&server.user_url)).await;
                    send(by_hand::location_request(&server.location_url, &user)).await
                })
            },
            String::clone,
        ),
    ];
    compare(None, contenders, LOCATION_TOKEN, rounds, LOGINS)
}

async fn connect(address: SocketAddr) -> std::io::Result<TokioIo<TcpStream>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(TokioIo::new(stream))
}

pub fn hyper(server: &Server, rounds: usize) -> Vec<Cost> {
    let runtime = runtime();
    let address = server.address;
    let transport = Hyper::new(move |_: http::Uri| connect(address));
    // By hand the connection is a task beside, as hyper's own guide has it.
    let send = async |request: Request<Vec<u8>>| {
        let (mut requests, connection): (SendRequest<Full<Bytes>>, _) =
            handshake(connect(address).await.expect("a server")).await.expect("a connection");
        tokio::spawn(connection);
        let response = requests.send_request(addressed(request, address)).await.expect("a response");
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, RESPONSE_LIMIT).collect().await.expect("a body").to_bytes();
        by_hand::token(&parts.headers, parts.status.is_success(), &body)
    };
    let contenders = vec![
        Contender::new(
            "ours",
            || server.location.clone(),
            |location| {
                let login = location.login(EMAIL, PASSWORD).expect("good credentials");
                runtime.block_on(run_async(login, &transport)).expect("a token")
            },
            ours,
        ),
        Contender::new(
            "by-hand",
            || {},
            |()| {
                runtime.block_on(async {
                    let user = send(by_hand::user_request("/user_token")).await;
                    send(by_hand::location_request("/locations/loc-1/token", &user)).await
                })
            },
            String::clone,
        ),
    ];
    compare(None, contenders, LOCATION_TOKEN, rounds, LOGINS)
}

/// hyper adds no `Host`.
fn addressed(mut request: Request<Vec<u8>>, address: SocketAddr) -> Request<Full<Bytes>> {
    let host = address.to_string().try_into().expect("a good name");
    request.headers_mut().insert("host", host);
    request.map(|body| Full::new(Bytes::from(body)))
}
