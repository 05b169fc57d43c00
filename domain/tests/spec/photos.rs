//! PH: what a record says of its photos.

use domain::access::{Refusal, judge};
use domain::command::{Command, Denial};
use domain::document::{Document, Edit, Stamp, Value};
use domain::id::{ItemId, PhotoHash, RecordId};
use domain::record::hazard::NewHazard;
use domain::record::patrol::StartDraft;
use domain::record::photo::{PHOTOS_MAX, Photo, add_edits};
use domain::record::{Header, Kind, Said};
use domain::replica::CommandError;
use domain::unit::Role;

use crate::fixture::{actor, member, morning, new_dispute, officer, record, said, station, unit};
use crate::phone::{Phone, Server};

pub fn photo(n: u8) -> Photo {
    Photo {
        full: PhotoHash([n; 32]),
        full_bytes: 150_000,
        width: 1600,
        height: 1200,
        thumb: PhotoHash([n ^ 0xff; 32]),
        thumb_bytes: 9_000,
        taken_at: morning(),
    }
}

fn item(n: u8) -> ItemId {
    ItemId::new(morning(), [n; 10])
}

fn add(id: RecordId, n: u8) -> Command {
    Command::AddPhoto {
        id,
        item: item(n),
        photo: photo(n),
    }
}

fn begin() -> [(RecordId, Command); 3] {
    let hazard = NewHazard {
        grid: unit("g1"),
        category: said("H08"),
        place: said("桥"),
        description: said("护栏断了"),
        level: said("1"),
        patrol: None,
        fixed: Said::default(),
    };
    let patrol = StartDraft {
        grid: "g1".to_owned(),
        ..StartDraft::default()
    };
    let (one, two, three) = (record(1), record(2), record(3));
    [
        (
            one,
            Command::RegisterDispute {
                id: one,
                new: new_dispute(),
            },
        ),
        (
            two,
            Command::RegisterHazard {
                id: two,
                new: hazard,
            },
        ),
        (
            three,
            Command::StartPatrol {
                id: three,
                new: patrol.parse().expect("a sound form"),
            },
        ),
    ]
}

#[test]
fn ph2_a_photo_is_added_once_and_taken_away_for_good_on_every_phone() {
    let (mine, theirs) = (officer("p1"), station());
    let (mut one, mut two) = (Phone::new(1, &mine), Phone::new(2, &theirs));
    let mut server = Server::with(&[(&one, &mine), (&two, &theirs)]);
    for (id, command) in begin() {
        one.act(&mut server, command).expect("saved");
        for n in [7, 8, 7] {
            one.act(&mut server, add(id, n)).expect("saved");
        }
        one.sync(&mut server);
        two.sync(&mut server);
        let keys = [photo(7).full.key(), photo(8).full.key()];
        assert_eq!(two.row(id).photos, keys);
        let case = two.case(id);
        assert_eq!(case.photos.len(), 2);
        assert_eq!(
            (case.photos[0].photo, case.photos[0].by.as_str()),
            (photo(7), "p1")
        );

        let remove = Command::RemovePhoto { id, photo: item(7) };
        two.act(&mut server, remove.clone()).expect("saved");
        let again = two.act(&mut server, remove);
        assert_eq!(again, Err(CommandError::Denied(Denial::Nothing)));
        two.sync(&mut server);
        one.sync(&mut server);
        assert_eq!(one.row(id).photos, keys[1..]);
        // What was taken away does not come back by being named once more.
        one.act(&mut server, add(id, 7)).expect("nothing to do");
        assert_eq!(one.row(id).photos, keys[1..]);
    }
}

#[test]
fn a_record_takes_no_more_photos_than_it_may() {
    let known = officer("p1");
    let mut phone = Phone::new(1, &known);
    let mut server = Server::with(&[(&phone, &known)]);
    let [(id, command), ..] = begin();
    phone.act(&mut server, command).expect("saved");
    let most = u8::try_from(PHOTOS_MAX).expect("few");
    for n in 0..most {
        phone.act(&mut server, add(id, n)).expect("saved");
    }
    let over = phone.act(&mut server, add(id, most));
    assert_eq!(over, Err(CommandError::Denied(Denial::TooManyPhotos)));
    assert_eq!(phone.row(id).photos.len(), PHOTOS_MAX);
}

#[test]
fn nobody_adds_a_photo_in_another_name_or_alters_one() {
    let me = member("p1", &[Role::AuxOfficer], &["g1"]);
    let header = Header {
        kind: Kind::Task,
        schema: 1,
        grid: unit("g1"),
        number: "N".to_owned(),
        by: me.person.clone(),
        created_at: morning(),
    };
    let mut document = Document::default();
    let stamp = Stamp {
        actor: actor(1),
        at: morning(),
    };
    document.commit(stamp, &header.edits()).expect("edits");
    let first = document.tree();
    let other = "p2".parse().expect("a code");
    let forged = add_edits(item(1), &other, &photo(1));
    document.commit(stamp, &forged).expect("edits");
    let judged = judge(&me, Some(&first), &document.tree());
    assert_eq!(judged, Err(Refusal::AnotherName));

    let before = document.tree();
    let path = format!("ev/{}/bytes", item(1));
    let longer = [Edit::new(path, Value::Int(1_000))];
    document.commit(stamp, &longer).expect("edits");
    let judged = judge(&me, Some(&before), &document.tree());
    assert_eq!(judged, Err(Refusal::Fixed));
}
