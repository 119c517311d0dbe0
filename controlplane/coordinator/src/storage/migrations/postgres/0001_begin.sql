-- Times are microseconds since 1970, UTC; days count from 1970. Every table of a tenant has organisation_id first in its
-- key. Lists and documents are JSON text, kept as they came. What is called sealed is encrypted under a key that is not
-- in this database; sha256 columns stand for values that are kept nowhere.

CREATE TABLE installation (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

-- Jobs that one coordinator at a time may do.
CREATE TABLE leases (
    name TEXT PRIMARY KEY,
    holder TEXT NOT NULL,
    until_us BIGINT NOT NULL
);

-- The certificate authority for gateways, and the keys that sign short-lived tokens.
CREATE TABLE authorities (
    authority_id TEXT PRIMARY KEY,
    certificate TEXT NOT NULL,
    sealed_key BYTEA NOT NULL,
    sealing_key_id TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('active', 'retired')),
    created_us BIGINT NOT NULL
);

CREATE TABLE signing_keys (
    signing_key_id TEXT PRIMARY KEY,
    public_key BYTEA NOT NULL,
    sealed_key BYTEA NOT NULL,
    sealing_key_id TEXT NOT NULL,
    created_us BIGINT NOT NULL,
    signs_until_us BIGINT NOT NULL,
    valid_until_us BIGINT NOT NULL
);

CREATE TABLE organisations (
    organisation_id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    slug TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL CHECK (state IN ('active', 'suspended', 'deleted')),
    key_lifetime_max_days BIGINT,
    created_us BIGINT NOT NULL,
    updated_us BIGINT NOT NULL
);

-- One number for each topic of an organisation (keys, policies, ...): a change takes the next one and holds the row until
-- it is committed, so that whoever has seen number n has seen all before it.
CREATE TABLE change_counters (
    organisation_id TEXT NOT NULL REFERENCES organisations,
    topic TEXT NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (organisation_id, topic)
);

CREATE TABLE environments (
    organisation_id TEXT NOT NULL REFERENCES organisations,
    environment_id TEXT NOT NULL,
    name TEXT NOT NULL,
    created_us BIGINT NOT NULL,
    PRIMARY KEY (organisation_id, environment_id),
    UNIQUE (organisation_id, name)
);

CREATE TABLE teams (
    organisation_id TEXT NOT NULL REFERENCES organisations,
    team_id TEXT NOT NULL,
    name TEXT NOT NULL,
    created_us BIGINT NOT NULL,
    PRIMARY KEY (organisation_id, team_id),
    UNIQUE (organisation_id, name)
);

CREATE TABLE users (
    user_id TEXT PRIMARY KEY,
    email TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    password_hash TEXT,
    state TEXT NOT NULL CHECK (state IN ('active', 'disabled', 'erased')),
    created_us BIGINT NOT NULL,
    updated_us BIGINT NOT NULL
);

CREATE TABLE memberships (
    organisation_id TEXT NOT NULL REFERENCES organisations,
    user_id TEXT NOT NULL REFERENCES users,
    role TEXT NOT NULL CHECK (role IN ('owner', 'admin', 'security', 'billing', 'member', 'viewer')),
    created_us BIGINT NOT NULL,
    PRIMARY KEY (organisation_id, user_id)
);
CREATE INDEX memberships_by_user ON memberships (user_id);

CREATE TABLE team_members (
    organisation_id TEXT NOT NULL,
    team_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    created_us BIGINT NOT NULL,
    PRIMARY KEY (organisation_id, team_id, user_id),
    FOREIGN KEY (organisation_id, team_id) REFERENCES teams ON DELETE CASCADE,
    FOREIGN KEY (organisation_id, user_id) REFERENCES memberships ON DELETE CASCADE
);

CREATE TABLE invitations (
    organisation_id TEXT NOT NULL REFERENCES organisations,
    invitation_id TEXT NOT NULL,
    email TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('owner', 'admin', 'security', 'billing', 'member', 'viewer')),
    token_sha256 BYTEA NOT NULL UNIQUE,
    invited_by TEXT,
    created_us BIGINT NOT NULL,
    expires_us BIGINT NOT NULL,
    accepted_us BIGINT,
    revoked_us BIGINT,
    PRIMARY KEY (organisation_id, invitation_id)
);

