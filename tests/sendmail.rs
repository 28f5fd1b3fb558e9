//! Debian's own Sendmail, server and client, on a chosen `libsasl2.so.2`.

mod rig;

use rig::base::Library;
use rig::client::mechanism;
use rig::sendmail::{AuthInfo, Config, Server, send};

#[test]
fn probe() {
    let server = Server::start(&Library::under_test(), &Config::default());
    let mut smtp = server.connect();
    println!("{:?}", smtp.ehlo());
    println!("{:?}", smtp.auth(&mut *mechanism("PLAIN", "tim", "tanstaaftanstaaf"), true));
    println!("{:?}", smtp.relay("hello\r\n"));
    println!("{:?}", server.queued());
    let sent = send(
        &Library::under_test(),
        &Config::default(),
        server.port,
        Some(&AuthInfo { user: "tim", password: "tanstaaftanstaaf", mechanisms: "" }),
        "Subject: x\n\nhi\n",
    );
    println!("{:?}\n{}\n{:?}", sent.ran, sent.log, sent.queued);
    println!("{}", server.sandbox.log.text_after(0));
}
