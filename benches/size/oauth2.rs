//! One login. See `.ci/cost`.

use std::io::Read;

use oauth2::basic::BasicClient;
use oauth2::{AuthType, ClientId, ClientSecret, ResourceOwnerPassword, ResourceOwnerUsername, TokenResponse, TokenUrl};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().expect("email, password, client id, client secret");
    let (email, password) = (ResourceOwnerUsername::new(next()), ResourceOwnerPassword::new(next()));
    let client = BasicClient::new(ClientId::new(next()))
        .set_client_secret(ClientSecret::new(next()))
        .set_auth_type(AuthType::RequestBody)
        .set_token_uri(TokenUrl::new("https://api.example.com/user_token".into()).expect("a good URL"));
    let send = |request: http::Request<Vec<u8>>| -> Result<http::Response<Vec<u8>>, std::io::Error> {
        println!("{} {}\n{}", request.method(), request.uri(), String::from_utf8_lossy(request.body()));
        let mut body = Vec::new();
        std::io::stdin().read_to_end(&mut body)?;
        Ok(http::Response::new(body))
    };
    match client.exchange_password(&email, &password).request(&send) {
        Ok(token) => println!("{}", token.access_token().secret()),
        Err(error) => println!("{error}"),
    }
}
