//! A phone of a test: it speaks the protocol by hand, so that it can also speak it wrongly.

use clap::Parser as _;
use domain::document::{Document, Edit, Hashed, Stamp};
use domain::id::{ActorKey, ChangeHash, DeviceId, DocId, Fresh, PersonId, RecordId, UnitId};
use domain::record::hazard::{NewHazard, register_edits};
use domain::record::{Header, Kind, SCHEMA, Said};
use domain::sync::lean::Known;
use domain::sync::message::{Answer, Ask, Batch, Item, PAGE_KIB_MAX, Request, Secret};
use domain::time::Millis;
use domain::unit::Directory;
use sync_server::admin;
use sync_server::config::Invocation;
use sync_server::store::Store;
use sync_server::store::org::{self, Org};

use crate::proof::{Key, pushing};
use crate::server::TestServer;

/// The moment of every test.
pub const NOW: Millis = Millis(1_795_000_000_000);
/// Where an exchange is posted.
pub const EXCHANGE: &str = "/api/v1/exchange";

/// A reader that knows no change: everything must be named in full.
pub struct Nothing;

impl Known for Nothing {
    fn resolve(&self, _: DocId, _: [u8; 4]) -> Option<ChangeHash> {
        None
    }
}

/// A phone with its own identity.
#[derive(Debug, Clone)]
pub struct Phone {
    pub device: DeviceId,
    pub secret: Secret,
    pub person: PersonId,
    pub cursor: Vec<u8>,
    pub directory: Option<Directory>,
    made: u64,
}

/// Text that may be stored.
pub fn said(text: &str) -> Said {
    text.parse().expect("text that may be stored")
}

impl Phone {
    /// A phone that has not joined.
    pub fn new(number: u8, person: &str) -> Self {
        Self {
            device: DeviceId([number; 16]),
            secret: Secret([number ^ 0x55; 16]),
            person: person.parse().expect("code"),
            cursor: Vec::new(),
            directory: None,
            made: 0,
        }
    }

    /// A phone that joined as this person.
    pub async fn joined(server: &TestServer, number: u8, person: &str) -> Self {
        let mut phone = Self::new(number, person);
        let code = invite(server, person).await;
        let request = Request {
            join: Some(code),
            ..phone.request()
        };
        phone.send(server, &request).await.expect("joins");
        phone
    }

    /// What it proves itself with in the head of a request.
    pub fn proof(&self) -> String {
        let proof = domain::sync::transfer::proof(self.device, self.secret);
        format!("authorization: {proof}\r\n")
    }

    /// A phone that joined with a key of its own.
    pub async fn signing(server: &TestServer, number: u8, person: &str) -> (Self, Key) {
        let (phone, key) = (Self::new(number, person), Key::fresh());
        let code = invite(server, person).await;
        let joined = phone.bring(server, &key, (&key, Some(code))).await;
        assert_eq!(joined, (200, String::new()));
        (phone, key)
    }

    /// Brings a key with a request that is signed with another or the same, and perhaps a code; the
    /// status and the code of an error.
    pub async fn bring(
        &self,
        server: &TestServer,
        key: &Key,
        (signer, code): (&Key, Option<String>),
    ) -> (u16, String) {
        let mut phone = self.clone();
        let mut request = match code {
            Some(_) => self.request(),
            // Without a code a key comes with work alone.
            None => pushing(&mut phone).0,
        };
        request.join = code;
        let message = request.encode_to_sign(Some(key.public())).expect("to sign");
        let answer = server.post(EXCHANGE, &signer.sign(message)).await;
        match answer.status {
            200 => (200, String::new()),
            status => (status, answer.code()),
        }
    }

    /// A request that brings nothing.
    pub fn request(&self) -> Request {
        Request {
            device: self.device,
            secret: self.secret,
            join: None,
            ask: Ask {
                cursor: self.cursor.clone(),
                directory: self.directory.as_ref().map(Directory::digest),
                now: NOW,
                page_kib: PAGE_KIB_MAX,
                whole: true,
                sound: true,
                repair: None,
            },
            batch: None,
        }
    }

