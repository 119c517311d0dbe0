//! People: who they are, in which organisations and teams, and who is invited.

use super::clock::{Micros, now};
use super::database::Tx;
use super::error::{Error, Result};
use super::ids::new_id;
use super::organisations::check_name;
use super::paging::{List, list, with_one_more};
use super::scope::{Operator, Organisation, User};
use super::value::{Row, values};

/// Longest address that is taken.
pub const MAX_EMAIL_BYTES: usize = 254;

/// What a member may do is decided by the role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// All, and there is always one.
    Owner,
    /// All but the owners.
    Admin,
    /// Policies and the audit log.
    Security,
    /// What it costs.
    Billing,
    /// Own keys.
    Member,
    /// To look.
    Viewer,
}

impl Role {
    /// All of them.
    pub const ALL: [Role; 6] =
        [Role::Owner, Role::Admin, Role::Security, Role::Billing, Role::Member, Role::Viewer];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Role::Owner => "owner",
            Role::Admin => "admin",
            Role::Security => "security",
            Role::Billing => "billing",
            Role::Member => "member",
            Role::Viewer => "viewer",
        }
    }

    /// The role of this name.
    pub fn of_name(name: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.name() == name)
    }
}

/// A person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The id.
    pub id: String,
    /// The address, in lower case.
    pub email: String,
    /// The name.
    pub name: String,
    /// Whether the person may sign in.
    pub is_active: bool,
    /// When the person was entered.
    pub created: Micros,
}

const COLUMNS: &str = "user_id, email, name, state, created_us";

fn person(row: &Row) -> Result<Person> {
    Ok(Person {
        id: row.get("user_id")?,
        email: row.get("email")?,
        name: row.get("name")?,
        is_active: row.get::<String>("state")? == "active",
        created: row.get("created_us")?,
    })
}

/// An address as it is kept: without blanks around it, in lower case.
pub fn normal_email(email: &str) -> Result<String> {
    let email = email.trim().to_lowercase();
    let (local, domain) = email.rsplit_once('@').unwrap_or_default();
    let is_fine = !local.is_empty()
        && !domain.is_empty()
        && email.len() <= MAX_EMAIL_BYTES
        && !email.contains(|letter: char| letter.is_whitespace() || letter.is_control());
    if is_fine { Ok(email) } else { Err(Error::Refused("this is no e-mail address".into())) }
}

/// Enters a person and returns the id.
pub async fn create(
    tx: &mut Tx<Operator>,
    email: &str,
    name: &str,
    password_hash: Option<&str>,
) -> Result<String> {
    check_name(name)?;
    let id = new_id("user");
    let sql = "INSERT INTO users (user_id, email, name, password_hash, state, created_us, updated_us) \
               VALUES ($1, $2, $3, $4, 'active', $5, $5)";
    tx.execute(sql, values![&id, normal_email(email)?, name, password_hash, now()]).await?;
    Ok(id)
}

/// The person with an address, and the hash of the password, if there is one.
pub async fn find_by_email(tx: &mut Tx<Operator>, email: &str) -> Result<Option<(Person, Option<String>)>> {
    let sql = format!("SELECT {COLUMNS}, password_hash FROM users WHERE email = $1");
    let Some(row) = tx.query_first(&sql, values![normal_email(email)?]).await? else { return Ok(None) };
    Ok(Some((person(&row)?, row.get("password_hash")?)))
}

/// A person by the id.
pub async fn find(tx: &mut Tx<Operator>, id: &str) -> Result<Person> {
    let sql = format!("SELECT {COLUMNS} FROM users WHERE user_id = $1");
    person(&tx.query_first(&sql, values![id]).await?.ok_or(Error::NotFound("person"))?)
}

/// Sets the hash of a password.
pub async fn set_password(tx: &mut Tx<Operator>, id: &str, password_hash: &str) -> Result<()> {
    let sql = "UPDATE users SET password_hash = $1, updated_us = $2 WHERE user_id = $3 AND state <> 'erased'";
    tx.execute_one("person", sql, values![password_hash, now(), id]).await
}

/// Lets a person sign in, or not.
pub async fn set_active(tx: &mut Tx<Operator>, id: &str, is_active: bool) -> Result<()> {
    let state = if is_active { "active" } else { "disabled" };
    let sql = "UPDATE users SET state = $1, updated_us = $2 WHERE user_id = $3 AND state <> 'erased'";
    tx.execute_one("person", sql, values![state, now(), id]).await
}

