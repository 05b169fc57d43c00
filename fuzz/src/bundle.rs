//! Files that somebody carries: the text, what it holds once it is decrypted, and the code.

use domain::sync::bundle::{self, Code, NONCE_BYTES, SALT_BYTES, Sealed};

use crate::{codec, seed};

/// Every byte is read as each of the three; what is read comes back as it was.
pub(crate) fn run(input: &[u8]) {
    if let Ok(sealed) = Sealed::read(input) {
        assert_eq!(Sealed::read(&sealed.write()).as_ref(), Ok(&sealed));
    }
    if let Ok(requests) = bundle::read(input) {
        assert_eq!(
            bundle::read(&bundle::write(&requests)),
            Ok(requests.clone())
        );
        for request in requests {
            codec::request(&request);
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
    let content = bundle::write(&requests);
    let file = Sealed {
        salt: [1; SALT_BYTES],
        nonce: [2; NONCE_BYTES],
        sealed: content.clone(),
    };
    vec![
        file.write(),
        content,
        Code::new([7; 12]).grouped().into_bytes(),
    ]
}
