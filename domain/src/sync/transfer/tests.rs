//! Transfers against a model of the server, over lines that are cut everywhere.

use std::collections::BTreeMap;

use super::*;

const PROOF: &str = "Device 00.11";

/// What a server keeps of requests and answers, and what it answers with.
#[derive(Default)]
struct Server {
    requests: BTreeMap<String, Vec<u8>>,
    answers: BTreeMap<String, Vec<u8>>,
    answer: Vec<u8>,
    taken: u32,
    came: usize,
    sent: usize,
}

/// A line that lets so many bytes pass in each direction of each connection.
#[derive(Clone, Copy)]
struct Line {
    up: usize,
    down: usize,
    /// What came of a body that was cut is thrown away, as browsers do.
    hasty: bool,
}

const CLEAR: Line = Line {
    up: usize::MAX,
    down: usize::MAX,
    hasty: false,
};

fn field(query: &str, name: &str) -> Option<String> {
    let query = query.split_once('?')?.1;
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs
        .find(|(key, _)| *key == name)
        .map(|(_, v)| v.to_owned())
}

fn json(code: &str) -> Vec<u8> {
    format!("{{\"code\":\"{code}\",\"detail\":\"why\"}}").into_bytes()
}

fn text(status: u16, body: &[u8]) -> (Head, Vec<u8>) {
    let kind = if status == 202 {
        "text/plain; charset=utf-8"
    } else {
        "application/json"
    };
    let head = Head {
        status,
        kind: Some(kind.to_owned()),
        length: Some(body.len()),
        ..Head::default()
    };
    (head, body.to_vec())
}

fn binary(body: &[u8], part: Option<&str>, total: Option<usize>) -> (Head, Vec<u8>) {
    let head = Head {
        status: 200,
        kind: None,
        part: part.map(ToOwned::to_owned),
        total,
        length: Some(body.len()),
        wait_s: None,
    };
    (head, body.to_vec())
}

impl Server {
    fn new(answer: usize) -> Self {
        Self {
            answer: (0..answer)
                .map(|n| u8::try_from(n % 251).unwrap_or(0))
                .collect(),
            ..Self::default()
        }
    }

    fn post(&mut self, path: &str, body: &[u8], whole: bool) -> Option<(Head, Vec<u8>)> {
        self.came += body.len();
        let Some(id) = field(path, "part") else {
            if !whole {
                return None;
            }
            self.taken += 1;
            let part = name(&self.answer);
            self.answers.insert(part.clone(), self.answer.clone());
            let part = (self.answer.len() >= PART_BYTES_MIN).then_some(part.as_str());
            return Some(binary(&self.answer, part, None));
        };
        let at: usize = field(path, "at")?.parse().ok()?;
        let of: usize = field(path, "of")?.parse().ok()?;
        let kept = self.requests.entry(id.clone()).or_default();
        if at > kept.len() {
            return Some(text(409, &json("bad_request")));
        }
        let known = (kept.len() - at).min(body.len());
        kept.extend_from_slice(&body[known..]);
        if kept.len() < of {
            return whole.then(|| text(409, &json("bad_request")));
        }
        assert_eq!(name(kept), id);
        self.taken += 1;
        self.requests.remove(&id);
        self.answers.insert(id.clone(), self.answer.clone());
        Some(binary(&self.answer, Some(&id), None))
    }

    fn get(&self, path: &str) -> (Head, Vec<u8>) {
        let id = path.strip_prefix("/api/v1/parts/").expect("a part");
        let (id, _) = id.split_once('?').expect("a place");
        let from: usize = field(path, "from").expect("from").parse().expect("number");
        if let Some(answer) = self.answers.get(id) {
            let rest = answer.get(from.min(answer.len())..).unwrap_or_default();
            let most = field(path, "most").map_or(usize::MAX, |most| most.parse().expect("number"));
            let rest = &rest[..rest.len().min(most)];
            return binary(rest, None, Some(answer.len()));
        }
        match self.requests.get(id) {
            Some(kept) => text(202, kept.len().to_string().as_bytes()),
            None => text(404, &json("not_found")),
        }
    }

