-- Times are microseconds since 1970, UTC; days count from 1970. Every table of a tenant has organisation_id first in its
-- key. Lists and documents are JSON text, kept as they came. What is called sealed is encrypted under a key that is not
-- in this database; sha256 columns stand for values that are kept nowhere.

CREATE TABLE installation (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

-- Jobs that one coordinator at a time may do.
CREATE TABLE leases (
    name TEXT PRIMARY KEY,
    holder TEXT NOT NULL,
    until_us INTEGER NOT NULL
) STRICT;

-- The certificate authority for gateways, and the keys that sign short-lived tokens.
CREATE TABLE authorities (
    authority_id TEXT PRIMARY KEY,
    certificate TEXT NOT NULL,
    sealed_key BLOB NOT NULL,
    sealing_key_id TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('active', 'retired')),
    created_us INTEGER NOT NULL
) STRICT;

CREATE TABLE signing_keys (
    signing_key_id TEXT PRIMARY KEY,
    public_key BLOB NOT NULL,
    sealed_key BLOB NOT NULL,
    sealing_key_id TEXT NOT NULL,
    created_us INTEGER NOT NULL,
    signs_until_us INTEGER NOT NULL,
    valid_until_us INTEGER NOT NULL
) STRICT;

CREATE TABLE organisations (
    organisation_id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    slug TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL CHECK (state IN ('active', 'suspended', 'deleted')),
    key_lifetime_max_days INTEGER,
    created_us INTEGER NOT NULL,
    updated_us INTEGER NOT NULL
) STRICT;

-- One number for each topic of an organisation (keys, policies, ...): a change takes the next one and holds the row until
-- it is committed, so that whoever has seen number n has seen all before it.
CREATE TABLE change_counters (
    organisation_id TEXT NOT NULL REFERENCES organisations,
    topic TEXT NOT NULL,
    version INTEGER NOT NULL,
    PRIMARY KEY (organisation_id, topic)
) STRICT;

CREATE TABLE environments (
    organisation_id TEXT NOT NULL REFERENCES organisations,
    environment_id TEXT NOT NULL,
    name TEXT NOT NULL,
    created_us INTEGER NOT NULL,
    PRIMARY KEY (organisation_id, environment_id),
    UNIQUE (organisation_id, name)
) STRICT;

CREATE TABLE teams (
    organisation_id TEXT NOT NULL REFERENCES organisations,
    team_id TEXT NOT NULL,
    name TEXT NOT NULL,
    created_us INTEGER NOT NULL,
    PRIMARY KEY (organisation_id, team_id),
    UNIQUE (organisation_id, name)
) STRICT;

CREATE TABLE users (
    user_id TEXT PRIMARY KEY,
    email TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    password_hash TEXT,
    state TEXT NOT NULL CHECK (state IN ('active', 'disabled', 'erased')),
    created_us INTEGER NOT NULL,
    updated_us INTEGER NOT NULL
) STRICT;

CREATE TABLE memberships (
    organisation_id TEXT NOT NULL REFERENCES organisations,
    user_id TEXT NOT NULL REFERENCES users,
    role TEXT NOT NULL CHECK (role IN ('owner', 'admin', 'security', 'billing', 'member', 'viewer')),
    created_us INTEGER NOT NULL,
    PRIMARY KEY (organisation_id, user_id)
) STRICT;
CREATE INDEX memberships_by_user ON memberships (user_id);

CREATE TABLE team_members (
    organisation_id TEXT NOT NULL,
    team_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    created_us INTEGER NOT NULL,
    PRIMARY KEY (organisation_id, team_id, user_id),
    FOREIGN KEY (organisation_id, team_id) REFERENCES teams ON DELETE CASCADE,
    FOREIGN KEY (organisation_id, user_id) REFERENCES memberships ON DELETE CASCADE
) STRICT;

CREATE TABLE invitations (
    organisation_id TEXT NOT NULL REFERENCES organisations,
    invitation_id TEXT NOT NULL,
    email TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('owner', 'admin', 'security', 'billing', 'member', 'viewer')),
    token_sha256 BLOB NOT NULL UNIQUE,
    invited_by TEXT,
    created_us INTEGER NOT NULL,
    expires_us INTEGER NOT NULL,
    accepted_us INTEGER,
    revoked_us INTEGER,
    PRIMARY KEY (organisation_id, invitation_id)
) STRICT;