CREATE TABLE sessions (
    user_id TEXT NOT NULL REFERENCES users,
    session_id TEXT NOT NULL,
    token_sha256 BYTEA NOT NULL UNIQUE,
    agent TEXT NOT NULL,
    address TEXT NOT NULL,
    created_us BIGINT NOT NULL,
    seen_us BIGINT NOT NULL,
    idle_until_us BIGINT NOT NULL,
    expires_us BIGINT NOT NULL,
    ended_us BIGINT,
    PRIMARY KEY (user_id, session_id)
);

-- One-time links: the first administrator, a new password.
CREATE TABLE one_time_links (
    link_id TEXT PRIMARY KEY,
    purpose TEXT NOT NULL CHECK (purpose IN ('first_administrator', 'password')),
    token_sha256 BYTEA NOT NULL UNIQUE,
    user_id TEXT REFERENCES users,
    created_us BIGINT NOT NULL,
    expires_us BIGINT NOT NULL,
    used_us BIGINT
);

CREATE TABLE gateway_keys (
    organisation_id TEXT NOT NULL REFERENCES organisations,
    key_id TEXT NOT NULL,
    version BIGINT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('live', 'test')),
    prefix TEXT NOT NULL,
    sha256 BYTEA NOT NULL UNIQUE,
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
    created_us BIGINT NOT NULL,
    expires_us BIGINT,
    revoked_us BIGINT,
    last_used_us BIGINT,
    PRIMARY KEY (organisation_id, key_id),
    FOREIGN KEY (organisation_id, environment_id) REFERENCES environments,
    FOREIGN KEY (organisation_id, team_id) REFERENCES teams
);
CREATE INDEX gateway_keys_by_version ON gateway_keys (organisation_id, version);

-- The operator's shared pool has join keys and gateways of the organisation '*', which none can be named.
CREATE TABLE join_keys (
    organisation_id TEXT NOT NULL,
    join_key_id TEXT NOT NULL,
    environment_id TEXT,
    name TEXT NOT NULL,
    prefix TEXT NOT NULL,
    sha256 BYTEA NOT NULL UNIQUE,
    state TEXT NOT NULL CHECK (state IN ('active', 'revoked')),
    uses BIGINT NOT NULL,
    uses_max BIGINT,
    created_by TEXT,
    created_us BIGINT NOT NULL,
    expires_us BIGINT,
    PRIMARY KEY (organisation_id, join_key_id)
);

CREATE TABLE gateways (
    organisation_id TEXT NOT NULL,
    gateway_id TEXT NOT NULL UNIQUE,
    environment_id TEXT,
    name TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('active', 'revoked')),
    public_key BYTEA NOT NULL,
    certificate_serial TEXT,
    certificate_expires_us BIGINT,
    join_key_id TEXT,
    enrolled_us BIGINT NOT NULL,
    PRIMARY KEY (organisation_id, gateway_id)
);

-- Which organisations a gateway serves.
CREATE TABLE gateway_assignments (
    organisation_id TEXT NOT NULL REFERENCES organisations,
    gateway_id TEXT NOT NULL REFERENCES gateways (gateway_id),
    assigned_us BIGINT NOT NULL,
    PRIMARY KEY (organisation_id, gateway_id)
);
CREATE INDEX gateway_assignments_by_gateway ON gateway_assignments (gateway_id);

CREATE TABLE gateway_boots (
    gateway_id TEXT NOT NULL REFERENCES gateways (gateway_id),
    boot_id TEXT NOT NULL,
    takes_over TEXT,
    coordinator TEXT NOT NULL,
    started_us BIGINT NOT NULL,
    seen_us BIGINT NOT NULL,
    ended_us BIGINT,
    PRIMARY KEY (gateway_id, boot_id)
);
-- A second process with the identity of a live one: refused, and kept for the operator.
CREATE TABLE gateway_conflicts (
    gateway_id TEXT NOT NULL REFERENCES gateways (gateway_id),
    boot_id TEXT NOT NULL,
    live_boot_id TEXT NOT NULL,
    address TEXT NOT NULL,
    seen_us BIGINT NOT NULL,
    PRIMARY KEY (gateway_id, boot_id, live_boot_id)
);

-- The newest report of each process of a gateway.
CREATE TABLE gateway_reports (
    gateway_id TEXT NOT NULL REFERENCES gateways (gateway_id),
    boot_id TEXT NOT NULL,
    received_us BIGINT NOT NULL,
    build TEXT NOT NULL,
    is_draining BOOLEAN NOT NULL,
    oldest_unsent_us BIGINT,
    clock_skew_us BIGINT NOT NULL,
    token_key_fingerprint TEXT NOT NULL,
    last_error TEXT,
    document TEXT NOT NULL,
    PRIMARY KEY (gateway_id, boot_id)
);

