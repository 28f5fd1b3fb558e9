/* Initialising and finishing, in any order and any number; what may be called before. */
#include "abi.h"

static void state(const char *label)
{
    const char **mechs = sasl_global_listmech();
    sasl_conn_t *s = NULL, *c = NULL;
    int server = sasl_server_new("svc", FQDN, NULL, NULL, NULL, NULL, 0, &s);
    int client = sasl_client_new("svc", FQDN, NULL, NULL, client_callbacks, 0, &c);
    say("%s: global mechs %s, utils %s, server_new %s, client_new %s, idle %d", label, mechs ? "listed" : "NULL",
        sasl_global_utils ? "set" : "NULL", rc(server), rc(client), sasl_idle(NULL));
    if (s) sasl_dispose(&s);
    if (c) sasl_dispose(&c);
}
#define si() say("server_init %s", rc(sasl_server_init(global_callbacks, NULL)))
#define ci() say("client_init %s", rc(sasl_client_init(global_callbacks)))
#define sd() say("server_done %s", rc(sasl_server_done()))
#define cd() say("client_done %s", rc(sasl_client_done()))

static void before(void)
{
    const char *out = NULL;
    unsigned len = 0;
    int count = 0;
    sasl_conn_t *none = NULL;
    state("before");
    sd();
    cd();
    say("listmech %s", rc(sasl_listmech(NULL, NULL, NULL, NULL, NULL, &out, &len, &count)));
    say("server_start %s", rc(sasl_server_start(NULL, "PLAIN", NULL, 0, &out, &len)));
    say("server_step %s", rc(sasl_server_step(NULL, "", 0, &out, &len)));
    say("client_start %s", rc(sasl_client_start(NULL, "PLAIN", NULL, &out, &len, &out)));
    say("client_step %s", rc(sasl_client_step(NULL, "", 0, NULL, &out, &len)));
    say("checkpass %s", rc(sasl_checkpass(NULL, "u", 1, "p", 1)));
    say("checkpass query %s", rc(sasl_checkpass(NULL, NULL, 0, NULL, 0)));
    say("checkapop %s", rc(sasl_checkapop(NULL, "c", 1, "r", 1)));
    say("checkapop query %s", rc(sasl_checkapop(NULL, NULL, 0, NULL, 0)));
    say("user_exists %s", rc(sasl_user_exists(NULL, "svc", NULL, "u")));
    say("setpass %s", rc(sasl_setpass(NULL, "u", "p", 1, NULL, 0, 0)));
    say("encode %s decode %s", rc(sasl_encode(NULL, "x", 1, &out, &len)), rc(sasl_decode(NULL, "x", 1, &out, &len)));
    say("errdetail %s", str(sasl_errdetail(NULL)));
    say("auxprop_request %s getctx %s", rc(sasl_auxprop_request(NULL, NULL)), sasl_auxprop_getctx(NULL) ? "set" : "NULL");
    say("auxprop_store query %s", rc(sasl_auxprop_store(NULL, NULL, NULL)));
    say("server_plugin_info %s", rc(sasl_server_plugin_info(NULL, NULL, NULL)));
    say("client_plugin_info %s", rc(sasl_client_plugin_info(NULL, NULL, NULL)));
    say("auxprop_plugin_info %s", rc(auxprop_plugin_info(NULL, NULL, NULL)));
    say("getstring %s", str(sasl_config_getstring("pwcheck_method", "default")));
    sasl_dispose(NULL);
    sasl_dispose(&none);
    say("dispose of nothing fine");
    sasl_done();
    sasl_common_done();
    say("done of nothing fine");
}

static const char *name_seen(void)
{
    static char kept[100];
    sasl_conn_t *s = NULL;
    const void *name = NULL;
    sasl_server_new("svc", FQDN, NULL, NULL, NULL, NULL, 0, &s);
    sasl_getprop(s, SASL_APPNAME, &name);
    snprintf(kept, sizeof kept, "%s", name ? (const char *)name : "(null)");
    sasl_dispose(&s);
    return kept;
}