    /// Sends a request, and keeps cursor and directory of the answer; an error gives status and code.
    pub async fn send(
        &mut self,
        server: &TestServer,
        request: &Request,
    ) -> Result<Answer, (u16, String)> {
        let answer = server.post(EXCHANGE, &request.encode()).await;
        if answer.status != 200 {
            return Err((answer.status, answer.code()));
        }
        let lean = Answer::decode(&answer.body).expect("an answer");
        let answer = lean.rebuild(&Nothing).expect("names in full");
        if let Some(cursor) = &answer.cursor {
            self.cursor.clone_from(cursor);
        }
        if let Some(directory) = &answer.directory {
            self.directory = Some(directory.clone());
        }
        Ok(answer)
    }

    /// Pushes items as one batch.
    pub async fn push(&mut self, server: &TestServer, no: u64, items: &[(Item, &str)]) -> Answer {
        let request = Request {
            batch: Some(batch(no, items)),
            ..self.request()
        };
        self.send(server, &request).await.expect("pushed")
    }

    /// Pushes items as one batch, signed with the phone's key.
    pub async fn push_signed(&mut self, server: &TestServer, items: &[(Item, &str)], key: &Key) {
        let mut batch = batch(0, items);
        batch.no = Batch::number(&batch.digest());
        let request = Request {
            batch: Some(batch),
            ..self.request()
        };
        let message = key.sign(request.encode_to_sign(None).expect("to sign"));
        let answer = server.post(EXCHANGE, &message).await;
        assert_eq!(answer.status, 200);
    }

    /// Pulls one page.
    pub async fn pull(&mut self, server: &TestServer) -> Answer {
        let request = self.request();
        self.send(server, &request).await.expect("pulled")
    }

    /// A new hazard in a grid: its record, its document and the change that begins it.
    pub fn hazard(&mut self, grid: &str) -> (RecordId, Document, Item) {
        self.hazard_by(grid, &self.person.clone())
    }

    /// A record that nothing is written on, the next of this phone.
    pub fn blank(&mut self) -> (RecordId, Document) {
        self.made += 1;
        let mut entropy = self.device.0;
        entropy[..8].copy_from_slice(&self.made.to_be_bytes());
        (Fresh::new(NOW, entropy).id(), Document::default())
    }

    /// What a hazard in a grid begins with.
    pub fn header(&self, grid: &str) -> Header {
        Header {
            kind: Kind::Hazard,
            schema: SCHEMA,
            grid: grid.parse().expect("code"),
            number: format!("T-{}", self.made),
            by: self.person.clone(),
            created_at: NOW,
        }
    }

    /// The same, in the name of somebody.
    pub fn hazard_by(&mut self, grid: &str, by: &PersonId) -> (RecordId, Document, Item) {
        let (id, mut document) = self.blank();
        let header = Header {
            by: by.clone(),
            ..self.header(grid)
        };
        let new = NewHazard {
            grid: header.grid.clone(),
            category: said("H08"),
            place: said(&format!("{} km", self.made)),
            description: said(&"x".repeat(400)),
            level: said("1"),
            patrol: None,
            fixed: Said::default(),
        };
        let item = self.change(id, &mut document, &register_edits(&header, &new));
        (id, document, item)
    }

    /// A change to a record's body.
    pub fn change(&self, id: RecordId, document: &mut Document, edits: &[Edit]) -> Item {
        let actor = self
            .device
            .0
            .first_chunk::<8>()
            .copied()
            .expect("eight bytes");
        let stamp = Stamp {
            actor: ActorKey(actor),
            at: NOW,
        };
        let change = document
            .commit(stamp, edits)
            .expect("edits")
            .expect("a change");
        Item {
            doc: DocId::body(id),
            grid: 0,
            author: 0,
            change: Hashed::of(change.bytes),
        }
    }
}

/// A batch of items, each with its grid.
pub fn batch(no: u64, items: &[(Item, &str)]) -> Batch {
    let mut grids: Vec<UnitId> = Vec::new();
    let items = items.iter().map(|(item, grid)| {
        let grid: UnitId = grid.parse().expect("code");
        let place = grids
            .iter()
            .position(|known| *known == grid)
            .unwrap_or_else(|| {
                grids.push(grid.clone());
                grids.len() - 1
            });
        Item {
            grid: u16::try_from(place).expect("few"),
            ..item.clone()
        }
    });
    let items = items.collect();
    Batch {
        no,
        grids,
        authors: Vec::new(),
        items,
    }
}

/// A server with two stations: A with the grids a1, a2 and a3, B with the grid b1.
pub async fn town() -> TestServer {
    let server = TestServer::start().await;
    put_town(&server).await;
    server
}

