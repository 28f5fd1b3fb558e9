//! The stock plugins of Kerberos in our library, where an administrator prefers them to what is built in.

use super::rig::base::Library;
use super::{Extra, MECHANISMS, NOTHING, Site, expect_success};

#[test]
fn the_stock_plugins_serve_clients_of_both_libraries() {
    let (ours, stock) = (Library::under_test(), Library::stock());
    if ours.is_stock() {
        return;
    }
    let site = Site::new();
    let cache = site.kdc.ticket("alice", &[]);
    site.conf.write("sample.conf", format!("prefer_plugins: {}\n", MECHANISMS.join(" ")));
    for client in [&ours, &stock] {
        let libraries = (ours.clone(), client.clone());
        for (mechanism, limits, ssf) in [
            ("GSSAPI", "min=0,max=256", 256),
            ("GSSAPI", "min=1,max=1", 1),
            ("GSSAPI", "min=0,max=0", 0),
            ("GSS-SPNEGO", "min=0,max=256", 256),
            ("GS2-KRB5", "min=0,max=256", 0),
        ] {
            let extra = Extra { client: &["-b", limits], ..NOTHING };
            let exchange = site.run(&libraries, Some(mechanism), &cache, &extra);
            expect_success(&exchange, "alice", ssf);
            // Only the plugin's server writes such lines.
            let step = exchange.server.errors.contains("GSSAPI server step failed: 2");
            assert_eq!(step, mechanism == "GSSAPI", "{exchange:#?}");
        }
    }
}