-- What a gateway runs of an organisation, or refused.
CREATE TABLE policy_uses (
    organisation_id TEXT NOT NULL REFERENCES organisations,
    gateway_id TEXT NOT NULL,
    version BIGINT NOT NULL,
    digest BYTEA NOT NULL,
    build TEXT NOT NULL,
    outcome TEXT NOT NULL CHECK (outcome IN ('sent', 'applied', 'refused')),
    code TEXT,
    rule_id TEXT,
    detail TEXT,
    sent_us BIGINT NOT NULL,
    answered_us BIGINT,
    PRIMARY KEY (organisation_id, gateway_id, version)
);

CREATE TABLE policies (
    organisation_id TEXT NOT NULL REFERENCES organisations,
    policy_id TEXT NOT NULL,
    name TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('draft', 'active', 'paused', 'deleted')),
    revision BIGINT NOT NULL,
    version BIGINT NOT NULL,
    document TEXT NOT NULL,
    created_us BIGINT NOT NULL,
    updated_us BIGINT NOT NULL,
    PRIMARY KEY (organisation_id, policy_id)
);

CREATE TABLE policy_versions (
    organisation_id TEXT NOT NULL,
    policy_id TEXT NOT NULL,
    revision BIGINT NOT NULL,
    state TEXT NOT NULL,
    name TEXT NOT NULL,
    document TEXT NOT NULL,
    rolled_back_to BIGINT,
    changed_by TEXT,
    changed_us BIGINT NOT NULL,
    PRIMARY KEY (organisation_id, policy_id, revision),
    FOREIGN KEY (organisation_id, policy_id) REFERENCES policies
);

-- What goes out to gateways: everything of an organisation that they enforce, put together.
CREATE TABLE policy_bundles (
    organisation_id TEXT NOT NULL REFERENCES organisations,
    version BIGINT NOT NULL,
    digest BYTEA NOT NULL,
    document BYTEA NOT NULL,
    created_us BIGINT NOT NULL,
    PRIMARY KEY (organisation_id, version)
);

CREATE TABLE rollouts (
    organisation_id TEXT NOT NULL REFERENCES organisations,
    version BIGINT NOT NULL,
    share_percent BIGINT NOT NULL CHECK (share_percent BETWEEN 0 AND 100),
    state TEXT NOT NULL CHECK (state IN ('running', 'stopped', 'done')),
    reason TEXT,
    started_us BIGINT NOT NULL,
    updated_us BIGINT NOT NULL,
    PRIMARY KEY (organisation_id, version)
);

CREATE TABLE custom_rules (
    organisation_id TEXT NOT NULL REFERENCES organisations,
    rule_id TEXT NOT NULL,
    name TEXT NOT NULL,
    category TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('draft', 'active', 'paused', 'deleted')),
    revision BIGINT NOT NULL,
    version BIGINT NOT NULL,
    document TEXT NOT NULL,
    changed_by TEXT,
    created_us BIGINT NOT NULL,
    updated_us BIGINT NOT NULL,
    PRIMARY KEY (organisation_id, rule_id)
);

CREATE TABLE known_value_lists (
    organisation_id TEXT NOT NULL REFERENCES organisations,
    list_id TEXT NOT NULL,
    name TEXT NOT NULL,
    category TEXT NOT NULL,
    entries BIGINT NOT NULL,
    recipient_fingerprint TEXT NOT NULL,
    sealed BYTEA NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('active', 'deleted')),
    revision BIGINT NOT NULL,
    version BIGINT NOT NULL,
    changed_by TEXT,
    created_us BIGINT NOT NULL,
    updated_us BIGINT NOT NULL,
    PRIMARY KEY (organisation_id, list_id)
);

CREATE TABLE allow_entries (
    organisation_id TEXT NOT NULL REFERENCES organisations,
    entry_id TEXT NOT NULL,
    version BIGINT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('token', 'keyed_hash', 'regex')),
    value TEXT NOT NULL,
    reason TEXT NOT NULL,
    created_by TEXT,
    created_us BIGINT NOT NULL,
    expires_us BIGINT,
    revoked_us BIGINT,
    PRIMARY KEY (organisation_id, entry_id)
);
CREATE INDEX allow_entries_by_version ON allow_entries (organisation_id, version);

