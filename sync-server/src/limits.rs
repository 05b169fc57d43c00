//! Every limit of the server: each a constant, with its unit in its name or type.

use std::time::Duration;

use domain::sync::message::HEAD_BYTES_MAX;

/// Most bytes in the body of one exchange.
pub const EXCHANGE_BODY_BYTES_MAX: usize = 1024 * 1024;
/// Most bytes in the body of a question for an overview.
pub const OVERVIEW_BODY_BYTES_MAX: usize = 16 * 1024;
/// Most bytes of log entries in one answer; a device that asks for more gets this.
pub const ANSWER_BYTES_MAX: usize = 512 * 1024;
/// Fewest bytes of log entries that a device may ask for: one entry is sent in any case.
pub const ANSWER_BYTES_MIN: usize = 1024;

/// Most requests of one device that are kept because they were cut.
pub const PARTS_PER_DEVICE_MAX: usize = 4;
/// Most bytes of requests of all devices that are kept because they were cut; each takes at least
/// [`PART_BYTES_MIN`].
pub const PARTS_BYTES_MAX: usize = 8 * 1024 * 1024;
/// The longest request that somebody who has not joined may send in parts, in bytes.
pub const PART_STRANGER_BYTES_MAX: usize = 4 * 1024;
/// Most requests of strangers from one network that are kept because they were cut: a whole station
/// may join behind one address.
pub const PARTS_PER_NETWORK_MAX: usize = 16;
/// Most bytes of strangers' requests; each takes [`PART_BYTES_MIN`].
pub const PARTS_STRANGERS_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Most answers that are kept for one device: it reads one at a time, and may be late with one.
pub const ANSWERS_PER_DEVICE_MAX: usize = 2;
/// Most bytes of answers that are kept because they may be cut.
pub const PARTS_ANSWERS_BYTES_MAX: usize = 16 * 1024 * 1024;
/// How long they are kept.
pub const PARTS_KEPT: Duration = Duration::from_secs(10 * 60);
/// Answers from so many bytes on can be taken up where they were cut.
pub const PART_BYTES_MIN: usize = 4 * 1024;

/// Most bytes in one piece of a photo.
pub const PHOTO_PIECE_BYTES_MAX: usize = 128 * 1024;
/// Most photos that one device may have begun and not finished; the oldest make room.
pub const PHOTO_PARTS_PER_DEVICE_MAX: usize = 8;
/// How long a photo that was begun and not finished is kept.
pub const PHOTO_PARTS_KEPT: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// How long a picture that no record names is kept, in milliseconds: as long as the changes that might
/// name it can still come back after a restore.
pub const PHOTO_UNNAMED_KEPT_MS: i64 = RESTORED_MS;
/// How old the file of such a picture must be in any case, in milliseconds.
pub const PHOTO_FILE_AGE_MIN_MS: i64 = 24 * 60 * 60 * 1000;
/// How often pictures are looked through.
pub const SWEEP_EVERY: Duration = Duration::from_secs(24 * 60 * 60);
/// Entries of the log that are read at a time for it.
pub const SWEEP_ENTRIES: u64 = 100;
/// Pictures that go in one transaction.
pub const SWEEP_PICTURES: i64 = 200;

