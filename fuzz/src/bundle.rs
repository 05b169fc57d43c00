//! Files that somebody carries: the text, what it holds once it is decrypted, and the code.

use domain::sync::bundle::{Code, Content, Load, NONCE_BYTES, SALT_BYTES, Sealed};

use crate::{codec, seed};

/// Every byte is read as each of the three; what is read comes back as it was.
pub(crate) fn run(input: &[u8]) {
    if let Ok(sealed) = Sealed::read(input) {
        assert_eq!(Sealed::read(&sealed.write()).as_ref(), Ok(&sealed));
    }
    if let Ok(content) = Content::read(input) {
        assert_eq!(Content::read(&content.write()).as_ref(), Ok(&content));
        match content {
            Content::Requests(requests) => requests.iter().for_each(|one| codec::request(one)),
            Content::Load(load) => load.pages.iter().for_each(|page| codec::answer(page)),
        }
    }
    let typed = String::from_utf8_lossy(input);
    if let Some(code) = Code::read(&typed) {
        assert_eq!(Code::read(&code.grouped()), Some(code));
    }
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let requests = [seed::dispute(10), seed::patrol(20)];
    let requests = requests.map(|made| seed::request(1, &made, true).encode());
    let content = Content::Requests(requests.to_vec()).write();
    let load = Load {
        grids: vec![seed::grid()],
        pages: codec::answer_seeds(),
    };
    let load = Content::Load(load).write();
    let file = Sealed {
        salt: [1; SALT_BYTES],
        nonce: [2; NONCE_BYTES],
        sealed: content.clone(),
    };
    vec![
        file.write(),
        content,
        load,
        Code::new([7; 12]).grouped().into_bytes(),
    ]
}