    /// Carries one step over a line.
    fn carry(
        &mut self,
        transfer: &mut Transfer,
        line: Line,
    ) -> Option<Result<Vec<u8>, LinkFailure>> {
        let answer = match transfer.step() {
            Step::Over(over) => return Some(over),
            Step::Pause(_) => return None,
            Step::Post(path, body, proof) => {
                assert_eq!(proof.is_some(), path.contains("?part="));
                assert!(proof.is_none_or(|proof| proof == PROOF));
                let cut = body.len().min(line.up);
                let (path, body, whole) = (path, body[..cut].to_vec(), cut == body.len());
                let answer = self.post(&path, &body, whole);
                answer.filter(|_| whole)
            }
            Step::Get(path, proof) => {
                assert_eq!(proof, PROOF);
                Some(self.get(&path))
            }
        };
        let Some((head, body)) = answer else {
            transfer.ended(End::Broken);
            return None;
        };
        let cut = body.len().min(line.down);
        self.sent += cut;
        let whole = cut == body.len();
        let read = if whole || !line.hasty { cut } else { 0 };
        if transfer.head(&head) && transfer.piece(&body[..read]) {
            transfer.ended(if whole { End::Clean } else { End::Broken });
        }
        None
    }

    fn run(&mut self, request: usize, line: impl Fn(u32) -> Line) -> Result<Vec<u8>, LinkFailure> {
        let mut transfer = Transfer::new(vec![7; request], PROOF.to_owned());
        for no in 0..2_000 {
            if let Some(over) = self.carry(&mut transfer, line(no)) {
                return over;
            }
        }
        panic!("never ends");
    }
}

#[test]
fn sy19_a_small_request_is_one_request_and_a_large_one_too() {
    for request in [60, PART_BYTES_MIN, 100_000] {
        let mut server = Server::new(90);
        let answer = server.run(request, |_| CLEAR);
        assert_eq!(answer.as_ref(), Ok(&server.answer));
        assert_eq!((server.taken, server.came), (1, request));
    }
}

#[test]
fn f29_a_cut_at_every_byte_of_request_and_reply_costs_no_byte_twice() {
    let (request, reply) = (PART_BYTES_MIN + 50, PART_BYTES_MIN + 70);
    for cut in 0..request.max(reply) {
        for line in [Line { up: cut, ..CLEAR }, Line { down: cut, ..CLEAR }] {
            let mut server = Server::new(reply);
            let answer = server.run(request, |no| if no == 0 { line } else { CLEAR });
            assert_eq!(answer.as_ref(), Ok(&server.answer), "cut at {cut}");
            assert_eq!(server.came, request, "cut at {cut}");
            assert!(server.sent < reply + 60, "cut at {cut}: {}", server.sent);
        }
    }
}

#[test]
fn f36_a_line_that_breaks_again_and_again_still_finishes() {
    for each in [40, 300, 2_500] {
        let mut server = Server::new(30_000);
        let line = Line {
            up: each,
            down: each,
            hasty: false,
        };
        let answer = server.run(20_000, |_| line);
        assert_eq!(answer.as_ref(), Ok(&server.answer), "{each}");
        assert_eq!(server.came, 20_000);
    }
}

#[test]
fn f36_an_answer_comes_whose_cut_pieces_are_all_thrown_away() {
    for each in [300, 1_500, 3_400, 5_000] {
        let mut server = Server::new(30_000);
        let line = Line {
            down: each,
            hasty: true,
            ..CLEAR
        };
        let answer = server.run(20_000, |_| line);
        assert!(answer.as_ref() == Ok(&server.answer), "{each}");
        assert_eq!(server.taken, 1);
        assert!(server.sent < 3 * 30_000, "{each}: {}", server.sent);
    }
}

#[test]
fn f36_after_one_break_that_brought_nothing_a_good_line_is_soon_used_in_full() {
    let mut server = Server::new(30_000);
    let line = Line { down: 0, ..CLEAR };
    let mut connections = 0;
    let mut transfer = Transfer::new(vec![7; 20_000], PROOF.to_owned());
    let answer = loop {
        let line = if connections == 0 { line } else { CLEAR };
        connections += 1;
        if let Some(over) = server.carry(&mut transfer, line) {
            break over;
        }
    };
    assert!(answer.as_ref() == Ok(&server.answer));
    assert!(connections <= 6, "{connections}");
}

#[test]
fn a_small_request_that_breaks_is_taken_up_too() {
    let mut server = Server::new(90);
    let line = Line {
        up: 30,
        down: 30,
        hasty: false,
    };
    let answer = server.run(200, |_| line);
    assert_eq!(answer.as_ref(), Ok(&server.answer));
}

#[test]
fn a_server_that_forgot_gets_the_request_from_its_first_byte() {
    let mut server = Server::new(90);
    let mut transfer = Transfer::new(vec![1; 9_000], PROOF.to_owned());
    let cut = Line { up: 4_000, ..CLEAR };
    assert_eq!(server.carry(&mut transfer, cut), None);
    assert_eq!(server.carry(&mut transfer, CLEAR), None);
    server.requests.clear();
    let mut over = None;
    for _ in 0..9 {
        over = over.or_else(|| server.carry(&mut transfer, CLEAR));
    }
    assert_eq!(over.as_ref(), Some(&Ok(server.answer.clone())));
}

