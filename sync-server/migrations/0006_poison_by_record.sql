-- What is refused again and again is kept once: found without reading everything that was refused.
CREATE INDEX poison_by_record ON poison (device, record, part);
