//! Time-outs that fit a stream: a peer that is slow is waited for, and a peer that is silent is not. Only the kind of an end is asserted.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread::{sleep, spawn};
use std::time::Duration;

use futures_util::stream;
use http::Request;
use location_auth::Bytes;
use location_auth::transports::{
    AsyncTransport, Delivery, SendError, SendErrorKind, Transport, reqwest::Reqwest, ureq::Ureq,
};
use ureq::SendBody;

/// Each time-out but those of a few rows, in which a byte moves in each `PAUSE`.
const SHORT: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(50);
/// More than the two kernels hold, and at `PIECE` for a pause longer than `SHORT`.
const LONG: usize = 40 * PIECE;
const PIECE: usize = 1 << 20;
const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 40\r\n\r\n";

/// What the peer does.
#[derive(Clone, Copy, Debug)]
enum Peer {
    SendsAByteEach(Duration),
    ReadsAPiecePerPause,
    SaysNothing,
    StopsInItsBody,
    ReadsNoUpload,
}

impl Peer {
    fn listen(self) -> String {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        spawn(move || {
            for mut stream in listener.incoming().flatten() {
                spawn(move || self.converse(&mut stream).ok());
            }
        });
        url
    }

    fn converse(self, stream: &mut TcpStream) -> io::Result<()> {
        let (mut head, mut byte) = (vec![], [0]);
        while !head.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut byte)?;
            head.push(byte[0]);
        }
        match self {
            Self::SendsAByteEach(pause) => {
                stream.write_all(HEAD)?;
                for _ in 0..40 {
                    sleep(pause);
                    stream.write_all(b"x")?;
                }
            }
            Self::ReadsAPiecePerPause => {
                let mut piece = vec![0; PIECE];
                for _ in 0..LONG / PIECE {
                    sleep(PAUSE);
                    stream.read_exact(&mut piece)?;
                }
                stream.write_all(HEAD)?;
                stream.write_all(&[b'x'; 40])?;
            }
            Self::StopsInItsBody => stream.write_all(&[HEAD, b"only 6"].concat())?,
            Self::SaysNothing | Self::ReadsNoUpload => {}
        }
        // Until the client has gone, or the test.
        sleep(Duration::from_secs(600));
        Ok(())
    }

    fn takes_an_upload(self) -> bool {
        matches!(self, Self::ReadsAPiecePerPause | Self::ReadsNoUpload)
    }
}

/// What a call comes to: its body's length, or the kind of its error.
type End = Result<usize, (SendErrorKind, Delivery, Option<u16>)>;

fn end(error: &SendError) -> (SendErrorKind, Delivery, Option<u16>) {
    (error.kind(), error.delivery(), error.status().map(|status| status.as_u16()))
}

const TIMED_OUT: End = Err((SendErrorKind::TimedOut, Delivery::Unknown, None));
const TIMED_OUT_IN_BODY: End = Err((SendErrorKind::TimedOut, Delivery::Unknown, Some(200)));

/// Under time-outs that are all `SHORT`.
const ROWS: [(Peer, End); 5] = [
    (Peer::SendsAByteEach(PAUSE), Ok(40)),
    (Peer::ReadsAPiecePerPause, Ok(40)),
    (Peer::SaysNothing, TIMED_OUT),
    (Peer::StopsInItsBody, TIMED_OUT_IN_BODY),
    (Peer::ReadsNoUpload, TIMED_OUT),
];

fn each_row(call: impl Fn(Peer, &str) -> End + Send + Copy + 'static) {
    let rows = ROWS.map(|(peer, expected)| (peer, expected, spawn(move || call(peer, &peer.listen()))));
    for (peer, expected, end) in rows {
        assert_eq!(end.join().unwrap(), expected, "{peer:?}");
    }
}

/// In memory, as a client's `call` sends it.
fn whole(peer: Peer, url: &str) -> Request<Bytes> {
    if peer.takes_an_upload() {
        Request::put(url).body(vec![b'u'; LONG].into()).unwrap()
    } else {
        Request::get(url).body(Bytes::new()).unwrap()
    }
}

fn ureq() -> Ureq {
    let short = Some(SHORT);
    let transport = Ureq::with_config(|config| {
        let config = config.timeout_connect(short).timeout_resolve(short).timeout_recv_response(short);
        config.timeout_per_read(short).timeout_per_write(short)
    });
    transport.unwrap()
}