#[test]
fn without_any_network_it_is_given_up_at_once_and_without_a_pause() {
    let mut transfer = Transfer::new(vec![1; 50], PROOF.to_owned());
    let mut calls = 0;
    loop {
        match transfer.step() {
            Step::Over(over) => break assert_eq!(over, Err(LinkFailure::Offline)),
            Step::Pause(ms) => panic!("waits {ms}"),
            Step::Post(..) | Step::Get(..) => calls += 1,
        }
        transfer.ended(End::Broken);
    }
    assert!(calls <= 6, "{calls}");
    let mut silent = Transfer::new(vec![1; 50], PROOF.to_owned());
    let _post = silent.step();
    silent.ended(End::Silent);
    assert_eq!(silent.step(), Step::Over(Err(LinkFailure::Offline)));
}

#[test]
fn once_something_has_come_a_dead_spot_is_waited_out() {
    let mut server = Server::new(90);
    let mut transfer = Transfer::new(vec![1; 9_000], PROOF.to_owned());
    let cut = Line { up: 4_000, ..CLEAR };
    server.carry(&mut transfer, cut);
    server.carry(&mut transfer, CLEAR);
    let mut waited = 0;
    loop {
        match transfer.step() {
            Step::Over(over) => break assert_eq!(over, Err(LinkFailure::Offline)),
            Step::Pause(ms) => waited += ms,
            Step::Post(..) | Step::Get(..) => transfer.ended(End::Broken),
        }
    }
    assert!((15_000..60_000).contains(&waited), "{waited} ms");
}

#[test]
fn f30_what_somebody_in_between_answers_is_no_answer() {
    let page = Head {
        status: 200,
        kind: Some("text/html; charset=utf-8".to_owned()),
        ..Head::default()
    };
    let moved = Head {
        status: 302,
        ..page.clone()
    };
    let hidden = Head::default();
    for head in [&page, &moved, &hidden] {
        for request in [50, 9_000] {
            let mut transfer = Transfer::new(vec![1; request], PROOF.to_owned());
            let _post = transfer.step();
            assert!(!transfer.head(head));
            assert_eq!(transfer.step(), Step::Over(Err(LinkFailure::NotOurs)));
        }
    }
    // In place of the rest of an answer: a page without a type, an older answer of another length.
    for total in [None, Some(77)] {
        let mut server = Server::new(9_000);
        let mut transfer = Transfer::new(vec![1; 50], PROOF.to_owned());
        let cut = Line {
            down: 5_000,
            ..CLEAR
        };
        assert_eq!(server.carry(&mut transfer, cut), None);
        assert!(matches!(transfer.step(), Step::Get(..)));
        assert!(!transfer.head(&binary(b"login", None, total).0));
        assert_eq!(transfer.step(), Step::Over(Err(LinkFailure::NotOurs)));
    }
}

#[test]
fn the_server_s_refusals_keep_their_code() {
    let mut transfer = Transfer::new(vec![1; 50], PROOF.to_owned());
    let _post = transfer.step();
    let (head, body) = text(401, &json("unknown_device"));
    assert!(transfer.head(&head) && transfer.piece(&body));
    transfer.ended(End::Clean);
    let refused = LinkFailure::Refused(ErrorCode::UnknownDevice);
    assert_eq!(transfer.step(), Step::Over(Err(refused)));
}

#[test]
fn qt5_a_server_that_says_when_to_come_again_is_heard() {
    for (code, heard) in [
        ("too_many", LinkFailure::Wait(3_600)),
        ("revoked", LinkFailure::Refused(ErrorCode::Revoked)),
    ] {
        let mut transfer = Transfer::new(vec![1; 9_000], PROOF.to_owned());
        let _post = transfer.step();
        let (mut head, body) = text(429, &json(code));
        head.wait_s = Some(3_600);
        assert!(transfer.head(&head) && transfer.piece(&body));
        transfer.ended(End::Clean);
        assert_eq!(transfer.step(), Step::Over(Err(heard)));
    }
}

#[test]
fn f36_a_slow_request_is_left_alone_while_it_moves() {
    let mut transfer = Transfer::new(vec![1; 9_000], PROOF.to_owned());
    assert!(matches!(transfer.step(), Step::Post(..)));
    assert!(transfer.watch().is_some());
    for came in 1..40_usize {
        let said = (came * 200).to_string();
        assert!(transfer.watched(Some((202, said.as_bytes()))));
    }
    assert!(transfer.watched(None), "one look may be lost");
    assert!(!transfer.watched(None), "two are a dead connection");
}