/// How long a client may take to send the head of a request.
pub const HEADER_READ_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection may stay silent before its first byte, the TLS handshake included.
pub const FIRST_BYTE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection may neither give nor take a byte.
pub const CONNECTION_IDLE_TIMEOUT: Duration = Duration::from_secs(75);
/// Most bytes that are buffered for callers not yet known.
pub const STRANGER_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Most of them for one prefix.
pub const STRANGER_BYTES_PER_PREFIX_MAX: usize = 8 * 1024 * 1024;
/// What a request takes of them until its sender is known: the first bytes that are kept, and one
/// frame of which they are taken.
pub const STRANGER_REQUEST_BYTES: usize = HEAD_BYTES_MAX + 16 * 1024;
/// Most requests of one connection whose senders are being looked up: as many as keep all strangers
/// of a prefix within its share.
pub const LOOKUPS_PER_CONNECTION_MAX: usize = 3;
/// Most bytes that are buffered for known devices.
pub const KNOWN_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Most of them for one device.
pub const KNOWN_BYTES_PER_DEVICE_MAX: usize = 8 * 1024 * 1024;
/// Most bytes of long requests that only their last bytes prove: apps send such in parts, and prove
/// each.
pub const CLAIM_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Most of them for one prefix.
pub const CLAIM_BYTES_PER_PREFIX_MAX: usize = 4 * 1024 * 1024;
/// How long a request waits for room.
pub const BUDGET_WAIT: Duration = Duration::from_secs(5);
/// Most requests that wait for room in one budget.
pub const BUDGET_WAITING_MAX: usize = 512;
/// Most of them that wait for the room of one device or prefix.
pub const BUDGET_WAITING_PER_KEY_MAX: usize = 64;
/// When a client that found no room may come again, in seconds.
pub const CROWDED_RETRY_SECONDS: u32 = 2;
/// How long the first bytes of a body may take, from which its sender is known.
pub const FIRST_BYTES_TIMEOUT: Duration = Duration::from_secs(15);
/// Within which time a body must bring [`BODY_BYTES_MIN`] more, or end.
pub const BODY_PAUSE_TIMEOUT: Duration = Duration::from_secs(30);
/// What a body must bring within [`BODY_PAUSE_TIMEOUT`]: a quarter of what one bar of signal can.
pub const BODY_BYTES_MIN: usize = 8 * 1024;
/// How long the rest of a refused body is thrown away, so that its sender can read why.
pub const LINGER_TIMEOUT: Duration = Duration::from_secs(60);
/// How long such a body is left alone after each [`LINGER_BYTES`].
pub const LINGER_PAUSE: Duration = Duration::from_millis(50);
/// How much of such a body is thrown away at a time.
pub const LINGER_BYTES: usize = 64 * 1024;
/// How long a whole body may take: one mebibyte at 32 kbit/s.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(270);
/// Most bytes that a connection brings that no request of a known device pays for, before it is read
/// slowly: the handshake, what may be on its way over HTTP/2, and as much again.
pub const UNASKED_BYTES_MAX: usize = 128 * 1024;
/// What each request of a known device pays for beside its body: its head and small frames.
pub const UNASKED_BYTES_PER_REQUEST: usize = 2 * 1024;
/// One part in so many that carrying a body costs beside its bytes.
pub const UNASKED_SHARE: usize = 8;
/// The distance of two bytes beyond that, for all connections of a prefix: 64 KiB in a second.
pub const UNASKED_PACE: Duration = Duration::from_nanos(1_000_000_000 / (64 * 1024));
/// The longest that a connection is left unread for it.
pub const UNASKED_WAIT_MAX: Duration = Duration::from_secs(10);
/// Most prefixes whose pace is remembered.
pub const PACED_PREFIXES_MAX: usize = 8 * 1024;
/// How often an HTTP/2 connection is asked whether it is alive, and how long it may take to say so.
pub const HTTP2_PING_INTERVAL: Duration = Duration::from_secs(30);
/// Most requests at a time on one HTTP/2 connection.
pub const HTTP2_STREAMS_MAX: u32 = 8;
/// Most bytes of one request's body that may be on their way over HTTP/2 before they are asked for.
pub const HTTP2_STREAM_WINDOW_BYTES: u32 = 32 * 1024;
/// The same for a whole connection; the protocol knows no smaller window.
pub const HTTP2_CONNECTION_WINDOW_BYTES: u32 = 64 * 1024 - 1;
/// Most bytes in one frame of HTTP/2; the protocol knows no smaller limit.
pub const HTTP2_FRAME_BYTES: usize = 16 * 1024;
/// Most bytes of an answer that wait in an HTTP/2 connection.
pub const HTTP2_SEND_BYTES_MAX: usize = 64 * 1024;
/// Most requests that may have been reset before they were looked at, until the connection ends.
pub const HTTP2_RESETS_PENDING_MAX: usize = 8;
/// Most requests that the server may have reset for errors of the client, until the connection ends.
pub const HTTP2_RESETS_MAX: usize = 64;
/// Most bytes that an HTTP/1.1 connection buffers, and in the head of a request.
pub const HTTP1_BUFFER_BYTES_MAX: usize = 16 * 1024;
/// Most bytes that TLS buffers of what is to be sent.
pub const TLS_BUFFER_BYTES_MAX: usize = 16 * 1024;
/// Most bytes in the head of a request over HTTP/2.
pub const HEADER_BYTES_MAX: u32 = 8 * 1024;
/// Most header lines in a request.
pub const HEADER_COUNT_MAX: usize = 64;
/// Most connections that wait to be accepted, as far as the system allows.
pub const KNOCKING_MAX: u32 = 4_096;
/// Most open connections that have proven nothing.
pub const STRANGERS_MAX: usize = 512;
/// Most of them from one prefix.
pub const STRANGERS_PER_PREFIX_MAX: usize = 128;
/// How long a stranger must have been idle to give way before others that are.
pub const STRANGER_QUIET: Duration = Duration::from_secs(1);
/// How long a stranger that is being answered does not give way to its own address.
pub const STRANGER_FRESH: Duration = Duration::from_secs(5);
/// Most open connections of known devices.
pub const KNOWN_CONNECTIONS_MAX: usize = 1_536;
/// Most of them for one device; more of them count as strangers.
pub const KNOWN_CONNECTIONS_PER_DEVICE: usize = 8;
/// Most open connections of trusted proxies.
pub const PROXY_CONNECTIONS_MAX: usize = 512;
/// Files that the process opens beside its connections.
pub const FILES_KEPT: usize = 128;
/// How long requests in flight may take to finish when the server stops.
pub const SHUTDOWN_GRACE: Duration = Duration::from_secs(10);

