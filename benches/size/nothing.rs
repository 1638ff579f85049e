//! The program that a login is added to: prints a request, reads a response, prints what it came to. See `.ci/cost`.

use std::io::Read;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().expect("email, password, client id, client secret");
    let request = http::Request::post("https://api.example.com/user_token").body(next()).expect("a good request");
    println!("{} {}\n{}", request.method(), request.uri(), request.body());
    let mut body = Vec::new();
    std::io::stdin().read_to_end(&mut body).expect("a response");
    let response = http::Response::new(body);
    println!("{} {}", response.status(), String::from_utf8_lossy(response.body()));
}
