//! LOGIN (draft-murchison-sasl-login-00): name and password in a message each, as they are, for old mail clients on
//! connections that are protected otherwise.

use std::borrow::Cow;

use super::{ClientMech, ClientStep, MechInfo, Mechanism, NAME_AND_PASSWORD, ServerMech, Step};
use crate::ctx::{ClientCx, ServerCx};
use crate::error::{Error, Result};
use crate::identity::CanonFlags;
use crate::policy::{Features, SecurityFlags};
use crate::prompt::PromptKind;
use crate::secret::Secret;

/// The mechanism.
#[derive(Debug, Clone, Copy, Default)]
pub struct Login;

static INFO: MechInfo = MechInfo {
    name: Cow::Borrowed("LOGIN"),
    plugin: Cow::Borrowed("login"),
    max_ssf: 0,
    security: SecurityFlags::NO_ANONYMOUS.and(SecurityFlags::PASS_CREDENTIALS),
    hash_bits: 0,
    server: Some(Features::NONE),
    client: Some(Features::SERVER_FIRST),
    prompts: NAME_AND_PASSWORD,
};

/// Clients compare these to the letter.
const ASK_NAME: &[u8] = b"Username:";
const ASK_PASSWORD: &[u8] = b"Password:";

/// The longest name and the longest password, in bytes.
const MAX_FIELD: usize = 1024;

impl Mechanism for Login {
    fn info(&self) -> &MechInfo {
        &INFO
    }

    fn server(&self) -> Option<Box<dyn ServerMech>> {
        Some(Box::new(Server::Start))
    }

    fn client(&self) -> Option<Box<dyn ClientMech>> {
        Some(Box::new(Client::Name))
    }
}

enum Server {
    /// Nothing was said yet. Some clients send the name as initial response, which spares them the question.
    Start,
    /// Asked for the name.
    Name,
    /// Has the name, asked for the password.
    Password(Vec<u8>),
}

impl ServerMech for Server {
    fn step(&mut self, cx: &ServerCx<'_>, input: &[u8]) -> Result<Step> {
        match self {
            Server::Start if input.is_empty() => {
                *self = Server::Name;
                Ok(Step::Continue(ASK_NAME.to_vec()))
            }
            Server::Start | Server::Name => {
                if input.len() > MAX_FIELD {
                    return Err(Error::protocol("username too long (>1024 characters)"));
                }
                refuse_nul(input)?;
                *self = Server::Password(input.to_vec());
                Ok(Step::Continue(ASK_PASSWORD.to_vec()))
            }
            Server::Password(name) => {
                if input.len() > MAX_FIELD {
                    return Err(Error::protocol("clientinlen is > 1024 characters in LOGIN plugin"));
                }
                refuse_nul(input)?;
                cx.identify(name, None, CanonFlags::EXTERNALLY_VERIFIED)?;
                // Whoever checks passwords has told the log why, if there is more to tell than that it was wrong.
                let auth = cx
                    .check_password(&Secret::from(input))
                    .map_err(|error| error.in_context("checkpass failed").without_log())?;
                Ok(auth.into())
            }
        }
    }
}

/// A NUL would end the text for whoever keeps it as a C string: the rest would not be compared.
fn refuse_nul(input: &[u8]) -> Result<()> {
    if input.contains(&0) { Err(Error::protocol("NULs found in LOGIN input")) } else { Ok(()) }
}

/// What the client sends next. The texts of the challenges differ between servers and are not looked at.
enum Client {
    Name,
    Password,
}

