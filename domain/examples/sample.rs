//! Writes the sample that warms the packing model up (`domain/data/sample-N.bin`).
//!
//! `cargo run -p domain --example sample -- FILE`. A released sample never changes: both ends must
//! hold the same bytes. A better one is a new file under a new method number.
#![expect(
    clippy::expect_used,
    reason = "a tool that stops when something does not fit"
)]

use std::collections::BTreeMap;

use domain::command::{Command, Context, Current, NamedField};
use domain::document::{Document, Hashed, Stamp, Value};
use domain::id::{ActorKey, DeviceId, DocId, Fresh, ItemId, RecordId};
use domain::record::Said;
use domain::record::dispute::{
    Dispute, NewAgreement, NewClosing, NewDispute, NewEvent, NewSession, NewTerm,
};
use domain::record::hazard::NewHazard;
use domain::record::patrol::{Counter, NewCheckin, NewPatrol};
use domain::record::vault::{Party, PartyRole};
use domain::sync::lean::{self, Tag, Whole};
use domain::time::{DAY_MS, HOUR_MS, Millis};
use domain::unit::{Directory, Grid, Level, Member, Role, Unit};

/// Words and phrases of the work, invented; what a text says next is guessed from them.
const PHRASES: &str = "\
双方因排水沟争吵，经现场劝解，情绪稳定，约定三日内清理。宅基地边界不清，租金拖欠，口头催要，承诺还清借款，\
楼上漏水，赔偿费用，噪音扰邻，拖欠工资，合同到期，田土果树，赡养老人，婚姻家庭，道歉，车辆停车，\
村委、派出所、司法所联合调解，书面协议，签字。回访满意，履行完毕，已结案。已移交，待受理，待回访，调解中，\
已达成协议。网格巡查，群众反映，隐患整改，入户宣传，一切正常。当事人，材料，证明，照片，安抚，沟通。";

struct Desk {
    directory: Directory,
    now: Millis,
    documents: BTreeMap<DocId, Document>,
    made: Vec<(DocId, Vec<u8>)>,
    acts: u8,
}

fn said(text: &str) -> Said {
    text.parse().expect("text that may be stored")
}

fn named(path: &str, value: &Value) -> NamedField {
    NamedField::new(path, value).expect("a field that may be put")
}

fn main() {
    let path = std::env::args()
        .nth(1)
        .expect("the name of the file to write");
    let mut desk = Desk::open();
    desk.work();
    let items = desk.made.iter().zip(1..).map(|((doc, bytes), seq)| Whole {
        doc: *doc,
        tag: Tag { who: 0, seq, at: 0 },
        hash: Hashed::name(bytes),
        bytes,
    });
    let mut sample = PHRASES.as_bytes().to_vec();
    sample.extend(lean::write(items, false));
    std::fs::write(path, sample).expect("writes");
}

impl Desk {
    fn open() -> Self {
        let station: Unit = Unit {
            id: "500100001".parse().expect("code"),
            level: Level::Station,
            name: "示例镇派出所".to_owned(),
            parent: None,
            village: None,
        };
        let grid = Grid {
            id: "500100001-01".parse().expect("code"),
            name: "示例村01网格".to_owned(),
            village: "示例村".to_owned(),
            station: station.id.clone(),
        };
        let me = Member {
            person: "gw-01".parse().expect("code"),
            name: "陈国强".to_owned(),
            roles: vec![Role::GridWorker, Role::AuxOfficer, Role::Mediator],
            units: vec![grid.id.clone()],
        };
        Self {
            directory: Directory {
                me,
                home: station,
                grids: vec![grid],
                checkpoints: Vec::new(),
                colleagues: Vec::new(),
                demo: true,
            },
            now: Millis(1_790_000_000_000),
            documents: BTreeMap::new(),
            made: Vec::new(),
            acts: 0,
        }
    }

    fn id(&self, n: u8) -> RecordId {
        RecordId::new(self.now, [n.wrapping_mul(37); 10])
    }

    fn act(&mut self, command: &Command) {
        self.acts += 1;
        self.now = self.now.plus(HOUR_MS + i64::from(self.acts) * 977);
        let entropy = [self.acts.wrapping_mul(53); 16];
        let mut context = Context {
            directory: &self.directory,
            device: DeviceId([0xA7; 16]),
            actor: ActorKey([self.acts / 12 + 1; 8]),
            fresh: Fresh::new(self.now, entropy),
        };
        let record = command.record();
        let body = self
            .documents
            .get_mut(&DocId::body(record))
            .map(Document::tree);
        let vault = self
            .documents
            .get_mut(&DocId::vault(record))
            .map(Document::tree);
        let current = body.map(|body| Current { body, vault });
        let stamp = Stamp {
            actor: context.actor,
            at: self.now,
        };
        let plans = command.plan(&mut context, current.as_ref()).expect("plans");
        for plan in plans {
            for (part, edits) in plan.edits {
                let doc = DocId {
                    record: plan.record,
                    part,
                };
                let document = self.documents.entry(doc).or_default();
                if let Some(change) = document.commit(stamp, &edits).expect("commits") {
                    self.made.push((doc, change.bytes));
                }
            }
        }
    }

    fn work(&mut self) {
        for (n, (category, place, brief)) in (1..).zip(DISPUTES.into_iter().take(2)) {
            let id = self.id(n);
            let new = self.dispute(category, place, brief, n);
            self.act(&Command::RegisterDispute { id, new });
            if n == 2 {
                self.mediate(id);
            }
            if n == 1 {
                self.edit(id);
            }
        }
        self.walk();
        self.import();
    }

