-- Times are UTC text, 'YYYY-MM-DDTHH:MM:SS.mmm+00:00', so that they sort as text.

CREATE TABLE box_facts (                   -- one-time facts: the set-up token and the like
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE users (
    name TEXT PRIMARY KEY COLLATE NOCASE,
    password_hash TEXT NOT NULL,
    created_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE web_sessions (
    token_hash TEXT PRIMARY KEY,
    user_name TEXT NOT NULL REFERENCES users (name) ON DELETE CASCADE,
    expires_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE api_keys (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    key_hash TEXT NOT NULL UNIQUE,
    created_at TEXT NOT NULL,
    last_used_at TEXT
) STRICT;

CREATE TABLE agents (
    id TEXT PRIMARY KEY,
    document TEXT NOT NULL,                -- JSON, the shape of domain.agent.Agent.to_document
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE trunks (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    host TEXT NOT NULL,
    port INTEGER NOT NULL,
    transport TEXT NOT NULL,
    username TEXT,
    password BLOB,                         -- sealed (store/sealing.py)
    register INTEGER NOT NULL,
    channels INTEGER NOT NULL,
    caller_id TEXT,
    ring_timeout_s INTEGER NOT NULL,
    driver TEXT NOT NULL,
    number_format TEXT NOT NULL,
    is_enabled INTEGER NOT NULL,
    created_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE batches (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('batch', 'single')),
    agent_id TEXT NOT NULL,
    agent_document TEXT NOT NULL,          -- the agent as it was at launch
    trunk_id TEXT NOT NULL,
    state TEXT NOT NULL,
    concurrency INTEGER NOT NULL,
    schedule_at TEXT,
    created_at TEXT NOT NULL,
    started_at TEXT,
    ended_at TEXT,
    pause_reason TEXT,                     -- why the box paused it by itself
    completed_event_at TEXT                -- set once batch.completed is in the outbox
) STRICT, WITHOUT ROWID;

CREATE INDEX batches_by_state ON batches (state, schedule_at);

CREATE TABLE recipients (
    id INTEGER PRIMARY KEY,
    batch_id TEXT NOT NULL REFERENCES batches (id),
    row INTEGER NOT NULL,                  -- counts from 1 in the owner's list
    phone TEXT NOT NULL,                   -- E.164, or as given where it is not a number
    variables TEXT NOT NULL,               -- JSON object
    state TEXT NOT NULL,
    skip_reason TEXT,
    skip_message TEXT,
    disposition TEXT,
    outcome TEXT,
    call_id TEXT,
    UNIQUE (batch_id, row)
) STRICT;

CREATE INDEX recipients_by_state ON recipients (batch_id, state, row);

-- How many recipients a batch has in each state; kept by triggers so that it cannot drift and
-- a page of a large batch costs a handful of rows.
CREATE TABLE batch_tally (
    batch_id TEXT NOT NULL,
    state TEXT NOT NULL,
    disposition TEXT NOT NULL,             -- '' before the call ended
    outcome TEXT NOT NULL,                 -- '' before the call ended
    recipients INTEGER NOT NULL,
    PRIMARY KEY (batch_id, state, disposition, outcome)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER recipients_added AFTER INSERT ON recipients BEGIN
    INSERT INTO batch_tally
    VALUES (NEW.batch_id, NEW.state, coalesce(NEW.disposition, ''), coalesce(NEW.outcome, ''), 1)
    ON CONFLICT DO UPDATE SET recipients = recipients + 1;
END;

CREATE TRIGGER recipients_moved AFTER UPDATE OF state, disposition, outcome ON recipients BEGIN
    UPDATE batch_tally SET recipients = recipients - 1
    WHERE batch_id = OLD.batch_id AND state = OLD.state
      AND disposition = coalesce(OLD.disposition, '') AND outcome = coalesce(OLD.outcome, '');
    INSERT INTO batch_tally
    VALUES (NEW.batch_id, NEW.state, coalesce(NEW.disposition, ''), coalesce(NEW.outcome, ''), 1)
    ON CONFLICT DO UPDATE SET recipients = recipients + 1;
END;

CREATE TABLE calls (
    id TEXT PRIMARY KEY,
    batch_id TEXT NOT NULL REFERENCES batches (id),
    recipient_id INTEGER NOT NULL REFERENCES recipients (id),
    phone TEXT NOT NULL,
    state TEXT NOT NULL,
    disposition TEXT,
    outcome TEXT,
    summary TEXT NOT NULL DEFAULT '',
    transcript TEXT NOT NULL DEFAULT '[]', -- JSON [{at_ms, speaker, text}]
    collected TEXT NOT NULL DEFAULT '{}',  -- JSON object
    sip_call_id TEXT,
    sip_status INTEGER,
    sip_reason TEXT NOT NULL DEFAULT '',
    q850_cause INTEGER,
    ended_by TEXT,
    recording TEXT,                        -- file name in the recordings folder
    created_at TEXT NOT NULL,
    dialed_at TEXT,
    ringing_at TEXT,
    answered_at TEXT,
    ended_at TEXT
) STRICT, WITHOUT ROWID;

CREATE INDEX calls_by_batch ON calls (batch_id, id);
CREATE INDEX calls_live ON calls (state) WHERE state <> 'ended';

CREATE VIEW call_records AS                -- calls with what their row and batch know of them
SELECT calls.*, recipients.row, recipients.variables,
       batches.agent_id, batches.trunk_id, batches.kind
FROM calls
JOIN recipients ON recipients.id = calls.recipient_id
JOIN batches ON batches.id = calls.batch_id;

CREATE TABLE dnd (
    phone TEXT PRIMARY KEY,                -- E.164
    source TEXT NOT NULL,                  -- owner, import, opt_out
    note TEXT NOT NULL,
    call_id TEXT,
    added_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE webhooks (
    id TEXT PRIMARY KEY,
    url TEXT NOT NULL,
    events TEXT NOT NULL,                  -- JSON list of event types
    secret BLOB NOT NULL,                  -- sealed
    is_enabled INTEGER NOT NULL,
    created_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE events (
    id TEXT PRIMARY KEY,
    type TEXT NOT NULL,
    batch_id TEXT,
    call_id TEXT,
    body TEXT NOT NULL,                    -- JSON, sent as it stands
    created_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE deliveries (
    id INTEGER PRIMARY KEY,
    event_id TEXT NOT NULL REFERENCES events (id),
    webhook_id TEXT NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
    state TEXT NOT NULL CHECK (state IN ('pending', 'delivered', 'failed')),
    attempts INTEGER NOT NULL DEFAULT 0,
    due_at TEXT,
    give_up_at TEXT NOT NULL,
    status INTEGER,                        -- HTTP status of the last answer
    detail TEXT NOT NULL DEFAULT '',
    delivered_at TEXT
) STRICT;

CREATE INDEX deliveries_due ON deliveries (webhook_id, due_at) WHERE state = 'pending';
CREATE INDEX deliveries_by_webhook ON deliveries (webhook_id, id);

CREATE TABLE idempotency_keys (
    key TEXT PRIMARY KEY,
    body_hash TEXT NOT NULL,
    answer TEXT NOT NULL,                  -- JSON, given again as it was
    created_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;