CREATE TABLE provider_credentials (
    organisation_id TEXT NOT NULL REFERENCES organisations,
    credential_id TEXT NOT NULL,
    version BIGINT NOT NULL,
    upstream TEXT NOT NULL,
    name TEXT NOT NULL,
    sealed BYTEA NOT NULL,
    sealing_key_id TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('active', 'deleted')),
    created_by TEXT,
    created_us BIGINT NOT NULL,
    updated_us BIGINT NOT NULL,
    PRIMARY KEY (organisation_id, credential_id)
);
CREATE UNIQUE INDEX provider_credentials_by_upstream ON provider_credentials (organisation_id, upstream) WHERE state = 'active';
CREATE INDEX provider_credentials_by_sealing_key ON provider_credentials (sealing_key_id);

-- Tokens and short-lived credentials that are refused before they expire.
CREATE TABLE revocations (
    organisation_id TEXT NOT NULL REFERENCES organisations,
    revocation_id TEXT NOT NULL,
    version BIGINT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('token', 'credential')),
    value TEXT NOT NULL,
    reason TEXT NOT NULL,
    created_by TEXT,
    created_us BIGINT NOT NULL,
    expires_us BIGINT,
    PRIMARY KEY (organisation_id, revocation_id)
);
CREATE INDEX revocations_by_version ON revocations (organisation_id, version);

-- What administrators changed. Rows are never altered: each carries the hash of the one before it.
CREATE TABLE admin_log (
    organisation_id TEXT NOT NULL,
    number BIGINT NOT NULL,
    created_us BIGINT NOT NULL,
    actor_kind TEXT NOT NULL CHECK (actor_kind IN ('user', 'key', 'command_line', 'system')),
    actor_id TEXT NOT NULL,
    action TEXT NOT NULL,
    target_kind TEXT NOT NULL,
    target_id TEXT NOT NULL,
    before TEXT,
    after TEXT,
    address TEXT,
    request_id TEXT,
    hash BYTEA NOT NULL,
    PRIMARY KEY (organisation_id, number)
);
CREATE INDEX admin_log_by_target ON admin_log (organisation_id, target_kind, target_id, number);
CREATE TABLE admin_log_heads (
    organisation_id TEXT PRIMARY KEY,
    number BIGINT NOT NULL,
    hash BYTEA NOT NULL
);

-- Audit. A stream is what one process of a gateway ships of one organisation.
CREATE TABLE audit_streams (
    organisation_id TEXT NOT NULL REFERENCES organisations,
    gateway_id TEXT NOT NULL,
    boot_id TEXT NOT NULL,
    last_sequence BIGINT NOT NULL,
    last_hash BYTEA NOT NULL,
    clock_skew_us BIGINT NOT NULL,
    opened_us BIGINT NOT NULL,
    updated_us BIGINT NOT NULL,
    ended_us BIGINT,
    PRIMARY KEY (organisation_id, gateway_id, boot_id)
);

-- The next number of an organisation's events, and how long new ones are kept.
CREATE TABLE audit_counters (
    organisation_id TEXT PRIMARY KEY REFERENCES organisations,
    next_number BIGINT NOT NULL,
    last_received_us BIGINT NOT NULL,
    retention_days BIGINT NOT NULL CHECK (retention_days IN (30, 90, 365, 2557))
);

-- The first number of each day that has events: times and numbers grow together.
CREATE TABLE audit_days (
    organisation_id TEXT NOT NULL REFERENCES organisations,
    received_day BIGINT NOT NULL,
    first_number BIGINT NOT NULL,
    PRIMARY KEY (organisation_id, received_day)
);

CREATE TABLE audit_events (
    organisation_id TEXT NOT NULL,
    number BIGINT NOT NULL,
    retention_days BIGINT NOT NULL,
    received_day BIGINT NOT NULL,
    gateway_id TEXT NOT NULL,
    boot_id TEXT NOT NULL,
    sequence BIGINT NOT NULL,
    hash BYTEA NOT NULL,
    received_us BIGINT NOT NULL,
    occurred_us BIGINT NOT NULL,
    clock_skew_us BIGINT NOT NULL,
    kind TEXT NOT NULL,
    request_id TEXT,
    key_id TEXT,
    team_id TEXT,
    provider TEXT,
    model TEXT,
    outcome TEXT,
    status BIGINT,
    findings BIGINT NOT NULL,
    restored BIGINT NOT NULL,
    request_bytes BIGINT NOT NULL,
    response_bytes BIGINT NOT NULL,
    input_tokens BIGINT NOT NULL,
    output_tokens BIGINT NOT NULL,
    line BYTEA NOT NULL,
    PRIMARY KEY (organisation_id, number, retention_days, received_day)
) PARTITION BY LIST (retention_days);
CREATE INDEX audit_events_by_stream ON audit_events (organisation_id, gateway_id, boot_id, sequence);
CREATE INDEX audit_events_by_key ON audit_events (organisation_id, key_id, number);
CREATE INDEX audit_events_by_team ON audit_events (organisation_id, team_id, number);
CREATE INDEX audit_events_by_model ON audit_events (organisation_id, model, number);
CREATE INDEX audit_events_by_outcome ON audit_events (organisation_id, outcome, number);
CREATE INDEX audit_events_by_request ON audit_events (organisation_id, request_id);