CREATE TABLE sessions (
    user_id TEXT NOT NULL REFERENCES users,
    session_id TEXT NOT NULL,
    token_sha256 BLOB NOT NULL UNIQUE,
    agent TEXT NOT NULL,
    address TEXT NOT NULL,
    created_us INTEGER NOT NULL,
    seen_us INTEGER NOT NULL,
    idle_until_us INTEGER NOT NULL,
    expires_us INTEGER NOT NULL,
    ended_us INTEGER,
    PRIMARY KEY (user_id, session_id)
) STRICT;

-- One-time links: the first administrator, a new password.
CREATE TABLE one_time_links (
    link_id TEXT PRIMARY KEY,
    purpose TEXT NOT NULL CHECK (purpose IN ('first_administrator', 'password')),
    token_sha256 BLOB NOT NULL UNIQUE,
    user_id TEXT REFERENCES users,
    created_us INTEGER NOT NULL,
    expires_us INTEGER NOT NULL,
    used_us INTEGER
) STRICT;

CREATE TABLE gateway_keys (
    organisation_id TEXT NOT NULL REFERENCES organisations,
    key_id TEXT NOT NULL,
    version INTEGER NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('live', 'test')),
    prefix TEXT NOT NULL,
    sha256 BLOB NOT NULL UNIQUE,
    state TEXT NOT NULL CHECK (state IN ('active', 'disabled', 'revoked')),
    scopes TEXT NOT NULL,
    environment_id TEXT,
    team_id TEXT,
    owner_user_id TEXT,
    allowed_providers TEXT NOT NULL,
    allowed_models TEXT NOT NULL,
    allowed_networks TEXT NOT NULL,
    rotated_from TEXT,
    created_by TEXT,
    created_us INTEGER NOT NULL,
    expires_us INTEGER,
    revoked_us INTEGER,
    last_used_us INTEGER,
    PRIMARY KEY (organisation_id, key_id),
    FOREIGN KEY (organisation_id, environment_id) REFERENCES environments,
    FOREIGN KEY (organisation_id, team_id) REFERENCES teams
) STRICT;
CREATE INDEX gateway_keys_by_version ON gateway_keys (organisation_id, version);

-- The operator's shared pool has join keys and gateways of the organisation '*', which none can be named.
CREATE TABLE join_keys (
    organisation_id TEXT NOT NULL,
    join_key_id TEXT NOT NULL,
    environment_id TEXT,
    name TEXT NOT NULL,
    prefix TEXT NOT NULL,
    sha256 BLOB NOT NULL UNIQUE,
    state TEXT NOT NULL CHECK (state IN ('active', 'revoked')),
    uses INTEGER NOT NULL,
    uses_max INTEGER,
    created_by TEXT,
    created_us INTEGER NOT NULL,
    expires_us INTEGER,
    PRIMARY KEY (organisation_id, join_key_id)
) STRICT;

CREATE TABLE gateways (
    organisation_id TEXT NOT NULL,
    gateway_id TEXT NOT NULL UNIQUE,
    environment_id TEXT,
    name TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('active', 'revoked')),
    public_key BLOB NOT NULL,
    certificate_serial TEXT,
    certificate_expires_us INTEGER,
    join_key_id TEXT,
    enrolled_us INTEGER NOT NULL,
    PRIMARY KEY (organisation_id, gateway_id)
) STRICT;

-- Which organisations a gateway serves.
CREATE TABLE gateway_assignments (
    organisation_id TEXT NOT NULL REFERENCES organisations,
    gateway_id TEXT NOT NULL REFERENCES gateways (gateway_id),
    assigned_us INTEGER NOT NULL,
    PRIMARY KEY (organisation_id, gateway_id)
) STRICT;
CREATE INDEX gateway_assignments_by_gateway ON gateway_assignments (gateway_id);

