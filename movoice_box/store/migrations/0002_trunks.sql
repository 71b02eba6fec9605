-- A trunk is one JSON document beside its name and its sealed password: what a trunk can be asked
-- for grows with every kind of gateway, and hardly a query looks into it.
CREATE TABLE trunk_documents (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    password BLOB,                         -- sealed (store/sealing.py)
    document TEXT NOT NULL,                -- JSON, the fields of domain.trunk.TrunkAccount
    created_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO trunk_documents
SELECT id, name, password,
       json_object(
           'host', host, 'port', port, 'transport', transport, 'username', username,
           'register', json(iif(register, 'true', 'false')), 'channels', channels,
           'caller_id', caller_id, 'ring_timeout_s', ring_timeout_s, 'driver', driver,
           'number_format', number_format,
           'is_enabled', json(iif(is_enabled, 'true', 'false'))),
       created_at
FROM trunks;

DROP TABLE trunks;
ALTER TABLE trunk_documents RENAME TO trunks;

-- batches.trunk_id is '' where the box chooses the trunk of each call.
ALTER TABLE batches ADD COLUMN caller_id TEXT;

ALTER TABLE calls ADD COLUMN trunk_id TEXT;      -- that carried it; NULL before its dial
ALTER TABLE calls ADD COLUMN channel TEXT;       -- name of the GSM port
ALTER TABLE calls ADD COLUMN direction TEXT NOT NULL DEFAULT 'outbound';
ALTER TABLE calls ADD COLUMN quality TEXT;       -- JSON of domain.quality.MediaQuality
ALTER TABLE calls ADD COLUMN early_media TEXT;   -- JSON of domain.early_media.EarlyMediaVerdict

UPDATE calls SET trunk_id = (SELECT trunk_id FROM batches WHERE batches.id = calls.batch_id)
WHERE dialed_at IS NOT NULL;

CREATE INDEX recipients_extensions ON recipients (state, batch_id, row)
WHERE substr(phone, 1, 1) <> '+';      -- of a PBX: few, among any number of numbers

CREATE INDEX calls_by_phone ON calls (phone, dialed_at);
CREATE INDEX calls_by_trunk ON calls (trunk_id, dialed_at);

DROP VIEW call_records;
CREATE VIEW call_records AS                -- calls with what their row and batch know of them
SELECT calls.*, recipients.row, recipients.variables, batches.agent_id, batches.kind,
       coalesce(calls.trunk_id, nullif(batches.trunk_id, '')) AS chosen_trunk_id
FROM calls
JOIN recipients ON recipients.id = calls.recipient_id
JOIN batches ON batches.id = calls.batch_id;