/// Bytes of a request for news: a device and its secret.
pub const NEWS_BODY_BYTES: usize = 32;
/// Most devices that listen for news at a time.
pub const NEWS_MAX: usize = 512;
/// Most windows of one device that listen for news at a time.
pub const NEWS_PER_DEVICE_MAX: usize = 4;
/// How often a listener that hears nothing is told that the connection lives.
pub const NEWS_ALIVE_EVERY: Duration = Duration::from_secs(25);
/// How long an invitation can be used, in milliseconds.
pub const INVITATION_MS: i64 = 7 * 24 * 60 * 60 * 1000;
/// Failed attempts to join that one prefix may make within [`JOIN_WINDOW`] without a wait.
pub const JOIN_FAILURES_PER_PREFIX_MAX: u32 = 20;
/// Failed attempts to join that all may make together within [`JOIN_WINDOW`] without a wait.
pub const JOIN_FAILURES_MAX: u32 = 2_000;
/// The window in which failed attempts to join are counted.
pub const JOIN_WINDOW: Duration = Duration::from_secs(600);
/// Most addresses whose failed attempts are remembered.
pub const JOIN_ADDRESSES_MAX: usize = 8_192;
/// How long passes between two attempts that had to wait.
pub const JOIN_LANE_STEP: Duration = Duration::from_millis(250);
/// Most attempts that wait.
pub const JOIN_LANE_MAX: usize = 256;
/// Most of them of one prefix.
pub const JOIN_LANE_PER_PREFIX_MAX: usize = 16;
/// How long an attempt waits.
pub const JOIN_LANE_WAIT: Duration = Duration::from_secs(30);