impl ClientMech for Client {
    fn step(&mut self, cx: &ClientCx<'_>, input: Option<&[u8]>) -> Result<ClientStep> {
        match self {
            Client::Name => {
                input.ok_or_else(|| Error::protocol("Server didn't issue challenge for USERNAME"))?;
                let name = cx.required(PromptKind::AuthName)?;
                cx.identify(name.expose(), None)?;
                let name = cx.authid()?;
                *self = Client::Password;
                Ok(ClientStep::Continue(Some(name.to_vec())))
            }
            Client::Password => {
                input.ok_or_else(|| Error::protocol("Server didn't issue challenge for PASSWORD"))?;
                let password = cx.required(PromptKind::Pass)?;
                Ok(ClientStep::Done { response: Some(password.expose().to_vec()), layer: None })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code;
    use crate::mech::test_world::{TestClient, TestServer, client_sends, server_says};

    fn login(world: &TestServer, messages: &[&[u8]]) -> Result<Vec<u8>> {
        server_says(&Login, world, messages)
    }

    #[test]
    fn name_and_password_are_asked_for() {
        let world = TestServer::with_password("alice", "secret");
        assert_eq!(login(&world, &[b""]).unwrap(), b"Username:");
        assert_eq!(login(&world, &[b"", b"alice"]).unwrap(), b"Password:");
        assert_eq!(login(&world, &[b"", b"alice", b"secret"]).unwrap(), b"");
        assert_eq!(login(&world, &[b"alice"]).unwrap(), b"Password:");
        assert_eq!(login(&world, &[b"alice", b"secret"]).unwrap(), b"");
        assert_eq!(world.identity_text(), ("alice".into(), "alice".into()));
    }

    #[test]
    fn what_is_refused_and_how() {
        let world = TestServer::with_password("alice", "secret");
        let (fits, long) = (vec![b'x'; 1024], vec![b'x'; 1025]);
        let cases: &[(&[&[u8]], Code, &str)] = &[
            (&[b"alice", b"wrong"], Code::BadAuth, "checkpass failed"),
            (&[b"alice", b""], Code::BadAuth, "checkpass failed"),
            (&[b"alice", b"secrets"], Code::BadAuth, "checkpass failed"),
            (&[b"nobody", b"secret"], Code::NoUser, "checkpass failed"),
            (&[b"al\xff", b"secret"], Code::NoUser, "checkpass failed"),
            (&[b"", b"", b"secret"], Code::Fail, "All-whitespace username."),
            (&[b"  ", b"secret"], Code::Fail, "All-whitespace username."),
            (&[b"alice\0"], Code::BadProt, "NULs found in LOGIN input"),
            (&[b"alice", b"secret\0"], Code::BadProt, "NULs found in LOGIN input"),
            (&[b"alice", b"secret\0x"], Code::BadProt, "NULs found in LOGIN input"),
            (&[&fits, b"secret"], Code::NoUser, "checkpass failed"),
            (&[&long], Code::BadProt, "username too long (>1024 characters)"),
            (&[b"", &long], Code::BadProt, "username too long (>1024 characters)"),
            (&[b"alice", &fits], Code::BadAuth, "checkpass failed"),
            (&[b"alice", &long], Code::BadProt, "clientinlen is > 1024 characters in LOGIN plugin"),
        ];
        for (messages, code, text) in cases {
            let error = login(&world, messages).unwrap_err();
            assert_eq!((error.code(), error.detail()), (*code, *text), "{messages:?}");
        }
    }

    #[test]
    fn the_client_answers_whatever_it_is_asked() {
        let world = TestClient::new(" alice ", "", "secret");
        let ask = |text: &'static [u8]| Some(text);
        assert_eq!(client_sends(&Login, &world, &[ask(b"Username:")]).unwrap(), b"alice");
        assert_eq!(client_sends(&Login, &world, &[ask(b""), ask(b"Kennwort:")]).unwrap(), b"secret");
        for (messages, text) in [
            (&[None][..], "Server didn't issue challenge for USERNAME"),
            (&[ask(b""), None], "Server didn't issue challenge for PASSWORD"),
        ] {
            let error = client_sends(&Login, &world, messages).unwrap_err();
            assert_eq!((error.code(), error.detail()), (Code::BadProt, text));
        }
    }
}