/// Erases what is personal. The id stays, for what refers to it.
pub async fn erase(tx: &mut Tx<Operator>, id: &str) -> Result<()> {
    tx.execute("DELETE FROM sessions WHERE user_id = $1", values![id]).await?;
    let sql = "UPDATE users SET email = $1, name = '', password_hash = NULL, state = 'erased', updated_us = $2 \
               WHERE user_id = $3";
    tx.execute_one("person", sql, values![format!("erased:{id}"), now(), id]).await
}

/// A person in an organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The person's id.
    pub user: String,
    /// The address.
    pub email: String,
    /// The name.
    pub name: String,
    /// The role.
    pub role: Role,
    /// Since when.
    pub created: Micros,
}

/// Makes a person a member.
pub async fn add_member(tx: &mut Tx<Organisation>, user: &str, role: Role) -> Result<()> {
    let sql = "INSERT INTO memberships (organisation_id, user_id, role, created_us) VALUES ($1, $2, $3, $4)";
    let parameters = values![tx.scope().id(), user, role.name(), now()];
    tx.execute(sql, parameters).await.map(drop)
}

/// Gives a member another role. The last owner stays one.
pub async fn set_role(tx: &mut Tx<Organisation>, user: &str, role: Role) -> Result<()> {
    if role != Role::Owner {
        keep_an_owner(tx, user).await?;
    }
    let sql = "UPDATE memberships SET role = $1 WHERE organisation_id = $2 AND user_id = $3";
    let parameters = values![role.name(), tx.scope().id(), user];
    tx.execute_one("member", sql, parameters).await
}

/// Ends a membership, and those in teams. The last owner stays.
pub async fn remove_member(tx: &mut Tx<Organisation>, user: &str) -> Result<()> {
    keep_an_owner(tx, user).await?;
    let sql = "DELETE FROM memberships WHERE organisation_id = $1 AND user_id = $2";
    let parameters = values![tx.scope().id(), user];
    tx.execute_one("member", sql, parameters).await
}

async fn keep_an_owner(tx: &mut Tx<Organisation>, user: &str) -> Result<()> {
    let sql = "SELECT user_id FROM memberships WHERE organisation_id = $1 AND role = 'owner'";
    let parameters = values![tx.scope().id()];
    let owners = tx.query_locked(sql, parameters).await?;
    let owners = owners.iter().map(|row| row.get("user_id")).collect::<Result<Vec<String>>>()?;
    if owners == [user] {
        return Err(Error::Refused("an organisation has an owner: make somebody else one first".into()));
    }
    Ok(())
}

/// The role of a person in the organisation.
pub async fn role_of(tx: &mut Tx<Organisation>, user: &str) -> Result<Option<Role>> {
    let sql = "SELECT role FROM memberships WHERE organisation_id = $1 AND user_id = $2";
    let parameters = values![tx.scope().id(), user];
    tx.query_first(sql, parameters).await?.map(|row| row.parse("role", Role::of_name)).transpose()
}

/// The organisation's members.
pub async fn members(tx: &mut Tx<Organisation>, after: Option<&str>, limit: u32) -> Result<List<Member>> {
    let sql = "SELECT m.user_id, m.role, m.created_us, u.email, u.name FROM memberships m \
               JOIN users u ON u.user_id = m.user_id \
               WHERE m.organisation_id = $1 AND m.user_id > $2 ORDER BY m.user_id LIMIT $3";
    let parameters = values![tx.scope().id(), after.unwrap_or_default(), with_one_more(limit)];
    let rows = tx.query(sql, parameters).await?;
    let member = |row: &Row| {
        Ok(Member {
            user: row.get("user_id")?,
            email: row.get("email")?,
            name: row.get("name")?,
            role: row.parse("role", Role::of_name)?,
            created: row.get("created_us")?,
        })
    };
    list(&rows, limit, member, |member| &member.user)
}

/// The organisations of a person: id, name and role.
pub async fn organisations(tx: &mut Tx<User>) -> Result<Vec<(String, String, Role)>> {
    let sql = "SELECT o.organisation_id, o.name, m.role FROM memberships m \
               JOIN organisations o ON o.organisation_id = m.organisation_id \
               WHERE m.user_id = $1 AND o.state <> 'deleted' ORDER BY o.organisation_id";
    let parameters = values![tx.scope().id()];
    let rows = tx.query(sql, parameters).await?;
    rows.iter()
        .map(|row| Ok((row.get("organisation_id")?, row.get("name")?, row.parse("role", Role::of_name)?)))
        .collect()
}