/// Writes the same organisation beside a running server.
pub async fn put_town(server: &TestServer) {
    let org: Org = serde_json::from_str(TOWN).expect("an organisation");
    put(server, &org).await;
}

/// Writes an organisation beside the running server.
pub async fn put(server: &TestServer, org: &Org) {
    server.get("/health").await;
    let store = Store::open(server.data(), false).await.expect("opens");
    let mut write = store.begin().await.expect("begins");
    org::put(&mut write, org).await.expect("fits");
    write.commit().await.expect("commits");
    store.close().await;
}

/// A fresh code, made by the command for the admin beside the running server.
pub async fn invite(server: &TestServer, person: &str) -> String {
    invite_by(server, &["--person", person]).await
}

/// The same, with these arguments.
pub async fn invite_by(server: &TestServer, arguments: &[&str]) -> String {
    let arguments: Vec<&str> = ["invite"].iter().chain(arguments).copied().collect();
    let text = command(server, &arguments).await.expect("invites");
    let mut lines = text.lines();
    let code = lines.next().expect("a code").to_owned();
    let link = lines.next().expect("a link");
    assert_eq!(link, format!("http://{}/join#{code}", server.address));
    code
}

/// Carries out a command for the admin beside the running server, as it stands on a command line.
pub async fn command(server: &TestServer, arguments: &[&str]) -> Result<String, String> {
    let line = ["sync-server"].iter().chain(arguments);
    let asked = Invocation::try_parse_from(line).map_err(|error| error.to_string())?;
    let mut out = Vec::new();
    admin::run(asked.command.expect("a command"), &server.config, &mut out)
        .await
        .map_err(|error| error.to_string())?;
    Ok(String::from_utf8(out).expect("text"))
}

/// How many entries the log has.
pub async fn entries(server: &TestServer) -> u64 {
    let store = Store::open(server.data(), false).await.expect("opens");
    let mut view = store.view().await.expect("a view");
    let last: Option<i64> = sqlx::query_scalar("SELECT MAX(seq) FROM entry")
        .fetch_one(&mut *view)
        .await
        .expect("a number");
    drop(view);
    store.close().await;
    last.unwrap_or(0).try_into().expect("places are positive")
}

/// The organisation of every test.
pub const TOWN: &str = r#"{
  "units": [
    { "id": "city", "level": 1, "name": "City" },
    { "id": "district", "level": 2, "name": "District", "parent": "city" },
    { "id": "A", "level": 3, "name": "Station A", "parent": "district" },
    { "id": "B", "level": 3, "name": "Station B", "parent": "district" },
    { "id": "post", "level": 4, "name": "Post", "parent": "A" },
    { "id": "a1", "level": 5, "name": "a1", "parent": "A", "village": "V", "village_code": "1" },
    { "id": "a2", "level": 5, "name": "a2", "parent": "post", "village": "V", "village_code": "1" },
    { "id": "a3", "level": 5, "name": "a3", "parent": "A", "village": "V", "village_code": "1" },
    { "id": "b1", "level": 5, "name": "b1", "parent": "B", "village": "W", "village_code": "2" }
  ],
  "people": [
    { "id": "one", "name": "One", "roles": ["grid_worker"], "units": ["a1"] },
    { "id": "two", "name": "Two", "roles": ["aux_officer"], "units": ["a1", "a2"] },
    { "id": "far", "name": "Far", "roles": ["grid_worker"], "units": ["b1"] },
    { "id": "duty", "name": "Duty", "roles": ["station_duty"], "units": ["A"] },
    { "id": "super", "name": "Super", "roles": ["supervisor"], "units": ["district"] },
    { "id": "admin", "name": "Admin", "roles": ["admin"], "units": ["district"] }
  ],
  "checkpoints": [{ "id": "a1-1", "grid": "a1", "name": "Gate", "kind": "K01" }]
}"#;

/// How many refused changes the server keeps aside.
pub async fn refused(server: &TestServer) -> i64 {
    let store = Store::open(server.data(), false).await.expect("opens");
    let mut view = store.view().await.expect("begins");
    let count = sqlx::query_scalar("SELECT COUNT(*) FROM poison")
        .fetch_one(&mut *view)
        .await
        .expect("counts");
    drop(view);
    store.close().await;
    count
}