CREATE TABLE gateway_boots (
    gateway_id TEXT NOT NULL REFERENCES gateways (gateway_id),
    boot_id TEXT NOT NULL,
    takes_over TEXT,
    coordinator TEXT NOT NULL,
    started_us INTEGER NOT NULL,
    seen_us INTEGER NOT NULL,
    ended_us INTEGER,
    PRIMARY KEY (gateway_id, boot_id)
) STRICT;
-- A second process with the identity of a live one: refused, and kept for the operator.
CREATE TABLE gateway_conflicts (
    gateway_id TEXT NOT NULL REFERENCES gateways (gateway_id),
    boot_id TEXT NOT NULL,
    live_boot_id TEXT NOT NULL,
    address TEXT NOT NULL,
    seen_us INTEGER NOT NULL,
    PRIMARY KEY (gateway_id, boot_id, live_boot_id)
) STRICT;

-- The newest report of each process of a gateway.
CREATE TABLE gateway_reports (
    gateway_id TEXT NOT NULL REFERENCES gateways (gateway_id),
    boot_id TEXT NOT NULL,
    received_us INTEGER NOT NULL,
    build TEXT NOT NULL,
    is_draining INTEGER NOT NULL,
    oldest_unsent_us INTEGER,
    clock_skew_us INTEGER NOT NULL,
    token_key_fingerprint TEXT NOT NULL,
    last_error TEXT,
    document TEXT NOT NULL,
    PRIMARY KEY (gateway_id, boot_id)
) STRICT;

-- What a gateway runs of an organisation, or refused.
CREATE TABLE policy_uses (
    organisation_id TEXT NOT NULL REFERENCES organisations,
    gateway_id TEXT NOT NULL,
    version INTEGER NOT NULL,
    digest BLOB NOT NULL,
    build TEXT NOT NULL,
    outcome TEXT NOT NULL CHECK (outcome IN ('sent', 'applied', 'refused')),
    code TEXT,
    rule_id TEXT,
    detail TEXT,
    sent_us INTEGER NOT NULL,
    answered_us INTEGER,
    PRIMARY KEY (organisation_id, gateway_id, version)
) STRICT;

CREATE TABLE policies (
    organisation_id TEXT NOT NULL REFERENCES organisations,
    policy_id TEXT NOT NULL,
    name TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('draft', 'active', 'paused', 'deleted')),
    revision INTEGER NOT NULL,
    version INTEGER NOT NULL,
    document TEXT NOT NULL,
    created_us INTEGER NOT NULL,
    updated_us INTEGER NOT NULL,
    PRIMARY KEY (organisation_id, policy_id)
) STRICT;

CREATE TABLE policy_versions (
    organisation_id TEXT NOT NULL,
    policy_id TEXT NOT NULL,
    revision INTEGER NOT NULL,
    state TEXT NOT NULL,
    name TEXT NOT NULL,
    document TEXT NOT NULL,
    rolled_back_to INTEGER,
    changed_by TEXT,
    changed_us INTEGER NOT NULL,
    PRIMARY KEY (organisation_id, policy_id, revision),
    FOREIGN KEY (organisation_id, policy_id) REFERENCES policies
) STRICT;

-- What goes out to gateways: everything of an organisation that they enforce, put together.
CREATE TABLE policy_bundles (
    organisation_id TEXT NOT NULL REFERENCES organisations,
    version INTEGER NOT NULL,
    digest BLOB NOT NULL,
    document BLOB NOT NULL,
    created_us INTEGER NOT NULL,
    PRIMARY KEY (organisation_id, version)
) STRICT;

CREATE TABLE rollouts (
    organisation_id TEXT NOT NULL REFERENCES organisations,
    version INTEGER NOT NULL,
    share_percent INTEGER NOT NULL CHECK (share_percent BETWEEN 0 AND 100),
    state TEXT NOT NULL CHECK (state IN ('running', 'stopped', 'done')),
    reason TEXT,
    started_us INTEGER NOT NULL,
    updated_us INTEGER NOT NULL,
    PRIMARY KEY (organisation_id, version)
) STRICT;

