//! An organisation in a file: whatever it lists is taken whole or refused with its flaws.

use sync_server::store::org::Draft;
use sync_server::store::org::judge::{FLAWS_TOLD_MAX, Known, judge, sound};

/// Reads and judges an import file.
pub fn run(input: &[u8]) {
    let Ok(text) = core::str::from_utf8(input) else {
        return;
    };
    let Ok(draft) = Draft::read(text) else {
        return;
    };
    match judge(&Known::default(), &draft) {
        Ok(()) => {
            let twice = judge(&Known::default(), &draft);
            assert!(twice.is_ok(), "the same judgement");
            assert!(sound(&Known::default()).is_ok());
        }
        Err(flaws) => {
            assert!(flaws.count >= flaws.first.len() && flaws.count > 0);
            assert!(flaws.first.len() <= FLAWS_TOLD_MAX);
            let told = flaws.to_string();
            let deceives = |c: char| c != '\n' && domain::text::is_hidden(c);
            assert!(!told.chars().any(deceives));
        }
    }
}

/// A sound organisation, and one with a circle.
pub fn seeds() -> Vec<Vec<u8>> {
    let sound = br#"{"units":[{"id":"c","level":1,"name":"C"},{"id":"d","level":2,"name":"D","parent":"c"},{"id":"s","level":3,"name":"S","parent":"d"},{"id":"g","level":5,"name":"G","parent":"s","village_code":"v","village":"V"}],"people":[{"id":"p","name":"P","roles":["mediator"],"units":["g"]}],"checkpoints":[]}"#;
    let circle = br#"{"units":[{"id":"d","level":4,"name":"D","parent":"s"},{"id":"s","level":3,"name":"S","parent":"d"}]}"#;
    vec![sound.to_vec(), circle.to_vec()]
}
