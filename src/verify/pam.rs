//! `pwcheck_method: pam`: asking the modules that the system's administrator has put before a service.
//!
//! The service is the session's, `smtp` for example, so that `/etc/pam.d/smtp` decides. The modules run in this process and with
//! its rights: `pam_unix` as any other user than root checks the password of that user only.

use std::ffi::CString;
use std::path::Path;

use super::{Attempt, PasswordVerifier, REFUSED, shown};
use crate::config::Options;
use crate::error::{Code, Error, Result};
use crate::log::Level;
use crate::secret::Secret;
use crate::sys::env;
use crate::sys::pam::{self, Failure, Prompt, Request, code};

/// Asks the modules whether the password is right, and with the option `pam_account` whether the account may be used.
#[derive(Debug, Clone, Copy, Default)]
pub struct Pam;

impl PasswordVerifier for Pam {
    fn name(&self) -> &str {
        "pam"
    }

    fn prepare(&self, _: &dyn Options) {
        // What is missing is told to whoever needs it.
        let _ = pam::load();
    }

    fn verify(&self, attempt: &Attempt<'_>, password: &Secret) -> Result<()> {
        let password = password.expose();
        // Some modules take an empty password for an anonymous login.
        if attempt.user.is_empty() || password.is_empty() || password.contains(&0) {
            return Err(Error::bad_auth(REFUSED));
        }
        let user = CString::new(attempt.user).map_err(|_| Error::bad_auth(REFUSED))?;
        let service =
            CString::new(attempt.service).map_err(|_| Error::fail("the name of the service has a NUL in it"))?;
        let host = attempt.remote.and_then(|remote| CString::new(remote.split(';').next()?).ok());
        let request = Request {
            service: &service,
            user: &user,
            remote_host: host.as_deref().filter(|host| !host.is_empty()),
            account: account(attempt),
            answer: &|prompt| match prompt {
                Prompt::Echoed => attempt.user,
                Prompt::Hidden => password,
                Prompt::Message => b"",
            },
        };
        pam::authenticate(&request).map_err(|failure| explain(attempt, failure))
    }

    fn user_exists(&self, _: &Attempt<'_>) -> Result<()> {
        Err(Error::new(Code::NoVerify, "PAM cannot be asked whether a user exists"))
    }
}

/// The option `pam_account`: no unless it is set; a value that is not understood means yes.
fn account(attempt: &Attempt<'_>) -> bool {
    let no = |value: &str| ["no", "n", "false", "f", "off", "0"].iter().any(|no| value.eq_ignore_ascii_case(no));
    attempt.options.get(None, "pam_account").is_some_and(|value| !no(value.trim()))
}

/// The error of an authentication that did not succeed, and the log line about it.
fn explain(attempt: &Attempt<'_>, failure: Failure) -> Error {
    let failed = |text: String| {
        attempt.log.log(Level::Err, &text);
        Error::fail(text)
    };
    let service = attempt.service.to_ascii_lowercase();
    let [file, other] = ["/etc", "/usr/lib"].map(|root| format!("{root}/pam.d/{service}"));
    let uid = env::effective_uid();
    match failure {
        Failure::Missing(text) => failed(format!("cannot check passwords with PAM: {text}")),
        Failure::Nested => failed("cannot check a password with PAM from within a module of PAM".to_owned()),
        Failure::Failed { function, code, text } if is_fault(code) => failed(format!(
            "PAM cannot check passwords of the service {service} ({file}) as uid {uid}: {function}: {text}"
        )),
        Failure::Failed { function, code, text } => {
            let no_file = !Path::new(&file).exists() && !Path::new(&other).exists();
            let unseen = code == code::AUTHINFO_UNAVAIL;
            let mut line = format!("PAM refuses {} for the service {service}: {function}: {text}", shown(attempt.user));
            if no_file {
                line.push_str(&format!("; there is no {file}, so that /etc/pam.d/other decided"));
            }
            if uid != 0 {
                line.push_str(&format!("; as uid {uid} pam_unix cannot check the passwords of others"));
            }
            attempt.log.log(if no_file || unseen { Level::Err } else { Level::Fail }, &line);
            Error::bad_auth(REFUSED)
        }
    }
}

/// Whether a failure is that of the system's administrator and not that of the user.
fn is_fault(status: i32) -> bool {
    matches!(
        status,
        code::OPEN_ERR
            | code::SYMBOL_ERR
            | code::SERVICE_ERR
            | code::SYSTEM_ERR
            | code::BUF_ERR
            | code::ABORT
            | code::MODULE_UNKNOWN
    )
}
