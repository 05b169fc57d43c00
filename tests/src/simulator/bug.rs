//! Bugs that are planted at the edges of the real code, to see that the simulator finds them.

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Bug {
    /// The server answers and commits after that: now and then it dies in between.
    AckBeforeCommit,
    /// One bad change in a batch and the whole batch is refused.
    BatchMatesDropped,
    /// The server's cursor is its clock: what came in a minute that went twice is skipped.
    WallClockCursor,
    /// A refused change is dropped without a word.
    SilentRefusal,
    /// Grids that are out of scope are purged from the phone, with what was not sent.
    ScopePurge,
    /// An answer without entries empties the phone.
    EmptyAnswerPurge,
    /// The key that a phone writes under is stored, so that its copy writes under it too.
    StoredActor,
    /// A change that others follow is not stored.
    Orphan,
    /// The directory is believed to be up to date.
    StaleDirectory,
    /// Anything that answers empties the outbox.
    AnyAnswerIsReceipt,
    /// Two drafts have one id, and what is refused of the second is said to be saved.
    DraftIdReused,
    /// News are stored and their rows are not folded again.
    StaleRow,
    /// What comes a second time is stored as another record.
    RepeatIsNewRecord,
    /// The store does not look whether a row was written meanwhile.
    LostUpdate,
    /// The server sends what is new without looking whose it is.
    ScopeLeak,
    /// The last entry of a page is skipped.
    PageSkips,
    /// The cursor is stored before what it stands for.
    CursorFirst,
    /// The receipt of an older batch is believed.
    OtherReceipt,
    /// Of two changes the one with the later clock is kept.
    ClockOrder,
    /// A grid that moves away takes what is unsent with it.
    GridMoveDropsOutbox,
    /// One refused change keeps the rest of the outbox waiting.
    RefusedBlocksRest,
    /// Row and change are written one after the other.
    RowThenChange,
    /// A command that is repeated is put into the outbox twice.
    OutboxTwice,
    /// "Saved" is said before the store says so.
    SavedTooEarly,
    /// The outbox is emptied when another person takes the phone over.
    LogoutDropsOutbox,
    /// "Seen" is said of all that was sent.
    SeenTooEarly,
    /// What was refused is kept without its bytes.
    EvidenceLost,
    /// The server notes the phone's clock for its own.
    DeviceClockBelieved,
    /// What failed is tried again at once.
    NoBackoff,
    /// "An exchange is under way" is stored, and the app dies meanwhile.
    StuckFlag,
    /// What was kept of an answer is given to whoever knows its name.
    KeptForAnybody,
    /// Whoever has a device's secret brings a key of their own.
    SecretEnrols,
    /// The server takes what lies on its disk for what was written there.
    ServesDamaged,
    /// The server believes a cursor that it did not make: it concludes that it was restored.
    CursorBelieved,
    /// The server takes what is passed on because a device says that it passes it on.
    HealingOnWord,
    /// What a colleague's device handed over counts as the server's.
    HandBelieved,
}

impl Bug {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::AckBeforeCommit,
        Self::BatchMatesDropped,
        Self::WallClockCursor,
        Self::SilentRefusal,
        Self::ScopePurge,
        Self::EmptyAnswerPurge,
        Self::StoredActor,
        Self::Orphan,
        Self::StaleDirectory,
        Self::AnyAnswerIsReceipt,
        Self::DraftIdReused,
        Self::StaleRow,
        Self::RepeatIsNewRecord,
        Self::LostUpdate,
        Self::ScopeLeak,
        Self::PageSkips,
        Self::CursorFirst,
        Self::OtherReceipt,
        Self::ClockOrder,
        Self::GridMoveDropsOutbox,
        Self::RefusedBlocksRest,
        Self::RowThenChange,
        Self::OutboxTwice,
        Self::SavedTooEarly,
        Self::LogoutDropsOutbox,
        Self::SeenTooEarly,
        Self::EvidenceLost,
        Self::DeviceClockBelieved,
        Self::NoBackoff,
        Self::StuckFlag,
        Self::KeptForAnybody,
        Self::SecretEnrols,
        Self::ServesDamaged,
        Self::CursorBelieved,
        Self::HealingOnWord,
        Self::HandBelieved,
    ];

    /// The bug with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|bug| format!("{bug:?}") == name)
    }
}