static char long_name[4200];

int main(void)
{
    sasl_callback_t holes[] = {{SASL_CB_LOG, CB(on_log), NULL}, {SASL_CB_GETPATH, NULL, NULL}, {SASL_CB_LIST_END, NULL, NULL}};
    sasl_conn_t *s = NULL;
    before();
    say("-- server only");
    si();
    state("one server");
    si();
    state("two servers");
    sd();
    state("one left");
    sd();
    state("none left");
    sd();
    cd();
    say("-- client only");
    ci();
    state("one client");
    ci();
    cd();
    sd();
    state("after a server_done too many");
    cd();
    cd();
    state("none left");
    say("-- both, server first to go");
    si();
    ci();
    state("both");
    sd();
    state("client left");
    sd();
    cd();
    state("none");
    say("-- both, client first to go");
    ci();
    si();
    cd();
    state("server left");
    cd();
    sd();
    state("none");
    say("-- sasl_done");
    si();
    ci();
    sasl_done();
    state("one sasl_done of both");
    si();
    si();
    ci();
    sasl_done();
    state("after one, server was twice");
    sasl_done();
    state("after two");
    sasl_done();
    state("after three");
    say("-- mixed");
    ci();
    si();
    cd();
    si();
    sd();
    state("server once more than done");
    sd();
    state("all gone");
    say("-- callbacks and names");
    say("server_init with a hole %s", rc(sasl_server_init(holes, "x")));
    state("after the hole");
    say("client_init with a hole %s", rc(sasl_client_init(holes)));
    cd();
    holes[1].id = SASL_CB_PASS;
    say("client_init with a prompt to come %s", rc(sasl_client_init(holes)));
    cd();
    say("server_init with the same %s", rc(sasl_server_init(holes, NULL)));
    sd();
    memset(long_name, 'n', 4095);
    say("name of 4095 %s", rc(sasl_server_init(NULL, long_name)));
    sd();
    long_name[4095] = 'n';
    say("name of 4096 %s", rc(sasl_server_init(NULL, long_name)));
    sd();
    say("NULL callbacks %s", rc(sasl_server_init(NULL, "first")));
    say("application %s", name_seen());
    say("second name %s", rc(sasl_server_init(NULL, "second")));
    say("application %s", name_seen());
    sd();
    sd();
    say("new name %s", rc(sasl_server_init(NULL, "third")));
    say("application %s", name_seen());
    sd();
    say("empty name %s", rc(sasl_server_init(NULL, "")));
    say("application %s", name_seen());
    sd();
    si();
    say("application with NULL %s", name_seen());
    say("server_new NULL service %s", rc(sasl_server_new(NULL, FQDN, NULL, NULL, NULL, NULL, 0, &s)));
    say("server_new NULL conn %s", rc(sasl_server_new("svc", FQDN, NULL, NULL, NULL, NULL, 0, NULL)));
    say("server_new empty service %s", rc(sasl_server_new("", FQDN, NULL, NULL, NULL, NULL, 0, &s)));
    sasl_dispose(&s);
    ci();
    say("client_new NULL service %s", rc(sasl_client_new(NULL, FQDN, NULL, NULL, NULL, 0, &s)));
    say("client_new NULL conn %s", rc(sasl_client_new("svc", FQDN, NULL, NULL, NULL, 0, NULL)));
    say("client_new unknown flags %s", rc(sasl_client_new("svc", FQDN, NULL, NULL, NULL, 0xffff0003, &s)));
    sasl_dispose(&s);
    say("dispose sets NULL: %s", s == NULL ? "yes" : "no");
    sasl_done();
    for (int i = 0; i < 50; i++) {
        if (sasl_server_init(global_callbacks, "again") != SASL_OK || sasl_client_init(NULL) != SASL_OK) say("failed at %d", i);
        s = server();
        sasl_dispose(&s);
        s = client();
        sasl_dispose(&s);
        sasl_done();
    }
    state("after fifty rounds");
    return 0;
}