/// How long the answer to a batch is kept for a device that asks again, in milliseconds.
pub const BATCH_KEPT_MS: i64 = 30 * 24 * 60 * 60 * 1000;
/// How long a sign that the server was restored counts, in milliseconds: pictures are not deleted
/// meanwhile, since what names them may be on its way back.
pub const RESTORED_MS: i64 = 90 * 24 * 60 * 60 * 1000;
/// How old the note of such a sign may grow before the next one is written down, in milliseconds.
pub const RESTORED_STEP_MS: i64 = 24 * 60 * 60 * 1000;
/// Most days for which healing is opened at a time.
pub const HEALING_DAYS_MAX: u32 = 365;
/// Most people whose changes one batch passes on.
pub const AUTHORS_MAX: usize = 64;
/// Most passed-on steps that are held for the station.
pub const HELD_MAX: i64 = 10_000;
/// Most comparisons of unknown author keys with devices for one batch.
pub const KEYS_COMPARED_MAX: usize = 500_000;
/// Most refused items that are kept aside for study.
pub const POISON_COUNT_MAX: i64 = 10_000;
/// Most of them of one device.
pub const POISON_PER_DEVICE_MAX: usize = 1_000;
/// How long it is known that something of a batch was refused, in milliseconds.
pub const REFUSED_KEPT_MS: i64 = BATCH_KEPT_MS;

// What a device may bring in a day: decision 0019 tells how the figures come about.
/// Most new changes of one device in a day.
pub const DAILY_CHANGES: u64 = 25_000;
/// Most bytes of new changes of one device in a day.
pub const DAILY_BYTES: u64 = 16 * 1024 * 1024;
/// Most new records of one device in a day.
pub const DAILY_RECORDS: u64 = 3_000;
/// Most changes of one device that are refused in a day.
pub const DAILY_REFUSED: u64 = 2_000;
/// Most bytes of photos of one device in a day.
pub const DAILY_PHOTO_BYTES: u64 = 320 * 1024 * 1024;
/// How long it is kept what a device brought in a day, in milliseconds.
pub const USAGE_KEPT_MS: i64 = 30 * 24 * 60 * 60 * 1000;
/// Most devices that a station is told of.
pub const NOTICES_MAX: i64 = 32;

/// How often an answer is read anew because somebody's rights changed meanwhile.
pub const LOOKS_MAX: usize = 4;
/// Most records that are taken out of use in one write.
pub const RETIRED_AT_ONCE: usize = 128;
/// Most records that were taken out of use or given back of which one answer tells.
pub const RETIRED_TOLD_MAX: i64 = 2_000;