CREATE TABLE custom_rules (
    organisation_id TEXT NOT NULL REFERENCES organisations,
    rule_id TEXT NOT NULL,
    name TEXT NOT NULL,
    category TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('draft', 'active', 'paused', 'deleted')),
    revision INTEGER NOT NULL,
    version INTEGER NOT NULL,
    document TEXT NOT NULL,
    changed_by TEXT,
    created_us INTEGER NOT NULL,
    updated_us INTEGER NOT NULL,
    PRIMARY KEY (organisation_id, rule_id)
) STRICT;

CREATE TABLE known_value_lists (
    organisation_id TEXT NOT NULL REFERENCES organisations,
    list_id TEXT NOT NULL,
    name TEXT NOT NULL,
    category TEXT NOT NULL,
    entries INTEGER NOT NULL,
    recipient_fingerprint TEXT NOT NULL,
    sealed BLOB NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('active', 'deleted')),
    revision INTEGER NOT NULL,
    version INTEGER NOT NULL,
    changed_by TEXT,
    created_us INTEGER NOT NULL,
    updated_us INTEGER NOT NULL,
    PRIMARY KEY (organisation_id, list_id)
) STRICT;

CREATE TABLE allow_entries (
    organisation_id TEXT NOT NULL REFERENCES organisations,
    entry_id TEXT NOT NULL,
    version INTEGER NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('token', 'keyed_hash', 'regex')),
    value TEXT NOT NULL,
    reason TEXT NOT NULL,
    created_by TEXT,
    created_us INTEGER NOT NULL,
    expires_us INTEGER,
    revoked_us INTEGER,
    PRIMARY KEY (organisation_id, entry_id)
) STRICT;
CREATE INDEX allow_entries_by_version ON allow_entries (organisation_id, version);

CREATE TABLE provider_credentials (
    organisation_id TEXT NOT NULL REFERENCES organisations,
    credential_id TEXT NOT NULL,
    version INTEGER NOT NULL,
    upstream TEXT NOT NULL,
    name TEXT NOT NULL,
    sealed BLOB NOT NULL,
    sealing_key_id TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('active', 'deleted')),
    created_by TEXT,
    created_us INTEGER NOT NULL,
    updated_us INTEGER NOT NULL,
    PRIMARY KEY (organisation_id, credential_id)
) STRICT;
CREATE UNIQUE INDEX provider_credentials_by_upstream ON provider_credentials (organisation_id, upstream) WHERE state = 'active';
CREATE INDEX provider_credentials_by_sealing_key ON provider_credentials (sealing_key_id);

-- Tokens and short-lived credentials that are refused before they expire.
CREATE TABLE revocations (
    organisation_id TEXT NOT NULL REFERENCES organisations,
    revocation_id TEXT NOT NULL,
    version INTEGER NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('token', 'credential')),
    value TEXT NOT NULL,
    reason TEXT NOT NULL,
    created_by TEXT,
    created_us INTEGER NOT NULL,
    expires_us INTEGER,
    PRIMARY KEY (organisation_id, revocation_id)
) STRICT;
CREATE INDEX revocations_by_version ON revocations (organisation_id, version);

-- What administrators changed. Rows are never altered: each carries the hash of the one before it.
CREATE TABLE admin_log (
    organisation_id TEXT NOT NULL,
    number INTEGER NOT NULL,
    created_us INTEGER NOT NULL,
    actor_kind TEXT NOT NULL CHECK (actor_kind IN ('user', 'key', 'command_line', 'system')),
    actor_id TEXT NOT NULL,
    action TEXT NOT NULL,
    target_kind TEXT NOT NULL,
    target_id TEXT NOT NULL,
    before TEXT,
    after TEXT,
    address TEXT,
    request_id TEXT,
    hash BLOB NOT NULL,
    PRIMARY KEY (organisation_id, number)
) STRICT;
CREATE INDEX admin_log_by_target ON admin_log (organisation_id, target_kind, target_id, number);
CREATE TABLE admin_log_heads (
    organisation_id TEXT PRIMARY KEY,
    number INTEGER NOT NULL,
    hash BLOB NOT NULL
) STRICT;

