-- How each key came to its device, who vouched for it, and the day on which it was last used.
ALTER TABLE device_key ADD COLUMN how TEXT NOT NULL DEFAULT 'secret';
ALTER TABLE device_key ADD COLUMN voucher BLOB;
ALTER TABLE device_key ADD COLUMN used_day INTEGER;

-- An invitation may be for one device alone; it is listed and cancelled by its handle.
ALTER TABLE invitation ADD COLUMN device BLOB;
ALTER TABLE invitation ADD COLUMN handle TEXT NOT NULL DEFAULT '';
ALTER TABLE invitation ADD COLUMN cancelled_at INTEGER;
UPDATE invitation SET handle = lower(hex(randomblob(4)));

-- When a person or a unit was retired.
ALTER TABLE person ADD COLUMN retired_at INTEGER;
ALTER TABLE unit ADD COLUMN retired_at INTEGER;

-- Who may come in: the one place that decides it. A person who has units has an active one.
CREATE VIEW active_person AS
    SELECT p.id AS id FROM person p WHERE p.active = 1
    AND (NOT EXISTS (SELECT 1 FROM membership m WHERE m.person = p.id)
        OR EXISTS (SELECT 1 FROM membership m JOIN unit u ON u.id = m.unit
            WHERE m.person = p.id AND u.active = 1));
CREATE VIEW active_device AS
    SELECT d.id AS id, d.person AS person, d.acked_seq AS acked_seq FROM device d
    JOIN active_person p ON p.id = d.person WHERE d.revoked_at IS NULL;
