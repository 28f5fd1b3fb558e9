//! The mechanisms that a server or client has: those built in and those added, strongest first.

use std::cmp::Reverse;
use std::ops::Deref;
use std::sync::Arc;

use crate::mech::{BUILTIN, MechInfo, Mechanism};
use crate::policy::{Features, SecurityFlags};

/// One of them.
#[derive(Clone)]
pub enum MechanismRef {
    /// Built in.
    Builtin(&'static dyn Mechanism),
    /// Added by the application, or loaded.
    Added(Arc<dyn Mechanism>),
}

impl Deref for MechanismRef {
    type Target = dyn Mechanism;

    fn deref(&self) -> &Self::Target {
        match self {
            MechanismRef::Builtin(mechanism) => *mechanism,
            MechanismRef::Added(mechanism) => mechanism.as_ref(),
        }
    }
}

/// The mechanisms, strongest first.
#[derive(Clone)]
pub struct Registry {
    mechanisms: Arc<[MechanismRef]>,
}

impl Registry {
    /// Those built in.
    #[must_use]
    pub fn builtin() -> Self {
        Self::sorted(BUILTIN.iter().map(|mechanism| MechanismRef::Builtin(*mechanism)).collect())
    }

    /// Those built in that have one of these names.
    #[must_use]
    pub fn of(names: &[&str]) -> Self {
        let chosen = BUILTIN.iter().filter(|mechanism| names.contains(&mechanism.info().name.as_ref()));
        Self::sorted(chosen.map(|mechanism| MechanismRef::Builtin(*mechanism)).collect())
    }

    /// No mechanism.
    #[must_use]
    pub fn empty() -> Self {
        Self::sorted(Vec::new())
    }

    /// With one more, after those that are equally strong. Where there is one of the same name already, that stays, and
    /// this one is not added.
    #[must_use]
    pub fn with(&self, mechanism: Arc<dyn Mechanism>) -> Self {
        if self.get(&mechanism.info().name).is_some() { self.clone() } else { self.replacing(mechanism) }
    }

    /// With one more, in the place of any of the same name.
    #[must_use]
    pub fn replacing(&self, mechanism: Arc<dyn Mechanism>) -> Self {
        let name = &mechanism.info().name;
        let others = self.mechanisms.iter().filter(|other| !other.info().name.eq_ignore_ascii_case(name));
        let mut all: Vec<MechanismRef> = others.cloned().collect();
        all.push(MechanismRef::Added(mechanism));
        Self::sorted(all)
    }

    /// Without those that `keep` says no to.
    #[must_use]
    pub fn only(&self, keep: impl Fn(&MechInfo) -> bool) -> Self {
        Registry { mechanisms: self.mechanisms.iter().filter(|mechanism| keep(mechanism.info())).cloned().collect() }
    }

    /// The one of this name, which is compared without regard to case.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&MechanismRef> {
        find(&self.mechanisms, name)
    }

    fn sorted(mut all: Vec<MechanismRef>) -> Self {
        all.sort_by_key(|mechanism| Reverse(strength(mechanism.info())));
        Registry { mechanisms: all.into() }
    }

    /// Those that an option names, in its order; all of them without one. Names are compared without regard to case;
    /// a `-PLUS` at their end is ignored, and so is a name that no mechanism has.
    #[must_use]
    pub fn select(&self, list: Option<&str>) -> Arc<[MechanismRef]> {
        let Some(list) = list else { return Arc::clone(&self.mechanisms) };
        list.split_ascii_whitespace().filter_map(|name| find(&self.mechanisms, split_plus(name).0).cloned()).collect()
    }

    /// All of them.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &MechanismRef> {
        self.mechanisms.iter()
    }
}

/// The mechanism of this name, which is compared without regard to case.
#[must_use]
pub fn find<'a>(mechanisms: &'a [MechanismRef], name: &str) -> Option<&'a MechanismRef> {
    mechanisms.iter().find(|mechanism| mechanism.info().name.eq_ignore_ascii_case(name))
}

/// A name without the `-PLUS` at its end, and whether there was one (RFC 5801 section 3.1).
#[must_use]
pub fn split_plus(name: &str) -> (&str, bool) {
    let split = name.len().checked_sub(5).filter(|at| name.is_char_boundary(*at)).map(|at| name.split_at(at));
    match split {
        Some((bare, suffix)) if suffix.eq_ignore_ascii_case("-PLUS") => (bare, true),
        _ => (name, false),
    }
}

/// What makes a mechanism stronger than another: the guarantees in this order, then channel binding, the strength of
/// its layer and the length of its hash.
fn strength(info: &MechInfo) -> ([bool; 7], u32, u32) {
    let has = |flag| info.security.contains(flag);
    let guarantees = [
        has(SecurityFlags::NO_ANONYMOUS),
        has(SecurityFlags::NO_PLAINTEXT),
        has(SecurityFlags::MUTUAL_AUTH),
        has(SecurityFlags::NO_ACTIVE),
        has(SecurityFlags::NO_DICTIONARY),
        has(SecurityFlags::FORWARD_SECRECY),
        info.server.or(info.client).is_some_and(|features| features.contains(Features::CHANNEL_BINDING)),
    ];
    (guarantees, info.max_ssf, info.hash_bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plus_is_split_off_in_any_case() {
        assert_eq!(split_plus("SCRAM-SHA-1-PLUS"), ("SCRAM-SHA-1", true));
        assert_eq!(split_plus("x-plus"), ("x", true));
        assert_eq!(split_plus("-PLUS"), ("", true));
        assert_eq!(split_plus("PLUS"), ("PLUS", false));
        assert_eq!(split_plus("\u{e9}\u{e9}\u{e9}"), ("\u{e9}\u{e9}\u{e9}", false));
    }

    #[test]
    fn an_option_orders_and_restricts() {
        let chosen = Registry::builtin().select(Some(" plain  NONE plain-plus"));
        assert_eq!(chosen.iter().map(|m| m.info().name.as_ref()).collect::<Vec<_>>(), ["PLAIN", "PLAIN"]);
        assert_eq!(Registry::builtin().select(Some("plain,login")).len(), 0);
    }
}
