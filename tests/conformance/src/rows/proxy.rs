//! Rows on the environment, which is the whole process's: each runs in a process of its own.

use std::env;
use std::io::Write;
use std::process::{Command, ExitCode, Stdio};

use super::get;
use crate::servers::{Server, answering, read_request, scripted};
use crate::{Subject, Wishes};

/// `subject`, `url` and whether the proxy is asked for, for the process of its own.
const CHILD: &str = "CONFORMANCE_CHILD";

pub fn not_used(subject: &Subject) {
    let (server, proxy) = (answering(RESPONSE), proxy());
    assert_eq!(send_in_a_child(subject, &server.url("/"), &proxy, false), "from the server");
    assert_eq!(proxy.connections(), 0);
}

pub fn used(subject: &Subject) {
    let (server, proxy) = (answering(RESPONSE), proxy());
    assert_eq!(send_in_a_child(subject, &server.url("/"), &proxy, true), "from the proxy");
    assert_eq!(server.connections(), 0);
}

/// As a proxy does while the service restarts.
pub fn refuses(subject: &Subject) {
    let proxy = answering("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    assert_eq!(send_in_a_child(subject, "https://api.example.com/", &proxy, true), "NotSent");
    assert_eq!(proxy.connections(), 1);
}

const RESPONSE: &str = "HTTP/1.1 200 OK\r\ncontent-length: 15\r\n\r\nfrom the server";

/// Answers in the server's place, whether it is asked for a tunnel first or not.
fn proxy() -> Server {
    scripted(|stream| {
        if read_request(stream).starts_with(b"CONNECT ") {
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").ok();
            read_request(stream);
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 14\r\n\r\nfrom the proxy").ok();
    })
}

/// The response's body, or the delivery of a failure.
fn send_in_a_child(subject: &Subject, url: &str, proxy: &Server, asked: bool) -> String {
    let mut child = Command::new(env::current_exe().expect("the program has a path"));
    for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        child.env(name, proxy.url("/"));
    }
    child.env_remove("NO_PROXY").env_remove("no_proxy");
    // A server under CGI would take `HTTP_PROXY` from a request's header, and client libraries look for that.
    child.env_remove("REQUEST_METHOD");
    child.env(CHILD, format!("{}\n{url}\n{asked}", subject.name));
    let output = child.stderr(Stdio::inherit()).output().expect("the program starts");
    assert!(output.status.success(), "the process of its own failed");
    String::from_utf8(output.stdout).expect("is text")
}

/// In the process of its own: sends, and prints the body or the delivery. Elsewhere: nothing.
pub fn as_child(subjects: &[Subject]) -> Option<ExitCode> {
    let task = env::var(CHILD).ok()?;
    let mut lines = task.lines();
    let (name, url) = (lines.next()?, lines.next()?);
    let wishes = Wishes { proxy_of_environment: lines.next() == Some("true"), ..Wishes::default() };
    let subject = subjects.iter().find(|subject| subject.name == name)?;
    match (subject.client)(&wishes)(get(url), 100) {
        Ok(response) => print!("{}", String::from_utf8_lossy(response.body())),
        Err(failure) => print!("{:?}", failure.delivery),
    }
    Some(ExitCode::SUCCESS)
}