    fn dispute(&self, category: &str, place: &str, brief: &str, n: u8) -> NewDispute {
        let party = |role, name: &str, phone: &str| Party {
            role,
            name: said(name),
            phone: said(phone),
        };
        NewDispute {
            grid: self.directory.grids.first().expect("a grid").id.clone(),
            title: Said::default(),
            category: said(category),
            place: said(place),
            found_at: self.now.plus(-HOUR_MS),
            brief: said(brief),
            level: said(if n == 3 { "Y" } else { "G" }),
            parties: vec![
                party(PartyRole::A, "周仁发", "13900000001"),
                party(PartyRole::B, "李国清", ""),
            ],
        }
    }

    fn mediate(&mut self, id: RecordId) {
        let (at, text) = (self.now, said("电话联系双方，约好时间上门。"));
        let kind = said("note");
        let new = NewEvent { kind, at, text };
        self.act(&Command::AddEvent { id, new });
        let new = NewSession {
            at,
            place: said("村委会"),
            mode: said("onsite"),
            statements: said("甲方要求赔偿，乙方同意修复。"),
            result: said("agreed"),
            next_at: Some(at.plus(2 * DAY_MS)),
            consent: true,
            notice: true,
        };
        let step = |to: &'static str| Command::Step {
            id,
            to,
            reason: Said::default(),
        };
        self.directory.me.roles.push(Role::StationDuty);
        self.act(&step("accepted"));
        self.act(&Command::RecordSession { id, new });
        let new = NewAgreement {
            form: said("written"),
            content: said("乙方十日内修好水沟，甲方不再追究。"),
            terms: vec![NewTerm {
                text: said("修好水沟"),
                due: Some(at.plus(10 * DAY_MS)),
            }],
            consent: true,
            notice: true,
        };
        self.act(&Command::RecordAgreement { id, new });
        for term in self.terms(id) {
            self.act(&Command::PerformTerm { id, term });
        }
        let new = NewClosing {
            outcome: said("11"),
            fail_reason: Said::default(),
            summary: said("已履行"),
            remedies_told: false,
        };
        self.act(&Command::CloseDispute { id, new });
    }

    fn terms(&mut self, id: RecordId) -> Vec<ItemId> {
        let body = self.documents.get_mut(&DocId::body(id)).expect("a body");
        let dispute = Dispute::fold(&body.tree()).expect("a dispute");
        dispute.open_terms().map(|term| term.id).collect()
    }

    fn edit(&mut self, id: RecordId) {
        for (path, value) in [
            ("place", Value::from("示例村3组12号旁")),
            ("brief", Value::from("补充经过：双方已签字，待回访。")),
            (
                "follow_up",
                Value::from(self.now.plus(5 * DAY_MS).day().end()),
            ),
        ] {
            let fields = vec![named(path, &value)];
            self.act(&Command::PutFields { id, fields });
        }
    }

    fn walk(&mut self) {
        let id = self.id(90);
        let grid = self.directory.grids.first().expect("a grid").id.clone();
        let new = NewPatrol {
            grid: grid.clone(),
            kind: said("P1"),
            mode: said("foot"),
        };
        self.act(&Command::StartPatrol { id, new });
        for note in ["一切正常", "劝离占道停车"] {
            let new = NewCheckin {
                checkpoint: None,
                place: said("村口小卖部"),
                note: said(note),
            };
            self.act(&Command::CheckIn { id, new });
        }
        let (counter, more) = (Counter::Households, 1);
        self.act(&Command::Count { id, counter, more });
        let log = said("走访两户，未见异常。");
        self.act(&Command::FinishPatrol { id, log });
        let new = NewHazard {
            grid,
            category: said("H03"),
            place: said("村小学门口"),
            description: said("电线裸露，已设警示。"),
            level: said("1"),
            patrol: Some(id),
            fixed: Said::default(),
        };
        let id = self.id(91);
        self.act(&Command::RegisterHazard { id, new });
    }

    /// Records taken over from elsewhere, with fields of their own, and edits of these.
    fn import(&mut self) {
        const NAMES: [&str; 11] = [
            "schema",
            "station",
            "grid",
            "officer",
            "updated_at",
            "kind",
            "status",
            "action_taken",
            "agreement",
            "note",
            "created_at",
        ];
        for (n, (category, place, brief)) in (100..).zip(DISPUTES.iter().skip(2).take(2)) {
            let id = self.id(n);
            let new = NewDispute {
                title: said("排水纠纷"),
                ..self.dispute(category, place, brief, n)
            };
            let texts = [
                "dispute/1",
                "s-01",
                "g-0001",
                "o-01",
                "2026-09-21T09:30:00.000Z",
                "邻里纠纷",
                "调解中",
                "到场劝解",
                "三日内修好",
                "第二次上门",
                "2026-09-21T09:30:00.000Z",
            ];
            let fields = NAMES.iter().zip(texts);
            let mut more: Vec<_> = fields
                .map(|(name, text)| named(&format!("x/{name}"), &Value::from(text)))
                .collect();
            more.push(named("follow_up", &Value::from(self.now.day().end())));
            self.act(&Command::ImportDispute { id, new, more });
            for (name, text) in [("status", "已结案"), ("agreement", "已按约定修好")] {
                let fields = vec![named(&format!("x/{name}"), &Value::from(text))];
                self.act(&Command::PutFields { id, fields });
            }
            let end = Value::from(self.now.day().end());
            let fields = vec![named("follow_up", &end)];
            self.act(&Command::PutFields { id, fields });
        }
    }
}

const DISPUTES: [(&str, &str, &str); 4] = [
    ("02", "示例村2组水井旁", "两户因排水沟争吵，当场劝开。"),
    ("09", "示例村5组", "借款未还，约定月底前还清。"),
    ("01", "示例村1组8号", "夫妻吵架，已劝和，次日回访。"),
    ("04", "示例村7组田坎", "田坎界址不清，双方各执一词。"),
];
