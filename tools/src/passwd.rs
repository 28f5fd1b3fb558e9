//! What the tools that set passwords share: their command line, and what they ask of a session.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::sync::Arc;

use lexopt::{Arg, Parser};
use oxisasl::hooks::{PasswordChange, PasswordFlags};
use oxisasl::{Server, ServerParams, ServerSession};

use crate::args::{Asked, application, only, text};
use crate::failure::Failure;
use crate::settings::{APPLICATION, Interface, Settings};
use crate::{host, password, version};

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub struct Request {
    /// The application whose configuration counts.
    pub application: String,
    interface: Interface,
    user: OsString,
    realm: Option<String>,
    disable: bool,
    once: bool,
    flags: u32,
    database: Option<String>,
}

impl Request {
    /// Reads a command line. The tool of 2.1 has `-n` and `-v` as well.
    ///
    /// # Errors
    /// [`Failure::Usage`]; [`Failure::Plain`] for an application that is none.
    pub fn parse(interface: Interface, mut parser: Parser) -> Result<Asked<Self>, Failure> {
        let mut user = None;
        let mut request = Request {
            application: APPLICATION.to_owned(),
            interface,
            user: OsString::new(),
            realm: None,
            disable: false,
            once: false,
            flags: 0,
            database: None,
        };
        while let Some(argument) = parser.next()? {
            match (argument, interface) {
                (Arg::Short('h') | Arg::Long("help"), _) => return Ok(Asked::Help),
                (Arg::Long("version"), _) => return Ok(Asked::Version),
                (Arg::Short('v'), Interface::Current) => return Ok(Asked::Note(version::NOTE)),
                (Arg::Short('n'), Interface::Current) => request.flags |= PasswordFlags::NO_PLAIN,
                (Arg::Short('a'), _) => request.application = application(text("-a", parser.value()?)?)?,
                (Arg::Short('c'), _) => request.flags |= PasswordFlags::CREATE,
                (Arg::Short('d'), _) => request.disable = true,
                (Arg::Short('f'), _) => request.database = Some(text("-f", parser.value()?)?),
                (Arg::Short('p'), _) => request.once = true,
                (Arg::Short('u'), _) => request.realm = Some(text("-u", parser.value()?)?),
                (Arg::Value(operand), _) => only(&mut user, operand)?,
                (other, _) => return Err(other.unexpected().into()),
            }
        }
        if request.disable && request.flags & PasswordFlags::CREATE != 0 {
            return Err(Failure::Usage("a user cannot be created and disabled at once".to_owned()));
        }
        request.user = user.ok_or_else(|| Failure::Usage("the user is missing".to_owned()))?;
        Ok(Asked::Work(request))
    }

    /// The configuration, whose errors are told before anyone types a password.
    ///
    /// # Errors
    /// As [`Settings::read`].
    pub fn settings(&self) -> Result<Settings, Failure> {
        Ok(Settings::read(self.interface, &self.application, self.database.clone())?)
    }

    /// The session of a service in which it is done.
    ///
    /// # Errors
    /// When the host's name cannot be had.
    pub fn session(&self, server: Server, service: &str) -> Result<ServerSession, Failure> {
        let params = ServerParams::new(service).fqdn(host::name()?);
        Ok(Arc::new(server).session(match &self.realm {
            Some(realm) => params.realm(realm),
            None => params,
        })?)
    }

    /// Reads the new password, if there is to be one, and does it.
    ///
    /// # Errors
    /// As [`password::read`]; what the stores say.
    pub fn change(self, session: &ServerSession) -> Result<(), Failure> {
        let password = if self.disable { None } else { Some(password::read(self.once)?) };
        let disable = if self.disable { PasswordFlags::DISABLE } else { 0 };
        let flags = PasswordFlags(self.flags | disable);
        session
            .set_password(&self.user.into_vec(), &PasswordChange { password: password.as_ref(), old: None, flags })?;
        Ok(())
    }
}