CREATE TABLE audit_findings (
    organisation_id TEXT NOT NULL,
    number BIGINT NOT NULL,
    retention_days BIGINT NOT NULL,
    received_day BIGINT NOT NULL,
    position BIGINT NOT NULL,
    rule TEXT NOT NULL,
    category TEXT NOT NULL,
    action TEXT NOT NULL,
    place TEXT NOT NULL,
    token TEXT,
    PRIMARY KEY (organisation_id, number, position, retention_days, received_day)
) PARTITION BY LIST (retention_days);
CREATE INDEX audit_findings_by_token ON audit_findings (organisation_id, token, number);
CREATE INDEX audit_findings_by_rule ON audit_findings (organisation_id, rule, number);

-- What a gateway signed: up to this event the chain has this hash.
CREATE TABLE audit_checkpoints (
    organisation_id TEXT NOT NULL,
    gateway_id TEXT NOT NULL,
    boot_id TEXT NOT NULL,
    sequence BIGINT NOT NULL,
    hash BYTEA NOT NULL,
    signature BYTEA NOT NULL,
    signed_us BIGINT NOT NULL,
    received_us BIGINT NOT NULL,
    PRIMARY KEY (organisation_id, gateway_id, boot_id, sequence),
    FOREIGN KEY (organisation_id, gateway_id, boot_id) REFERENCES audit_streams
);

-- Runs of events that have expired: the hash of the last one lets the chain go on.
CREATE TABLE audit_anchors (
    organisation_id TEXT NOT NULL,
    gateway_id TEXT NOT NULL,
    boot_id TEXT NOT NULL,
    first_sequence BIGINT NOT NULL,
    last_sequence BIGINT NOT NULL,
    last_hash BYTEA NOT NULL,
    dropped_us BIGINT NOT NULL,
    PRIMARY KEY (organisation_id, gateway_id, boot_id, first_sequence)
);

-- Names of people and addresses stand in events as pseudonyms; erasing one of them empties its row.
CREATE TABLE pseudonyms (
    organisation_id TEXT NOT NULL REFERENCES organisations,
    pseudonym TEXT NOT NULL,
    kind TEXT NOT NULL,
    sealed BYTEA,
    sealing_key_id TEXT,
    created_us BIGINT NOT NULL,
    erased_us BIGINT,
    PRIMARY KEY (organisation_id, pseudonym)
);

CREATE TABLE usage_hours (
    organisation_id TEXT NOT NULL,
    hour BIGINT NOT NULL,
    team_id TEXT NOT NULL,
    key_id TEXT NOT NULL,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    requests BIGINT NOT NULL,
    findings BIGINT NOT NULL,
    restored BIGINT NOT NULL,
    request_bytes BIGINT NOT NULL,
    response_bytes BIGINT NOT NULL,
    input_tokens BIGINT NOT NULL,
    output_tokens BIGINT NOT NULL,
    PRIMARY KEY (organisation_id, hour, team_id, key_id, provider, model)
);
CREATE TABLE usage_cursors (
    organisation_id TEXT PRIMARY KEY REFERENCES organisations,
    next_number BIGINT NOT NULL
);

CREATE TABLE exports (
    organisation_id TEXT NOT NULL REFERENCES organisations,
    export_id TEXT NOT NULL,
    format TEXT NOT NULL CHECK (format IN ('csv', 'json_lines')),
    filter TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'running', 'done', 'failed', 'expired')),
    next_number BIGINT,
    rows_written BIGINT NOT NULL,
    digest BYTEA,
    location TEXT,
    error TEXT,
    created_by TEXT,
    created_us BIGINT NOT NULL,
    finished_us BIGINT,
    expires_us BIGINT,
    PRIMARY KEY (organisation_id, export_id)
);

