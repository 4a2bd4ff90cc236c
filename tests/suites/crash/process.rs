//! The process that is killed.

use std::fs::{File, OpenOptions};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tokio::time::sleep;

/// `stint-local` on a directory and ports of its own.
pub(crate) struct Process {
    directory: PathBuf,
    port: u16,
    aws_port: u16,
    child: Option<Child>,
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.child.is_some() {
            self.kill();
        }
    }
}

impl Process {
    /// Not started yet, on an empty directory.
    pub(crate) fn new(seed: &Value) -> Self {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("crash");
        let _ = std::fs::remove_dir_all(&directory);
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::write(directory.join("seed.json"), seed.to_string()).unwrap();
        // Both at once, so that they differ.
        let free = [(); 2].map(|()| TcpListener::bind(("127.0.0.1", 0)).unwrap());
        let [port, aws_port] = free.map(|listener| listener.local_addr().unwrap().port());
        Self { directory, port, aws_port, child: None }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Where it keeps everything.
    pub(crate) fn data(&self) -> PathBuf {
        self.directory.join("data")
    }

    /// Starts it and does not wait.
    pub(crate) fn start(&mut self) {
        assert!(self.child.is_none(), "one at a time");
        // Cargo puts a test into `deps`, beside which is what the tests are of.
        let program = std::env::current_exe().unwrap().with_file_name("").join("../stint-local");
        let log: File = OpenOptions::new().create(true).append(true).open(self.directory.join("log")).unwrap();
        let child = Command::new(program)
            .args(["--port", &self.port.to_string(), "--aws-port", &self.aws_port.to_string()])
            .arg("--data-dir")
            .arg(self.data())
            .arg("--seed")
            .arg(self.directory.join("seed.json"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        self.child = Some(child);
    }

    /// Starts it and waits until it serves a world that stands.
    pub(crate) async fn start_and_wait(&mut self) {
        self.start();
        for _ in 0..1_200 {
            let exited = self.child.as_mut().unwrap().try_wait().unwrap();
            assert!(exited.is_none(), "it ended at its start: {exited:?}, see {}", self.directory.display());
            let answer = reqwest::get(format!("{}/healthz", self.url())).await;
            if answer.is_ok_and(|answer| answer.status().is_success()) && self.data().join("dev.json").exists() {
                return;
            }
            sleep(Duration::from_millis(25)).await;
        }
        panic!("it does not start, see {}", self.directory.display());
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// What it told of itself.
    pub(crate) fn told(&self) -> Value {
        serde_json::from_str(&std::fs::read_to_string(self.data().join("dev.json")).unwrap()).unwrap()
    }
}