-- Audit. A stream is what one process of a gateway ships of one organisation.
CREATE TABLE audit_streams (
    organisation_id TEXT NOT NULL REFERENCES organisations,
    gateway_id TEXT NOT NULL,
    boot_id TEXT NOT NULL,
    last_sequence INTEGER NOT NULL,
    last_hash BLOB NOT NULL,
    clock_skew_us INTEGER NOT NULL,
    opened_us INTEGER NOT NULL,
    updated_us INTEGER NOT NULL,
    ended_us INTEGER,
    PRIMARY KEY (organisation_id, gateway_id, boot_id)
) STRICT;

-- The next number of an organisation's events, and how long new ones are kept.
CREATE TABLE audit_counters (
    organisation_id TEXT PRIMARY KEY REFERENCES organisations,
    next_number INTEGER NOT NULL,
    last_received_us INTEGER NOT NULL,
    retention_days INTEGER NOT NULL CHECK (retention_days IN (30, 90, 365, 2557))
) STRICT;

-- The first number of each day that has events: times and numbers grow together.
CREATE TABLE audit_days (
    organisation_id TEXT NOT NULL REFERENCES organisations,
    received_day INTEGER NOT NULL,
    first_number INTEGER NOT NULL,
    PRIMARY KEY (organisation_id, received_day)
) STRICT;

CREATE TABLE audit_events (
    organisation_id TEXT NOT NULL,
    number INTEGER NOT NULL,
    retention_days INTEGER NOT NULL,
    received_day INTEGER NOT NULL,
    gateway_id TEXT NOT NULL,
    boot_id TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    hash BLOB NOT NULL,
    received_us INTEGER NOT NULL,
    occurred_us INTEGER NOT NULL,
    clock_skew_us INTEGER NOT NULL,
    kind TEXT NOT NULL,
    request_id TEXT,
    key_id TEXT,
    team_id TEXT,
    provider TEXT,
    model TEXT,
    outcome TEXT,
    status INTEGER,
    findings INTEGER NOT NULL,
    restored INTEGER NOT NULL,
    request_bytes INTEGER NOT NULL,
    response_bytes INTEGER NOT NULL,
    input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    line BLOB NOT NULL,
    PRIMARY KEY (organisation_id, number)
) STRICT;
CREATE INDEX audit_events_by_stream ON audit_events (organisation_id, gateway_id, boot_id, sequence);
CREATE INDEX audit_events_by_key ON audit_events (organisation_id, key_id, number);
CREATE INDEX audit_events_by_team ON audit_events (organisation_id, team_id, number);
CREATE INDEX audit_events_by_model ON audit_events (organisation_id, model, number);
CREATE INDEX audit_events_by_outcome ON audit_events (organisation_id, outcome, number);
CREATE INDEX audit_events_by_request ON audit_events (organisation_id, request_id);

CREATE TABLE audit_findings (
    organisation_id TEXT NOT NULL,
    number INTEGER NOT NULL,
    retention_days INTEGER NOT NULL,
    received_day INTEGER NOT NULL,
    position INTEGER NOT NULL,
    rule TEXT NOT NULL,
    category TEXT NOT NULL,
    action TEXT NOT NULL,
    place TEXT NOT NULL,
    token TEXT,
    PRIMARY KEY (organisation_id, number, position)
) STRICT;
CREATE INDEX audit_findings_by_token ON audit_findings (organisation_id, token, number);
CREATE INDEX audit_findings_by_rule ON audit_findings (organisation_id, rule, number);

-- What a gateway signed: up to this event the chain has this hash.
CREATE TABLE audit_checkpoints (
    organisation_id TEXT NOT NULL,
    gateway_id TEXT NOT NULL,
    boot_id TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    hash BLOB NOT NULL,
    signature BLOB NOT NULL,
    signed_us INTEGER NOT NULL,
    received_us INTEGER NOT NULL,
    PRIMARY KEY (organisation_id, gateway_id, boot_id, sequence),
    FOREIGN KEY (organisation_id, gateway_id, boot_id) REFERENCES audit_streams
) STRICT;

-- Runs of events that have expired: the hash of the last one lets the chain go on.
CREATE TABLE audit_anchors (
    organisation_id TEXT NOT NULL,
    gateway_id TEXT NOT NULL,
    boot_id TEXT NOT NULL,
    first_sequence INTEGER NOT NULL,
    last_sequence INTEGER NOT NULL,
    last_hash BLOB NOT NULL,
    dropped_us INTEGER NOT NULL,
    PRIMARY KEY (organisation_id, gateway_id, boot_id, first_sequence)
) STRICT;

