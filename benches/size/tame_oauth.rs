//! One login. See `.ci/cost`.

use std::io::Read;

use tame_oauth::gcp::end_user::{EndUserCredentials, EndUserCredentialsInfo};
use tame_oauth::gcp::{TokenOrRequest, TokenProvider};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().expect("email, password, client id, client secret");
    let (_email, refresh_token, client_id, client_secret) = (next(), next(), next(), next());
    let provider = EndUserCredentials::new(EndUserCredentialsInfo {
        client_id,
        client_secret,
        refresh_token,
        client_type: "authorized_user".into(),
    });
    let request = provider.get_token(&["scope"]).expect("a request");
    let TokenOrRequest::Request { request, scope_hash, .. } = request else { unreachable!("an empty cache") };
    println!("{} {}\n{}", request.method(), request.uri(), String::from_utf8_lossy(request.body()));
    let mut body = Vec::new();
    std::io::stdin().read_to_end(&mut body).expect("a response");
    match provider.parse_token_response(scope_hash, http::Response::new(body)) {
        Ok(token) => println!("{}", token.access_token),
        Err(error) => println!("{error}"),
    }
}