#[test]
fn ureq_waits_for_a_slow_peer_and_not_for_a_silent_one() {
    each_row(|peer, url| match ureq().send(whole(peer, url), 100) {
        Ok(response) => Ok(response.body().len()),
        Err(error) => Err(end(&error)),
    });
}

#[test]
fn ureq_waits_for_a_slow_peer_of_a_stream_and_not_for_a_silent_one() {
    each_row(|peer, url| {
        let length = if peer.takes_an_upload() { LONG as u64 } else { 0 };
        let body = SendBody::from_owned_reader(io::repeat(b'u').take(length));
        let upload = Request::put(url).header("content-length", length).body(body).unwrap();
        let mut response = ureq().run(upload).map_err(|error| end(&error))?;
        match response.body_mut().read_to_vec() {
            Ok(body) => Ok(body.len()),
            Err(ureq::Error::Timeout(_)) => TIMED_OUT_IN_BODY,
            Err(error) => panic!("{error}"),
        }
    });
}

fn on_tokio<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn reqwest() -> Reqwest {
    Reqwest::with_config(|builder| builder.connect_timeout(SHORT)).unwrap().with_silence(SHORT)
}

#[test]
fn reqwest_waits_for_a_slow_peer_and_not_for_a_silent_one() {
    each_row(|peer, url| match on_tokio(reqwest().send(whole(peer, url), 100)) {
        Ok(response) => Ok(response.body().len()),
        Err(error) => Err(end(&error)),
    });
}

#[test]
fn reqwest_waits_for_a_slow_peer_of_a_stream_and_not_for_a_silent_one() {
    each_row(|peer, url| {
        let pieces = if peer.takes_an_upload() { LONG / PIECE } else { 0 };
        let pieces = stream::iter((0..pieces).map(|_| Ok::<_, io::Error>(Bytes::from_static(&[b'u'; PIECE]))));
        let upload = Request::put(url).header("content-length", if peer.takes_an_upload() { LONG } else { 0 });
        let upload = upload.body(reqwest::Body::wrap_stream(pieces)).unwrap();
        on_tokio(async {
            let response = reqwest().execute(upload).await.map_err(|error| end(&error))?;
            match reqwest::Response::from(response).bytes().await {
                Ok(body) => Ok(body.len()),
                Err(error) if error.is_timeout() => TIMED_OUT_IN_BODY,
                Err(error) => panic!("{error}"),
            }
        })
    });
}

/// Without a setting: 40 seconds are more than each default.
#[test]
#[ignore = "takes two minutes"]
fn the_time_outs_that_nobody_set_wait_for_a_slow_peer_and_not_for_a_silent_one() {
    let slow = Peer::SendsAByteEach(Duration::from_secs(1));
    for (peer, expected) in [(slow, Ok(40)), (Peer::SaysNothing, TIMED_OUT), (Peer::ReadsNoUpload, TIMED_OUT)] {
        let url = peer.listen();
        let call = whole(peer, &url);
        let by_ureq = spawn(move || Ureq::new().send(call, 100).map(|r| r.body().len()).map_err(|error| end(&error)));
        let by_reqwest = on_tokio(Reqwest::new().unwrap().send(whole(peer, &url), 100));
        assert_eq!(by_reqwest.map(|response| response.body().len()).map_err(|error| end(&error)), expected, "{peer:?}");
        assert_eq!(by_ureq.join().unwrap(), expected, "{peer:?}");
    }
}

/// The program's own stream may take its time: that is not the peer's silence.
#[test]
fn reqwest_waits_for_the_programs_own_stream() {
    let url = Peer::ReadsAPiecePerPause.listen();
    let pieces = stream::unfold(0, |sent| async move {
        if sent == 20 {
            tokio::time::sleep(SHORT * 2).await;
        }
        (sent < LONG / PIECE).then(|| (Ok::<_, io::Error>(Bytes::from_static(&[b'u'; PIECE])), sent + 1))
    });
    let upload = Request::put(url).header("content-length", LONG).body(reqwest::Body::wrap_stream(pieces)).unwrap();
    assert_eq!(on_tokio(reqwest().execute(upload)).unwrap().status(), 200);
}
