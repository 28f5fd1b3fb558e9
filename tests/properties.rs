//! Whose properties an application sees.

use std::sync::Arc;

use oxisasl::hooks::{Authorize, ServerHooks};
use oxisasl::store::memory::Memory;
use oxisasl::{Progress, Result, Server, ServerParams};

/// An application that lets everyone act as everyone.
struct Anyone;

impl ServerHooks for Anyone {
    fn authorize(&self, _: &Authorize<'_>) -> Result<()> {
        Ok(())
    }
}

#[test]
fn properties_are_those_of_the_user_to_act_as() {
    let store = Memory::new()
        .user("alice@host.example", "secret")
        .property("alice@host.example", "mail", "alice@mail")
        .property("alice@host.example", "uidNumber", "1000")
        .property("bob@host.example", "mail", "bob@mail");
    let server = Arc::new(Server::new("test").store(store));
    let params = ServerParams::new("svc").fqdn("host.example").realm("host.example").hooks(Anyone);
    let session = server.session(params).unwrap();
    session.props().request(["mail", "*mail", "uidNumber"]);
    let progress = session.start("PLAIN", Some(b"bob\0alice\0secret")).unwrap();
    assert!(matches!(progress, Progress::Done(_)));
    let value = |name| session.props().first(name).map(|value| value.expose().to_vec());
    assert_eq!(value("mail").as_deref(), Some(&b"bob@mail"[..]));
    assert_eq!(value("*mail").as_deref(), Some(&b"alice@mail"[..]));
    assert_eq!(value("uidNumber"), None, "alice's number must not be taken for bob's");
}
