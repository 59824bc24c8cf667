"""The tables of the ledger."""

from __future__ import annotations

#: What marks the file: "mqmL" in ASCII, and the version of the tables.
APPLICATION_ID, VERSION = 0x6D716D4C, 1

SCHEMA = f"""
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {VERSION};

CREATE TABLE scores (
    score_id TEXT PRIMARY KEY, contact_id TEXT NOT NULL, conversion TEXT NOT NULL,
    as_of INTEGER NOT NULL, scored_at INTEGER NOT NULL, status TEXT NOT NULL, language TEXT NOT NULL,
    log_odds REAL, grade TEXT, model_version TEXT, model_digest TEXT, features_digest TEXT,
    question BLOB,                        -- the history that was given with the question; null: the stored one
    answer BLOB NOT NULL, features BLOB,  -- what was answered; the row of numbers behind it
    job_id TEXT, place INTEGER
);
CREATE INDEX scores_of_contact ON scores (contact_id, conversion, scored_at);
CREATE INDEX scores_of_job ON scores (job_id, place) WHERE job_id IS NOT NULL;

CREATE TABLE columns (model_digest TEXT PRIMARY KEY, names BLOB NOT NULL) WITHOUT ROWID;

CREATE TABLE audit (
    seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, act TEXT NOT NULL, actor TEXT NOT NULL, subject TEXT NOT NULL,
    detail TEXT NOT NULL, hash BLOB NOT NULL
);

CREATE TABLE grades (
    contact_id TEXT NOT NULL, conversion TEXT NOT NULL, grade TEXT NOT NULL, as_of INTEGER NOT NULL,
    PRIMARY KEY (contact_id, conversion)
) WITHOUT ROWID;

CREATE TABLE jobs (
    job_id TEXT PRIMARY KEY, key_id TEXT NOT NULL, created_at INTEGER NOT NULL, state TEXT NOT NULL,
    conversion TEXT NOT NULL, as_of INTEGER NOT NULL, language TEXT NOT NULL,
    total INTEGER NOT NULL, done INTEGER NOT NULL, error TEXT, contacts BLOB, lease INTEGER NOT NULL
);

CREATE TABLE outbox (
    message_id TEXT PRIMARY KEY, endpoint TEXT NOT NULL, contact_id TEXT NOT NULL, created_at INTEGER NOT NULL,
    due INTEGER NOT NULL, attempts INTEGER NOT NULL, body BLOB NOT NULL
);
CREATE INDEX outbox_due ON outbox (due);
"""

ADD_SCORE = f"INSERT OR IGNORE INTO scores VALUES ({', '.join('?' * 17)})"
ADD_COLUMNS = "INSERT OR IGNORE INTO columns VALUES (?, ?)"
ADD_ENTRY = "INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?)"
LAST_ENTRY = "SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1"
ONE_SCORE = "SELECT * FROM scores WHERE score_id = ?"
SCORES_OF_CONTACT = """
SELECT * FROM scores WHERE contact_id = ? AND (? IS NULL OR conversion = ?)
ORDER BY scored_at DESC, score_id LIMIT ?"""
SCORE_BEFORE = """
SELECT * FROM scores WHERE contact_id = ? AND conversion = ? AND scored_at < ? AND question IS NULL
ORDER BY scored_at DESC, score_id LIMIT 1"""
SCORES_OF_JOB = "SELECT * FROM scores WHERE job_id = ? AND place >= ? ORDER BY place LIMIT ?"
