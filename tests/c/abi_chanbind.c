/* Channel binding: which side has what, in which name, critical or not; the message's flag; the outcome. */
#include "abi.h"

static sasl_channel_binding_t unique = {"tls-unique", 0, 4, (const unsigned char *)"data"},
                              unique_critical = {"tls-unique", 1, 4, (const unsigned char *)"data"},
                              other_data = {"tls-unique", 0, 4, (const unsigned char *)"atad"},
                              longer = {"tls-unique", 0, 8, (const unsigned char *)"dataMORE"},
                              end_point = {"tls-server-end-point", 0, 4, (const unsigned char *)"data"},
                              empty = {"tls-unique", 0, 0, (const unsigned char *)""};

static const struct { const char *name; sasl_channel_binding_t *binding; } kinds[] = {
    {"none", NULL}, {"unique", &unique}, {"critical", &unique_critical}, {"other data", &other_data}, {"longer", &longer},
    {"end point", &end_point}, {"empty", &empty}};

static void run(size_t at_client, size_t at_server, const char *list, unsigned flags)
{
    sasl_conn_t *c = client_with(flags), *s = server_with(NULL, flags);
    const char *out = NULL, *in = NULL, *mech = NULL;
    unsigned outlen = 0, inlen = 0;
    int code;
    if (kinds[at_client].binding) sasl_setprop(c, SASL_CHANNEL_BINDING, kinds[at_client].binding);
    if (kinds[at_server].binding) sasl_setprop(s, SASL_CHANNEL_BINDING, kinds[at_server].binding);
    printf("client %s, server %s, \"%s\": ", kinds[at_client].name, kinds[at_server].name, list);
    code = sasl_client_start(c, list, NULL, &out, &outlen, &mech);
    if (code < 0) {
        say("client_start %s %s", rc(code), detail(c));
    } else {
        printf("%s %.*s ", mech, outlen > 13 ? 13 : (int)outlen, out ? out : "");
        code = sasl_server_start(s, mech, out, outlen, &in, &inlen);
        while (code == SASL_CONTINUE) {
            int cc = sasl_client_step(c, in, inlen, NULL, &out, &outlen);
            if (cc < 0) {
                printf("client_step %s ", rc(cc));
                break;
            }
            in = NULL;
            inlen = 0;
            code = sasl_server_step(s, out, outlen, &in, &inlen);
        }
        say("%s %s", rc(code), code < 0 ? detail(s) : "");
    }
    sasl_dispose(&c);
    sasl_dispose(&s);
}

/* The client's message by hand. */
static void raw(size_t at_server, const char *mech, const char *first)
{
    sasl_conn_t *s = server();
    const char *out;
    unsigned len;
    int code;
    if (kinds[at_server].binding) sasl_setprop(s, SASL_CHANNEL_BINDING, kinds[at_server].binding);
    code = sasl_server_start(s, mech, first, (unsigned)strlen(first), &out, &len);
    say("raw %s %s, server %s: %s %s", mech, str(first), kinds[at_server].name, rc(code), code < 0 ? detail(s) : shape(out, len));
    sasl_dispose(&s);
}

static void after_refusal(void)
{
    /* The server insists; the client does not bind. What can the client get after the refusal? */
    sasl_conn_t *c = client(), *s = server();
    const char *out, *in;
    unsigned outlen, inlen;
    int code;
    sasl_setprop(s, SASL_CHANNEL_BINDING, &unique_critical);
    sasl_client_start(c, "SCRAM-SHA-1", NULL, &out, &outlen, NULL);
    code = sasl_server_start(s, "SCRAM-SHA-1", out, outlen, &in, &inlen);
    say("refusal: start %s", rc(code));
    sasl_client_step(c, in, inlen, NULL, &out, &outlen);
    say("final %s", rc(sasl_server_step(s, out, outlen, &in, &inlen)));
    say("%s", detail(s));
    say("step after it %s", rc(sasl_server_step(s, "", 0, &in, &inlen)));
    say("PLAIN x y after it %s", rc(sasl_server_start(s, "PLAIN", "\0x\0y", 4, &in, &inlen)));
    show_identity("S", s);
    sasl_dispose(&c);
    sasl_dispose(&s);
}

int main(void)
{
    static const char *const lists[] = {"SCRAM-SHA-1", "SCRAM-SHA-1 SCRAM-SHA-1-PLUS", "SCRAM-SHA-1-PLUS", "PLAIN SCRAM-SHA-256-PLUS SCRAM-SHA-256",
                                        "PLAIN", "PLAIN LOGIN", "SCRAM-SHA-1-PLUS PLAIN", "SCRAM-SHA-256 SCRAM-SHA-1-PLUS SCRAM-SHA-1",
                                        "scram-sha-1-plus", "PLAIN-PLUS"};
    begin();
    for (size_t list = 0; list < sizeof lists / sizeof *lists; list++)
        for (size_t c = 0; c < 3; c++)
            for (size_t s = 0; s < 3; s++) run(c, s, lists[list], 0);
    for (size_t c = 1; c < 7; c++)
        for (size_t s = 1; s < 7; s++) run(c, s, "SCRAM-SHA-1 SCRAM-SHA-1-PLUS", c % 2 ? SASL_SUCCESS_DATA : 0);
    for (size_t s = 0; s < 3; s++) {
        static const char *const firsts[] = {"n,,n=alice,r=0123456789", "y,,n=alice,r=0123456789", "p=tls-unique,,n=alice,r=0123456789",
                                             "p=tls-server-end-point,,n=alice,r=0123456789", "p=,,n=alice,r=0123456789"};
        for (size_t i = 0; i < 5; i++) {
            raw(s, "SCRAM-SHA-1", firsts[i]);
            raw(s, "SCRAM-SHA-1-PLUS", firsts[i]);
        }
        raw(s, "PLAIN-PLUS", "x");
        raw(s, "LOGIN-PLUS", "alice");
        raw(s, "SCRAM-SHA-1-plus", firsts[0]);
        raw(s, "SCRAM-SHA-1-PLUS-PLUS", firsts[0]);
        raw(s, "-PLUS", "x");
        raw(s, "PLUS", "x");
    }
    after_refusal();
    finish();
    return 0;
}