-- Where events are sent on to.
CREATE TABLE sinks (
    organisation_id TEXT NOT NULL REFERENCES organisations,
    sink_id TEXT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('webhook', 'syslog', 'otlp')),
    target TEXT NOT NULL,
    filter TEXT NOT NULL,
    sealed_secret BYTEA,
    sealing_key_id TEXT,
    state TEXT NOT NULL CHECK (state IN ('active', 'paused', 'deleted')),
    next_number BIGINT NOT NULL,
    failures BIGINT NOT NULL,
    retry_us BIGINT NOT NULL,
    last_error TEXT,
    created_us BIGINT NOT NULL,
    updated_us BIGINT NOT NULL,
    PRIMARY KEY (organisation_id, sink_id)
);
CREATE TABLE dead_letters (
    organisation_id TEXT NOT NULL,
    sink_id TEXT NOT NULL,
    first_number BIGINT NOT NULL,
    last_number BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    error TEXT NOT NULL,
    created_us BIGINT NOT NULL,
    PRIMARY KEY (organisation_id, sink_id, first_number),
    FOREIGN KEY (organisation_id, sink_id) REFERENCES sinks
);

-- Answers to requests that a client may send twice.
CREATE TABLE idempotency_keys (
    organisation_id TEXT NOT NULL,
    actor_id TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    request_sha256 BYTEA NOT NULL,
    status BIGINT,
    response BYTEA,
    created_us BIGINT NOT NULL,
    expires_us BIGINT NOT NULL,
    PRIMARY KEY (organisation_id, actor_id, idempotency_key)
);
CREATE INDEX idempotency_keys_by_expiry ON idempotency_keys (expires_us);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the admin log is never altered';
END $$;
CREATE TRIGGER admin_log_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON admin_log
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TABLE audit_events_30 PARTITION OF audit_events FOR VALUES IN (30) PARTITION BY RANGE (received_day);
CREATE TABLE audit_events_90 PARTITION OF audit_events FOR VALUES IN (90) PARTITION BY RANGE (received_day);
CREATE TABLE audit_events_365 PARTITION OF audit_events FOR VALUES IN (365) PARTITION BY RANGE (received_day);
CREATE TABLE audit_events_2557 PARTITION OF audit_events FOR VALUES IN (2557) PARTITION BY RANGE (received_day);
CREATE TABLE audit_findings_30 PARTITION OF audit_findings FOR VALUES IN (30) PARTITION BY RANGE (received_day);
CREATE TABLE audit_findings_90 PARTITION OF audit_findings FOR VALUES IN (90) PARTITION BY RANGE (received_day);
CREATE TABLE audit_findings_365 PARTITION OF audit_findings FOR VALUES IN (365) PARTITION BY RANGE (received_day);
CREATE TABLE audit_findings_2557 PARTITION OF audit_findings FOR VALUES IN (2557) PARTITION BY RANGE (received_day);

-- The second wall between organisations; the first is the predicate that every query has. It holds for the owner too.
DO $$
DECLARE
    wanted RECORD;
    rule TEXT;
BEGIN
    FOR wanted IN
        SELECT c.relname AS name, bool_or(a.attname = 'organisation_id') AS has_organisation
        FROM pg_class c
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')
        GROUP BY c.relname
        HAVING bool_or(a.attname = 'organisation_id') OR c.relname = 'sessions'
    LOOP
        rule := '(SELECT current_setting(''aegis.operator'', true)) = ''on''';
        IF wanted.has_organisation THEN
            rule := 'organisation_id = (SELECT current_setting(''aegis.organisation'', true)) OR ' || rule;
        ELSE
            rule := 'user_id = (SELECT current_setting(''aegis.user'', true)) OR ' || rule;
        END IF;
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', wanted.name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', wanted.name);
        EXECUTE format('CREATE POLICY tenant ON %I USING (%s) WITH CHECK (%s)', wanted.name, rule, rule);
    END LOOP;
END $$;
-- People see in which organisations they are.
CREATE POLICY own ON memberships FOR SELECT USING (user_id = (SELECT current_setting('aegis.user', true)));
CREATE POLICY own ON organisations FOR SELECT USING (EXISTS (
    SELECT 1 FROM memberships m
    WHERE m.organisation_id = organisations.organisation_id
      AND m.user_id = (SELECT current_setting('aegis.user', true))
));
