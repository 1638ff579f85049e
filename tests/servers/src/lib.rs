//! nginx, HAProxy, Squid and a server in Go, on loopback and without root, before the emulated service: what the table in `tests/table.rs` runs over.

pub mod certificates;
pub mod clients;

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use http::{HeaderValue, Request, Response};
use location_auth::Bytes;
use location_auth::emulator::{Access, Emulator};
use location_auth_conformance::servers::{Server, well_kept};
use tempfile::TempDir;

use certificates::Certificates;

/// Longer than one of nginx allows.
pub const API_KEY: &str = include_str!("api_key.txt");
pub const CLIENT_SECRET: &str = "S3CR3T-client-secret";
pub const PASSWORD: &str = "S3CR3T-password";
pub const EMAIL: &str = "owner@example.com";

/// All of them, until they are dropped.
pub struct Fronts {
    pub certificates: Certificates,
    pub service: Arc<Service>,
    /// Where the service itself listens.
    pub direct: Server,
    folder: TempDir,
    ports: Vec<(&'static str, u16)>,
    children: Vec<Child>,
}

/// The emulated service, and how many of its token requests came over a used connection.
#[derive(Default)]
pub struct Service {
    pub emulator: Mutex<Option<Emulator>>,
    pub on_used_connections: Mutex<usize>,
}

impl Service {
    pub fn start_again(&self) {
        let mut emulator = Emulator::new(API_KEY, "the-client-id", CLIENT_SECRET);
        emulator.owner(EMAIL, PASSWORD).location("loc-1", EMAIL);
        emulator.add_route("/locations/{location_id}/contacts", Access::Location);
        *self.emulator.lock().unwrap() = Some(emulator);
        *self.on_used_connections.lock().unwrap() = 0;
    }

    fn answer(&self, request: Request<Bytes>) -> Response<Vec<u8>> {
        // nginx says so: how many requests its client's connection has had.
        let used = request.headers().get("x-connection-requests").is_some_and(|number| number != "1");
        if used && request.uri().path().contains("token") {
            *self.on_used_connections.lock().unwrap() += 1;
        }
        let mut response = self.emulator.lock().unwrap().as_mut().expect("is started").handle(request);
        response.headers_mut().insert("content-type", HeaderValue::from_static("application/json"));
        response
    }
}

/// Squid asks it for each password.
const AUTHENTICATE: &str = "#!/bin/sh\nwhile read -r user password; do
    if [ \"$user $password\" = 'user S3CR3T-proxy' ]; then echo OK; else echo ERR; fi\ndone\n";

/// What listens where, by the names in the configurations.
const LISTENERS: &str = "\
nothing plain tls tls12 http2 expired elsewhere stranger authority mutual small basic guarded
closing down busy gzip moved long many large forbidden limited unavailable
h-plain h-tls h-mutual h-down h-deny h-closing h-tcp
s-open s-auth s-closed
g-plain g-tls g-mutual g-mutual12 g-idle g-hints g-banner g-silent";

impl Fronts {
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // Squid gives up root, where it has it.
        Command::new("chmod").arg("0777").arg(folder.path()).status().unwrap();
        let certificates = Certificates::write(folder.path());
        let service = Arc::<Service>::default();
        service.start_again();
        let answering = Arc::clone(&service);
        let direct = well_kept(move |request| answering.answer(request));
        // All at once, so that no port is given twice.
        let bind = |name| (name, TcpListener::bind("127.0.0.1:0").unwrap());
        let bound: Vec<_> = LISTENERS.split_whitespace().map(bind).collect();
        let ports = bound.iter().map(|(name, listener)| (*name, listener.local_addr().unwrap().port())).collect();
        drop(bound);
        let mut fronts = Self { certificates, service, direct, folder, ports, children: vec![] };
        fronts.run();
        fronts
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn port(&self, name: &str) -> u16 {
        self.ports.iter().find(|(known, _)| *known == name).unwrap_or_else(|| panic!("nothing is called {name}")).1
    }

    fn run(&mut self) {
        let folder = self.folder.path().to_path_buf();
        fs::write(folder.join("users"), "user:{PLAIN}nobody-knows\n").unwrap();
        let headers =
            |number, value: &str| (0..number).map(|n| format!("add_header x-{n} {value};\n")).collect::<String>();
        fs::write(folder.join("many.conf"), headers(120, "1")).unwrap();
        fs::write(folder.join("large.json"), format!("{{\"access_token\": \"{}\"}}", "x".repeat(70_000))).unwrap();
        fs::write(folder.join("long.conf"), headers(30, &"x".repeat(3000))).unwrap();
        for (name, text) in [
            ("nginx.conf", include_str!("nginx.conf")),
            ("haproxy.cfg", include_str!("haproxy.cfg")),
            ("squid.conf", include_str!("squid.conf")),
            ("front.go", include_str!("front.go")),
        ] {
            fs::write(folder.join(name), self.filled(text)).unwrap();
        }
        fs::write(folder.join("authenticate"), AUTHENTICATE).unwrap();
        Command::new("chmod").arg("0755").arg(folder.join("authenticate")).status().unwrap();
        let built =
            Command::new("go").args(["build", "-o", "front", "front.go"]).current_dir(&folder).status().unwrap();
        assert!(built.success(), "go does not build");
        let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
        for (program, arguments) in [
            ("nginx", vec!["-p", &path(""), "-c", &path("nginx.conf")]),
            ("haproxy", vec!["-db", "-f", &path("haproxy.cfg")]),
            ("squid", vec!["-N", "-n", "locationauth", "-f", &path("squid.conf")]),
            (&*path("front"), vec![]),
        ] {
            let log = fs::File::create(folder.join(format!("{}.out", program.rsplit('/').next().unwrap()))).unwrap();
            let mut command = Command::new(program);
            command.args(arguments).stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
            self.children.push(command.spawn().unwrap_or_else(|error| panic!("{program}: {error}")));
        }
        for (name, port) in &self.ports {
            let start = Instant::now();
            while *name != "nothing" && TcpStream::connect(("127.0.0.1", *port)).is_err() {
                assert!(start.elapsed() < Duration::from_secs(20), "nobody listens for {name}: {}", self.outputs());
                thread::sleep(Duration::from_millis(20));
            }
        }
    }

    /// What the programs have printed.
    fn outputs(&self) -> String {
        let outputs = ["nginx", "haproxy", "squid", "front"].map(|name| self.folder().join(format!("{name}.out")));
        outputs.map(|path| fs::read_to_string(path).unwrap_or_default()).concat()
    }

    /// A configuration with the ports and the folder for their names: `@plain@`, `@FOLDER@`, `@DIRECT@`.
    fn filled(&self, text: &str) -> String {
        let text = text.replace("@FOLDER@", self.folder().to_str().unwrap());
        let text = text.replace("@DIRECT@", &self.direct.address.to_string());
        self.ports.iter().fold(text, |text, (name, port)| text.replace(&format!("@{name}@"), &port.to_string()))
    }
}

impl Drop for Fronts {
    fn drop(&mut self) {
        for child in &mut self.children {
            // Not by force: Squid would leave its shared memory behind.
            Command::new("kill").arg(child.id().to_string()).status().ok();
            child.wait().ok();
        }
    }
}
