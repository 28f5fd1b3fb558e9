//! What a client may have to know from its user, and how it asks.

use std::borrow::Cow;

use crate::error::Error;
use crate::secret::Secret;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum PromptKind {
    /// The identity to act as (authzid); empty means the same as the authcid.
    User,
    /// The identity whose credentials are used (authcid).
    AuthName,
    /// The password.
    Pass,
    /// Something that may be shown while it is typed.
    EchoPrompt,
    /// Something that may not be shown while it is typed.
    NoEchoPrompt,
    /// The realm, out of those that the server offers.
    Realm,
}

/// A question to the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// What is asked for.
    pub kind: PromptKind,
    /// A label, or what the server said that the answer depends on (the challenge of OTP, the realms offered).
    pub challenge: Option<Cow<'static, str>>,
    /// The text to show.
    pub text: Cow<'static, str>,
    /// What an empty answer means, where there is such a thing.
    pub default: Option<String>,
    /// The realms that the server offers; only with [`PromptKind::Realm`].
    pub realms: Vec<String>,
}

impl Prompt {
    /// The question for a kind, in the words that Cyrus SASL's own clients show.
    #[must_use]
    pub fn new(kind: PromptKind) -> Self {
        let (label, text) = match kind {
            PromptKind::User => ("Authorization Name", "Please enter your authorization name"),
            PromptKind::AuthName => ("Authentication Name", "Please enter your authentication name"),
            PromptKind::Pass | PromptKind::NoEchoPrompt => ("Password", "Please enter your password"),
            PromptKind::EchoPrompt => ("Response", "Please enter your response"),
            PromptKind::Realm => ("Available realms:", "Please enter your realm"),
        };
        Prompt { kind, challenge: Some(label.into()), text: text.into(), default: None, realms: Vec::new() }
    }

    /// The same question, with what an empty answer means.
    #[must_use]
    pub fn with_default(mut self, default: &str) -> Self {
        self.default = Some(default.to_owned());
        self
    }

    /// The question for a realm: one of those that the server offers, or `default`.
    #[must_use]
    pub fn realm(offered: &[String], default: Option<&str>) -> Self {
        let list = offered.iter().map(|realm| format!("{{{realm}}}")).collect::<Vec<_>>().join(", ");
        Prompt {
            challenge: Some(format!("Available realms: {list}.").into()),
            default: default.map(str::to_owned),
            realms: offered.to_vec(),
            ..Prompt::new(PromptKind::Realm)
        }
    }
}

/// What an [`Answers`] says to a question.
#[derive(Debug, Clone)]
pub enum Answer {
    /// The answer.
    Value(Secret),
    /// Only the user can say: the step fails with [`crate::Code::Interact`] and the question, and is repeated
    /// once [`crate::ClientSession::supply`] has been given the answer.
    AskUser,
    /// This application never answers such questions.
    Unsupported,
    /// Asking failed, or the user gave up.
    Failed(Error),
}

/// Where a client's credentials come from. Implement it over whatever holds them.
pub trait Answers: Send {
    /// The answer to a question.
    fn answer(&self, prompt: &Prompt) -> Answer;

    /// Whether questions of this kind can be answered, now or by asking the user. A mechanism that needs an answer
    /// which is not supported is not offered.
    fn supports(&self, kind: PromptKind) -> bool;
}