-- Names of people and addresses stand in events as pseudonyms; erasing one of them empties its row.
CREATE TABLE pseudonyms (
    organisation_id TEXT NOT NULL REFERENCES organisations,
    pseudonym TEXT NOT NULL,
    kind TEXT NOT NULL,
    sealed BLOB,
    sealing_key_id TEXT,
    created_us INTEGER NOT NULL,
    erased_us INTEGER,
    PRIMARY KEY (organisation_id, pseudonym)
) STRICT;

CREATE TABLE usage_hours (
    organisation_id TEXT NOT NULL,
    hour INTEGER NOT NULL,
    team_id TEXT NOT NULL,
    key_id TEXT NOT NULL,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    requests INTEGER NOT NULL,
    findings INTEGER NOT NULL,
    restored INTEGER NOT NULL,
    request_bytes INTEGER NOT NULL,
    response_bytes INTEGER NOT NULL,
    input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    PRIMARY KEY (organisation_id, hour, team_id, key_id, provider, model)
) STRICT;
CREATE TABLE usage_cursors (
    organisation_id TEXT PRIMARY KEY REFERENCES organisations,
    next_number INTEGER NOT NULL
) STRICT;

CREATE TABLE exports (
    organisation_id TEXT NOT NULL REFERENCES organisations,
    export_id TEXT NOT NULL,
    format TEXT NOT NULL CHECK (format IN ('csv', 'json_lines')),
    filter TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'running', 'done', 'failed', 'expired')),
    next_number INTEGER,
    rows_written INTEGER NOT NULL,
    digest BLOB,
    location TEXT,
    error TEXT,
    created_by TEXT,
    created_us INTEGER NOT NULL,
    finished_us INTEGER,
    expires_us INTEGER,
    PRIMARY KEY (organisation_id, export_id)
) STRICT;

-- Where events are sent on to.
CREATE TABLE sinks (
    organisation_id TEXT NOT NULL REFERENCES organisations,
    sink_id TEXT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('webhook', 'syslog', 'otlp')),
    target TEXT NOT NULL,
    filter TEXT NOT NULL,
    sealed_secret BLOB,
    sealing_key_id TEXT,
    state TEXT NOT NULL CHECK (state IN ('active', 'paused', 'deleted')),
    next_number INTEGER NOT NULL,
    failures INTEGER NOT NULL,
    retry_us INTEGER NOT NULL,
    last_error TEXT,
    created_us INTEGER NOT NULL,
    updated_us INTEGER NOT NULL,
    PRIMARY KEY (organisation_id, sink_id)
) STRICT;
CREATE TABLE dead_letters (
    organisation_id TEXT NOT NULL,
    sink_id TEXT NOT NULL,
    first_number INTEGER NOT NULL,
    last_number INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    error TEXT NOT NULL,
    created_us INTEGER NOT NULL,
    PRIMARY KEY (organisation_id, sink_id, first_number),
    FOREIGN KEY (organisation_id, sink_id) REFERENCES sinks
) STRICT;

-- Answers to requests that a client may send twice.
CREATE TABLE idempotency_keys (
    organisation_id TEXT NOT NULL,
    actor_id TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    request_sha256 BLOB NOT NULL,
    status INTEGER,
    response BLOB,
    created_us INTEGER NOT NULL,
    expires_us INTEGER NOT NULL,
    PRIMARY KEY (organisation_id, actor_id, idempotency_key)
) STRICT;
CREATE INDEX idempotency_keys_by_expiry ON idempotency_keys (expires_us);

-- Expired events are deleted in steps.
CREATE INDEX audit_events_by_expiry ON audit_events (retention_days, received_day);

CREATE TRIGGER admin_log_no_update BEFORE UPDATE ON admin_log
BEGIN
    SELECT RAISE(ABORT, 'the admin log is never altered');
END;

CREATE TRIGGER admin_log_no_delete BEFORE DELETE ON admin_log
BEGIN
    SELECT RAISE(ABORT, 'the admin log is never altered');
END;
