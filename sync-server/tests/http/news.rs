//! News: who is told, who is not, and how it ends.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::phone::{Phone, town};
use crate::server::{PATIENCE, TestServer};

/// An open answer.
pub struct Ear {
    stream: TcpStream,
    heard: String,
}

impl Ear {
    pub async fn open(server: &TestServer, phone: &Phone) -> Self {
        let mut stream = TcpStream::connect(server.address).await.expect("connects");
        let head = "POST /api/v1/news HTTP/1.1\r\nhost: test\r\n\
                    content-type: application/octet-stream\r\ncontent-length: 32\r\n\r\n";
        let mut request = head.as_bytes().to_vec();
        request.extend_from_slice(&phone.device.0);
        request.extend_from_slice(&phone.secret.0);
        stream.write_all(&request).await.expect("writes");
        let mut ear = Self {
            stream,
            heard: String::new(),
        };
        ear.hears(":\n\n").await;
        ear
    }

    pub async fn hears(&mut self, text: &str) {
        let listen = async {
            while !self.heard.contains(text) {
                let mut piece = [0; 1024];
                let count = self.stream.read(&mut piece).await.expect("reads");
                assert!(count > 0, "ended after {}", self.heard);
                self.heard
                    .push_str(&String::from_utf8_lossy(&piece[..count]));
            }
        };
        tokio::time::timeout(PATIENCE, listen)
            .await
            .expect("hears in time");
    }

    pub async fn ends(mut self) -> String {
        let mut rest = Vec::new();
        let end = self.stream.read_to_end(&mut rest);
        let ended = tokio::time::timeout(PATIENCE, end).await;
        ended.expect("ends in time").expect("reads");
        self.heard + &String::from_utf8_lossy(&rest)
    }
}

#[tokio::test]
async fn lv1_the_station_hears_that_something_is_new_and_not_what() {
    let server = town().await;
    let mut officer = Phone::joined(&server, 1, "one").await;
    let station = Phone::joined(&server, 2, "duty").await;
    let far = Phone::joined(&server, 3, "far").await;
    let mut ear = Ear::open(&server, &station).await;
    assert!(ear.heard.contains("text/event-stream"), "{}", ear.heard);
    let own = Ear::open(&server, &officer).await;
    let far = Ear::open(&server, &far).await;
    let (_, _, item) = officer.hazard("a1");
    officer.push(&server, 1, &[(item, "a1")]).await;
    ear.hears("data: 1\n\n").await;
    let (_, body) = ear.heard.split_once("\r\n\r\n").expect("a body");
    assert!(body.len() < 60, "a number and nothing else: {body}");
    server.stop().await;
    let own = own.ends().await;
    assert!(!own.contains("data:"), "nobody is told of their own work");
    let far = far.ends().await;
    assert!(!far.contains("data:"), "another station's grid");
}

#[tokio::test]
async fn lv2_a_stranger_hears_nothing_and_a_stopping_server_ends_every_answer() {
    let server = town().await;
    let station = Phone::joined(&server, 2, "duty").await;
    let mut stranger = station.clone();
    stranger.secret.0[0] ^= 1;
    let mut body = stranger.device.0.to_vec();
    body.extend_from_slice(&stranger.secret.0);
    let binary = "content-type: application/octet-stream\r\n";
    for (body, status, code) in [
        (body.as_slice(), 401, "unknown_device"),
        (&body[..31], 400, "bad_request"),
        (&[0; 33], 413, "too_large"),
    ] {
        let answer = server.request("POST", "/api/v1/news", binary, body).await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code));
    }
    let ear = Ear::open(&server, &station).await;
    let before = std::time::Instant::now();
    server.stop().await;
    assert!(
        before.elapsed().as_secs() < 5,
        "does not wait for listeners"
    );
    ear.ends().await;
}