/// Bodies from so many bytes on are worked on to the end, whether their client is still there or not.
pub const WORK_BODY_BYTES: usize = 512;
/// Bodies from so many bytes on are long: their batches leave one place free for short ones.
pub const LONG_BODY_BYTES: usize = 16 * 1024;
/// Most batches of one device from one network that wait for their turn.
pub const BATCHES_WAITING_MAX: usize = 4;
/// The same from all networks.
pub const BATCHES_WAITING_ANYWHERE_MAX: usize = 32;
/// Seconds after which a device whose batches all wait is to come again.
pub const QUEUE_WAIT_S: u32 = 10;
/// How often a batch is judged outside the write before that is done within it.
pub const JUDGING_TRIES: usize = 3;
/// How long nothing behind a damaged change counts as seen by the station while the server waits for
/// somebody to bring it back.
pub const DAMAGED_AWAITED_MS: i64 = 14 * 24 * 60 * 60 * 1000;
/// Most changes, those that are known among them, of records that are judged within the write.
pub const JUDGED_WITHIN_MAX: usize = 128;
/// How often a batch is judged whose open records have more: then its device is to come again.
pub const JUDGING_TRIES_LONG: usize = 8;
/// Most scopes of people that are kept worked out.
pub const SCOPES_MAX: usize = 512;
/// Most grids in the directory of a supervisor's device.
pub const SUPERVISOR_GRIDS_MAX: usize = 1_000;
/// Most receipts that are kept for one device.
pub const BATCHES_PER_DEVICE_MAX: i64 = 256;
/// How old the note of a device's last visit may grow, in milliseconds: a visit that brings nothing
/// is not worth a write to the disk.
pub const LAST_SEEN_STEP_MS: i64 = 10 * 60 * 1000;
/// How many places a device's cursor may lag behind the log without being sent a new one, where the
/// entries between are not in its scope.
pub const CURSOR_LAG_MAX: u64 = 256;
/// Most entries in one answer.
pub const ANSWER_ENTRIES_MAX: i64 = 4_000;
/// Most changes of one document.
pub const DOC_CHANGES_MAX: usize = 10_000;
/// Most bytes of all changes of one document: whoever opens it reads all of them.
pub const DOC_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Most operations of all changes of one document: a run of them costs a few bytes to send, but each
/// is kept in memory by everyone who opens the document.
pub const DOC_OPS_MAX: u64 = 20_000;
/// How often the log tells how much was refused.
pub const TELL_REFUSED_EVERY: Duration = Duration::from_secs(60);
/// Most answers of one device that read the database at a time, with some to spare for another window:
/// there are few readers, and each of the others waits for one.
pub const LOOKS_PER_DEVICE_MAX: usize = 2;
/// Most open readers of the database.
pub const READERS_MAX: u32 = 3;
/// How long a query may take that somebody waits for, with whatever the function it is part of asks
/// besides: a hundred times what the slowest honest one takes.
pub const QUERY_TIME_MAX: Duration = Duration::from_secs(30);
/// Most bytes of an organisation in a file.
pub const ORG_FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// How long one process waits for another one's write to the database.
pub const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// Most bytes of all files of the app together, as they lie on the disk.
pub const APP_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// Entries in scope from which on a first load comes in frames.
pub const FRAMES_FROM: u64 = 512;
/// Entries that a device may have to read from the log after frames; more, and new ones are made.
pub const FRAMES_LAG_MAX: u64 = 2_000;
/// Bytes of changes in a frame; one change is sent in any case.
pub const FRAME_BYTES: usize = 448 * 1024;
/// Frames that are kept of one scope and one place in the log: of a station ten times as large as any.
pub const FRAMES_PER_PLACE_MAX: i64 = 256;
/// Records in a frame of changes.
pub const FRAME_RECORDS_MAX: usize = 2_000;
/// Rows in a frame of rows.
pub const FRAME_ROWS_MAX: usize = 4_000;
/// Bytes of rows in a frame, unpacked.
pub const FRAME_ROWS_BYTES_MAX: usize = 768 * 1024;
/// The most keys of a device; none gives way to another one.
pub const KEYS_PER_DEVICE_MAX: usize = 8;
/// How often the running server looks whether another process took somebody's rights away.
pub const RIGHTS_EVERY: Duration = Duration::from_millis(300);

/// How often everything that is stored is looked through.
pub const SCRUB_EVERY: Duration = Duration::from_secs(24 * 60 * 60);
/// How long that rests after each piece, for others' sake.
pub const SCRUB_REST: Duration = Duration::from_millis(50);
/// Changes that are compared with their names in one piece.
pub const SCRUB_CHANGES: i64 = 256;
/// Records that are folded in one piece.
pub const SCRUB_RECORDS: i64 = 16;
/// Pictures that are compared with their names in one piece.
pub const SCRUB_PICTURES: i64 = 16;
/// Bytes of the newest changes that a start looks at, and of a further piece of all of them.
pub const SCRUB_START_BYTES: usize = 16 * 1024 * 1024;
/// Most of the newest changes among them.
pub const SCRUB_START_CHANGES: i64 = 50_000;
/// How long a start looks at the most.
pub const SCRUB_START: Duration = Duration::from_secs(2);
/// Largest database, in bytes, that a start has SQLite look through.
pub const SCRUB_FILE_BYTES: i64 = 32 * 1024 * 1024;
/// Changes that devices are asked for by name in one answer, because they are damaged here.
pub const WANTED_BACK_MAX: usize = 64;
