//! PostgreSQL in a folder of its own, on a socket in it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

use tempfile::TempDir;
use tokio_postgres::{Client, Config, NoTls};

/// It runs until it is dropped.
pub struct Server {
    folder: TempDir,
    programs: PathBuf,
}

impl Server {
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = Self { folder, programs: programs() };
        if is_root() {
            run(Command::new("chown").args(["postgres", path(server.folder.path())]));
        }
        run(server.program("initdb").args(["--auth=trust", "--username=tester", "--encoding=UTF8"]));
        server.control("start");
        server
    }

    pub fn config(folder: &str) -> Config {
        let mut config = Config::new();
        config.host(folder).user("tester").dbname("postgres");
        config
    }

    pub fn folder(&self) -> &str {
        path(self.folder.path())
    }

    pub async fn client(&self) -> Option<Client> {
        let (client, connection) = Self::config(self.folder()).application_name("reader").connect(NoTls).await.ok()?;
        tokio::spawn(connection);
        Some(client)
    }

    /// `start`, or `stop`, which cuts all connections.
    pub fn control(&self, act: &str) {
        let options = format!("-c listen_addresses='' -c unix_socket_directories='{}'", self.folder());
        let log = self.folder.path().join("log");
        run(self.program("pg_ctl").args(["--wait", "-o", &options, "--log", path(&log), act]));
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// It refuses to run as root: Debian's package has a user for it.
    fn program(&self, name: &str) -> Command {
        let program = self.programs.join(name);
        let mut command = Command::new(if is_root() { "setpriv".into() } else { program.clone() });
        if is_root() {
            command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(program);
        }
        command.current_dir(self.folder.path()).env("PGDATA", self.folder.path().join("data"));
        command
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.control("stop");
    }
}

/// Debian keeps them out of the path.
fn programs() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let folders = versions.map(|entry| entry.unwrap().path().join("bin"));
    let in_path = env::split_paths(&env::var_os("PATH").unwrap_or_default()).collect::<Vec<_>>();
    let found = folders.chain(in_path).find(|folder| folder.join("initdb").exists());
    found.expect("PostgreSQL's server is not installed")
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().unwrap().stdout == b"0\n"
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

pub fn run(command: &mut Command) {
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).status().unwrap();
    assert!(status.success(), "{command:?}");
}