/// Takes a member into a team.
pub async fn join_team(tx: &mut Tx<Organisation>, team: &str, user: &str) -> Result<()> {
    let sql = "INSERT INTO team_members (organisation_id, team_id, user_id, created_us) VALUES ($1, $2, $3, $4) \
               ON CONFLICT (organisation_id, team_id, user_id) DO NOTHING";
    let parameters = values![tx.scope().id(), team, user, now()];
    tx.execute(sql, parameters).await.map(drop)
}

/// Takes a member out of a team.
pub async fn leave_team(tx: &mut Tx<Organisation>, team: &str, user: &str) -> Result<()> {
    let sql = "DELETE FROM team_members WHERE organisation_id = $1 AND team_id = $2 AND user_id = $3";
    let parameters = values![tx.scope().id(), team, user];
    tx.execute_one("member of this team", sql, parameters).await
}

/// The ids of a team's members.
pub async fn team(tx: &mut Tx<Organisation>, team: &str) -> Result<Vec<String>> {
    let sql = "SELECT user_id FROM team_members WHERE organisation_id = $1 AND team_id = $2 ORDER BY user_id";
    let parameters = values![tx.scope().id(), team];
    tx.query(sql, parameters).await?.iter().map(|row| row.get("user_id")).collect()
}

/// An invitation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// Its id.
    pub id: String,
    /// Whose organisation it is into.
    pub organisation: String,
    /// Who is invited.
    pub email: String,
    /// The role that is offered.
    pub role: Role,
    /// When it was made.
    pub created: Micros,
    /// When it ends.
    pub expires: Micros,
}

const INVITATION: &str = "invitation_id, organisation_id, email, role, created_us, expires_us";

fn invitation(row: &Row) -> Result<Invitation> {
    Ok(Invitation {
        id: row.get("invitation_id")?,
        organisation: row.get("organisation_id")?,
        email: row.get("email")?,
        role: row.parse("role", Role::of_name)?,
        created: row.get("created_us")?,
        expires: row.get("expires_us")?,
    })
}

/// Invites somebody; the link carries a token, of which the hash is kept. Returns the id.
pub async fn invite(
    tx: &mut Tx<Organisation>,
    (email, role): (&str, Role),
    token_sha256: &[u8; 32],
    invited_by: Option<&str>,
    expires: Micros,
) -> Result<String> {
    let id = new_id("inv");
    let sql = "INSERT INTO invitations (organisation_id, invitation_id, email, role, token_sha256, invited_by, created_us, \
                  expires_us) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    let email = normal_email(email)?;
    let parameters =
        values![tx.scope().id(), &id, email, role.name(), token_sha256, invited_by, now(), expires];
    tx.execute(sql, parameters).await?;
    Ok(id)
}

/// Takes an invitation, once. None when there is none, or no longer.
pub async fn accept(
    tx: &mut Tx<Operator>,
    token_sha256: &[u8; 32],
    time: Micros,
) -> Result<Option<Invitation>> {
    let sql = format!(
        "UPDATE invitations SET accepted_us = $1 WHERE token_sha256 = $2 AND accepted_us IS NULL \
            AND revoked_us IS NULL AND expires_us > $1 RETURNING {INVITATION}"
    );
    tx.query_first(&sql, values![time, token_sha256]).await?.map(|row| invitation(&row)).transpose()
}

/// Takes an invitation back.
pub async fn revoke_invitation(tx: &mut Tx<Organisation>, id: &str) -> Result<()> {
    let sql = "UPDATE invitations SET revoked_us = $1 \
               WHERE organisation_id = $2 AND invitation_id = $3 AND accepted_us IS NULL AND revoked_us IS NULL";
    let parameters = values![now(), tx.scope().id(), id];
    tx.execute_one("invitation", sql, parameters).await
}

/// Invitations that can still be taken.
pub async fn invitations(
    tx: &mut Tx<Organisation>,
    after: Option<&str>,
    limit: u32,
) -> Result<List<Invitation>> {
    let sql = format!(
        "SELECT {INVITATION} FROM invitations WHERE organisation_id = $1 AND invitation_id > $2 \
            AND accepted_us IS NULL AND revoked_us IS NULL AND expires_us > $3 ORDER BY invitation_id LIMIT $4"
    );
    let parameters = values![tx.scope().id(), after.unwrap_or_default(), now(), with_one_more(limit)];
    let rows = tx.query(&sql, parameters).await?;
    list(&rows, limit, invitation, |invitation| &invitation.id)
}
