/* The library's GSSAPI, GSS-SPNEGO and GS2-KRB5 against a peer that is written here with the GSS-API itself, and says what
 * no honest peer does: other layers than those offered, short and long messages, a token made for another mechanism, packets that were
 * changed, repeated or left out. Runs in a Kerberos realm with alice's tickets in the default cache. */
#include "abi.h"
#include "gss.h"

static gss_buffer bytes(const void *value, size_t length)
{
    gss_buffer buffer = {length, (void *)value};
    return buffer;
}

static int failed(sasl_conn_t *conn, const char *label, int code)
{
    say("%s: %s", label, code < 0 ? detail(conn) : rc(code));
    return code;
}

/* ---- a raw client ---------------------------------------------------------------------------------------------------- */

/* A token of a client; `mech` and `flags` as for gss_init_sec_context. */
static gss_buffer initiate(void **context, gss_oid *mech, uint32_t flags, gss_bindings *bindings, gss_buffer *input, uint32_t *major)
{
    static void *name;
    gss_buffer out = {0, NULL};
    uint32_t minor;
    if (name == NULL) name = service_name();
    *major = gss_init_sec_context(&minor, NULL, context, name, mech, flags, 0, bindings, input, NULL, &out, NULL, NULL);
    return out;
}

/* A server that has accepted a raw client's context, and now sends its offer. */
static int accepted(sasl_conn_t *s, void **context, uint32_t flags, unsigned char offer[4])
{
    const char *out;
    unsigned len;
    uint32_t major, minor;
    gss_buffer token, message = {0, NULL};
    *context = NULL;
    token = initiate(context, &krb5, flags, NULL, NULL, &major);
    int code = sasl_server_start(s, "GSSAPI", token.value, (unsigned)token.length, &out, &len);
    gss_release_buffer(&minor, &token);
    if (code < 0) return code;
    if (major == 1) {
        gss_buffer answer = bytes(out, len);
        token = initiate(context, &krb5, flags, NULL, &answer, &major);
        if (major != 0) return SASL_BADSERV;
        code = sasl_server_step(s, "", 0, &out, &len);
        if (code < 0) return code;
    }
    gss_buffer wrapped = bytes(out, len);
    if (gss_unwrap(&minor, *context, &wrapped, &message, NULL, NULL) != 0 || message.length != 4) return SASL_BADMAC;
    memcpy(offer, message.value, 4);
    gss_release_buffer(&minor, &message);
    return SASL_CONTINUE;
}

/* The client's last message: wrapped, encrypted (1) or not at all (2). */
static void answered(const char *label, uint32_t flags, int how, const char *answer, size_t length, unsigned min, unsigned max)
{
    sasl_conn_t *s = server();
    void *context = NULL;
    const char *out;
    unsigned len;
    unsigned char offer[4];
    uint32_t minor;
    gss_buffer plain = bytes(answer, length), wrapped = {0, NULL};
    secprops(s, min, max, 65536, 0);
    int code = accepted(s, &context, flags, offer);
    if (code != SASL_CONTINUE) {
        failed(s, label, code);
    } else {
        if (how == 2) wrapped = plain;
        else gss_wrap(&minor, context, how, 0, &plain, NULL, &wrapped);
        code = sasl_server_step(s, wrapped.value, (unsigned)wrapped.length, &out, &len);
        printf("%s: offered %d of %d, answered %s: ", label, offer[0], offer[1] << 16 | offer[2] << 8 | offer[3], esc(answer, (long)length));
        if (code != SASL_OK) say("%s", detail(s));
        else {
            const void *user, *ssf, *most;
            sasl_getprop(s, SASL_USERNAME, &user);
            sasl_getprop(s, SASL_SSF, &ssf);
            sasl_getprop(s, SASL_MAXOUTBUF, &most);
            say("user %s ssf %u maxout %u", str(user), *(const unsigned *)ssf, *(const unsigned *)most);
        }
        if (how != 2) gss_release_buffer(&minor, &wrapped);
    }
    gss_delete_sec_context(&minor, &context, NULL);
    sasl_dispose(&s);
}

#define ALL (MUTUAL | SEQUENCE | CONF | INTEG)

static void answers(void)
{
    answered("none", ALL, 0, "\1\0\0\0", 4, 0, 256);
    answered("none with a size", ALL, 0, "\1\0\x10\0", 4, 0, 256);
    answered("integrity", ALL, 0, "\2\0\x10\0", 4, 0, 256);
    answered("confidentiality", ALL, 0, "\4\0\x10\0", 4, 0, 256);
    answered("both", ALL, 0, "\6\0\x10\0", 4, 0, 256);
    answered("both, integrity only was offered", ALL, 0, "\6\0\x10\0", 4, 0, 1);
    answered("all", ALL, 0, "\7\0\x10\0", 4, 0, 256);
    answered("nothing", ALL, 0, "\0\0\x10\0", 4, 0, 256);
    answered("an unknown layer", ALL, 0, "\x08\0\x10\0", 4, 0, 256);
    answered("none was not offered", ALL, 0, "\1\0\0\0", 4, 1, 256);
    answered("integrity was not offered", ALL, 0, "\2\0\x10\0", 4, 2, 256);
    answered("confidentiality was not offered", ALL, 0, "\4\0\x10\0", 4, 0, 1);
    answered("nothing but none was offered", ALL, 0, "\2\0\x10\0", 4, 0, 0);
    for (size_t length = 0; length < 4; length++) answered("short", ALL, 0, "\1\0\0", length, 0, 256);
    answered("no room", ALL, 0, "\4\0\0\0", 4, 0, 256);
    answered("little room", ALL, 0, "\2\0\0\x0a", 4, 0, 256);
    answered("a name", ALL, 0, "\1\0\0\0bob", 7, 0, 256);
    answered("a name with a NUL at its end", ALL, 0, "\1\0\0\0bob\0", 8, 0, 256);
    answered("a name with a NUL in it", ALL, 0, "\1\0\0\0bo\0b", 8, 0, 256);
    answered("a NUL as name", ALL, 0, "\1\0\0\0\0", 5, 0, 256);
    answered("encrypted", ALL, 1, "\1\0\0\0", 4, 0, 256);
    answered("not wrapped", ALL, 2, "\1\0\0\0", 4, 0, 256);
    answered("the order is not kept", MUTUAL | CONF | INTEG, 0, "\4\0\x10\0", 4, 0, 256);
}

/* ---- a raw server ---------------------------------------------------------------------------------------------------- */

/* A client that has established a raw server's context; it waits for the offer. */
static int established(sasl_conn_t *c, void **context)
{
    const char *out;
    unsigned len;
    uint32_t minor;
    gss_buffer answer = {0, NULL};
    *context = NULL;
    int code = sasl_client_start(c, "GSSAPI", NULL, &out, &len, NULL);
    if (code < 0) return code;
    gss_buffer token = bytes(out, len);
    if (gss_accept_sec_context(&minor, context, NULL, &token, NULL, NULL, NULL, &answer, NULL, NULL, NULL) != 0) abort();
    code = sasl_client_step(c, answer.value, (unsigned)answer.length, NULL, &out, &len);
    gss_release_buffer(&minor, &answer);
    return code;
}

static void offered(const char *label, int how, const char *offer, size_t length, unsigned min, unsigned max, const char *compatible)
{
    sasl_conn_t *c;
    void *context = NULL;
    const char *out;
    unsigned len;
    uint32_t minor;
    gss_buffer plain = bytes(offer, length), wrapped = {0, NULL}, answer = {0, NULL};
    set_option("ad_compat", compatible);
    c = client();
    secprops(c, min, max, 65536, 0);
    int code = established(c, &context);
    if (code < 0) {
        failed(c, label, code);
    } else {
        if (how == 2) wrapped = plain;
        else gss_wrap(&minor, context, how, 0, &plain, NULL, &wrapped);
        code = sasl_client_step(c, wrapped.value, (unsigned)wrapped.length, NULL, &out, &len);
        printf("%s: offered %s: ", label, esc(offer, (long)length));
        if (code < 0) say("%s %s", rc(code), code == SASL_FAIL ? detail(c) : "");
        else {
            gss_buffer in = bytes(out, len);
            int encrypted = 0;
            gss_unwrap(&minor, context, &in, &answer, &encrypted, NULL);
            const void *ssf, *most;
            sasl_getprop(c, SASL_SSF, &ssf);
            sasl_getprop(c, SASL_MAXOUTBUF, &most);
            say("answered %s%s, ssf %u maxout %u", esc(answer.value, (long)answer.length), encrypted ? " encrypted" : "",
                *(const unsigned *)ssf, *(const unsigned *)most);
            gss_release_buffer(&minor, &answer);
        }
        if (how != 2) gss_release_buffer(&minor, &wrapped);
    }
    gss_delete_sec_context(&minor, &context, NULL);
    sasl_dispose(&c);
    set_option("ad_compat", NULL);
}

static void offers(void)
{
    offered("all", 0, "\7\0\x10\0", 4, 0, 256, NULL);
    offered("encrypted", 1, "\7\0\x10\0", 4, 0, 256, NULL);
    offered("not wrapped", 2, "\7\0\x10\0", 4, 0, 256, NULL);
    offered("none", 0, "\1\0\0\0", 4, 0, 256, NULL);
    offered("nothing", 0, "\0\0\0\0", 4, 0, 256, NULL);
    offered("unknown ones", 0, "\xf8\0\x10\0", 4, 0, 256, NULL);
    offered("weaker than demanded", 0, "\3\0\x10\0", 4, 2, 256, NULL);
    offered("stronger than wanted", 0, "\4\0\x10\0", 4, 0, 1, NULL);
    offered("no room", 0, "\7\0\0\0", 4, 0, 256, NULL);
    for (size_t length = 0; length < 4; length++) offered("short", 0, "\7\0\x10", length, 0, 256, NULL);
    offered("long", 0, "\7\0\x10\0x", 5, 0, 256, NULL);
    offered("compatible", 0, "\7\0\x10\0", 4, 0, 256, "yes");
    offered("compatible, integrity", 0, "\7\0\x10\0", 4, 0, 1, "yes");
}

/* Tokens of the server that are none. */
static void answers_of_a_false_server(void)
{
    static const char *const mechs[] = {"GSSAPI", "GSS-SPNEGO", "GS2-KRB5"};
    static const struct { const char *text; unsigned length; } tokens[] = {{"", 0}, {"garbage", 7}, {"\x60\x82\xff\xff", 4}, {"\x60\x84\xff\xff\xff\xff", 6}};
    for (int m = 0; m < 3; m++)
        for (int t = 0; t < 4; t++) {
            sasl_conn_t *c = client();
            const char *out;
            unsigned len;
            secprops(c, 0, 256, 65536, 0);
            int code = sasl_client_start(c, mechs[m], NULL, &out, &len, NULL);
            if (code == SASL_CONTINUE) code = sasl_client_step(c, tokens[t].text, tokens[t].length, NULL, &out, &len);
            say("%s client, token %s: %s", mechs[m], esc(tokens[t].text, tokens[t].length), rc(code));
            sasl_dispose(&c);
        }
}

/* ---- tokens ----------------------------------------------------------------------------------------------------------- */

static void token(const char *mech, const char *label, const void *text, size_t length)
{
    sasl_conn_t *s = server();
    const char *out;
    unsigned len;
    secprops(s, 0, 256, 65536, 0);
    int code = sasl_server_start(s, mech, text, (unsigned)length, &out, &len);
    say("%s server, %s: %s", mech, label, rc(code));
    sasl_dispose(&s);
}

static void tokens(void)
{
    static const char *const mechs[] = {"GSSAPI", "GSS-SPNEGO", "GS2-KRB5"};
    static const char big[70000];
    for (int m = 0; m < 3; m++) {
        void *context = NULL;
        char changed[4000], label[40];
        uint32_t major, minor;
        gss_buffer good = initiate(&context, m == 1 ? &spnego : &krb5, ALL, NULL, NULL, &major);
        token(mechs[m], "an empty token", "", 0);
        token(mechs[m], "garbage", "garbage", 7);
        token(mechs[m], "zeros", big, sizeof big);
        /* The ends of what is there, in buffers of their own so that a tool sees whoever reads on. */
        for (size_t length = 1; length < good.length; length = length * 3 + 1) {
            char *part = malloc(length);
            memcpy(part, good.value, length);
            snprintf(label, sizeof label, "%zu bytes", length);
            token(mechs[m], label, part, length);
            free(part);
        }
        for (size_t at = 0; at < good.length; at = at * 4 + 1) {
            memcpy(changed, good.value, good.length);
            changed[at] ^= 0x20;
            snprintf(label, sizeof label, "byte %zu changed", at);
            token(mechs[m], label, changed, good.length);
        }
        gss_release_buffer(&minor, &good);
        gss_delete_sec_context(&minor, &context, NULL);
    }
    /* The mechanism of the same library that each name does not stand for. */
    void *context = NULL;
    uint32_t major, minor;
    gss_buffer other = initiate(&context, &spnego, ALL, NULL, NULL, &major);
    token("GSSAPI", "a token of SPNEGO", other.value, other.length);
    gss_release_buffer(&minor, &other);
    gss_delete_sec_context(&minor, &context, NULL);
    other = initiate(&context, &krb5, ALL, NULL, NULL, &major);
    token("GSS-SPNEGO", "a token of Kerberos", other.value, other.length);
    gss_release_buffer(&minor, &other);
    gss_delete_sec_context(&minor, &context, NULL);
}

/* GS2: a token that a client has made for something else, with a header that it has never seen; and headers. */
static void headed(const char *header, const char *bound)
{
    void *context = NULL;
    char message[4000];
    uint32_t major, minor;
    gss_bindings bindings = {0, {0, NULL}, 0, {0, NULL}, {bound ? strlen(bound) : 0, (void *)bound}};
    gss_buffer framed = initiate(&context, &krb5, ALL, bound ? &bindings : NULL, NULL, &major);
    size_t head = strlen(header), start = 4 + 11;
    sasl_conn_t *s = server();
    const char *out;
    unsigned len;
    memcpy(message, header, head);
    memcpy(message + head, (char *)framed.value + start, framed.length - start);
    int code = sasl_server_start(s, "GS2-KRB5", message, (unsigned)(head + framed.length - start), &out, &len);
    if (code == SASL_CONTINUE) code = sasl_server_step(s, "", 0, &out, &len);
    say("header %s over a token bound to %s: %s", str(header), str(bound), rc(code));
    show_identity("  S", s);
    sasl_dispose(&s);
    gss_release_buffer(&minor, &framed);
    gss_delete_sec_context(&minor, &context, NULL);
}

static void headers(void)
{
    headed("n,,", "n,,");
    headed("n,,", NULL);
    headed("n,a=bob,", NULL);
    headed("n,a=bob,", "n,,");
    headed("y,,", "n,,");
    headed("y,,", "y,,");
    headed("n,a=bo=2Cb,", "n,a=bo=2Cb,");
    headed("n,a=,", "n,a=,");
    headed("n,a=b=2Xc,", "n,a=b=2Xc,");
    headed("n,b=bob,", "n,b=bob,");
    headed("x,,", "x,,");
    headed("p,,", "p,,");
    headed("p=a_b,,", "p=a_b,,");
    headed("F,n,,", "n,,");
    headed("", "");
}

/* ---- packets ------------------------------------------------------------------------------------------------------------ */

static void framed(char *to, const gss_buffer *packet)
{
    to[0] = (char)(packet->length >> 24);
    to[1] = (char)(packet->length >> 16);
    to[2] = (char)(packet->length >> 8);
    to[3] = (char)packet->length;
    memcpy(to + 4, packet->value, packet->length);
}

static void packet(const char *label, char layer, int encrypt, int what)
{
    sasl_conn_t *s = server();
    void *context = NULL;
    const char *out;
    unsigned len;
    unsigned char offer[4];
    char choice[4] = {layer, 0, 0x10, 0}, *sent = malloc(200000);
    uint32_t minor;
    gss_buffer plain = bytes(choice, 4), first = {0, NULL}, second = {0, NULL};
    secprops(s, 0, 256, 2000, 0);
    if (accepted(s, &context, ALL, offer) != SASL_CONTINUE) abort();
    gss_wrap(&minor, context, 0, 0, &plain, NULL, &first);
    int code = sasl_server_step(s, first.value, (unsigned)first.length, &out, &len);
    gss_release_buffer(&minor, &first);
    if (code != SASL_OK) abort();
    plain = bytes("hello", 5);
    gss_wrap(&minor, context, encrypt, 0, &plain, NULL, &first);
    gss_wrap(&minor, context, encrypt, 0, &plain, NULL, &second);
    framed(sent, &first);
    len = (unsigned)first.length + 4;
    switch (what) {
    case 1: sent[len - 1] ^= 1; break;
    case 2: memcpy(sent + len, sent, len); len *= 2; break;               /* the same twice */
    case 3: framed(sent, &second); break;                                  /* the second without the first */
    case 4: sent[3]--; len--; break;                                       /* cut off */
    case 5: memset(sent, 0, 4); len = 4; break;                            /* an empty packet */
    case 6: sent[2] = 0x7f; break;                                         /* longer than this side can take */
    case 7: memset(sent, 0xff, 4); break;
    case 8: memcpy(sent, "\0\0\0\7garbage", 11); len = 11; break;
    }
    code = sasl_decode(s, sent, len, &out, &len);
    say("%s: %s %s", label, rc(code), code == SASL_OK ? esc(out, len) : "");
    if (code != SASL_OK) {
        framed(sent, &second);
        code = sasl_decode(s, sent, (unsigned)second.length + 4, &out, &len);
        say("  the next packet: %s", rc(code));
    }
    gss_release_buffer(&minor, &first);
    gss_release_buffer(&minor, &second);
    gss_delete_sec_context(&minor, &context, NULL);
    sasl_dispose(&s);
    free(sent);
}

static void packets(void)
{
    static const char *const labels[] = {"good", "changed", "twice", "one left out", "cut off", "empty", "too long", "far too long", "garbage"};
    for (int layer = 2; layer <= 4; layer += 2)
        for (int what = 0; what < 9; what++) {
            char label[60];
            snprintf(label, sizeof label, "layer %d, %s", layer, labels[what]);
            packet(label, (char)layer, layer == 4, what);
        }
    packet("confidentiality agreed on, signed only", 4, 0, 0);
    packet("integrity agreed on, encrypted", 2, 1, 0);
}

int main(void)
{
    begin();
    say("-- answers");
    answers();
    say("-- offers");
    offers();
    say("-- a false server");
    answers_of_a_false_server();
    say("-- tokens");
    tokens();
    say("-- headers");
    headers();
    say("-- packets");
    packets();
    finish();
    return 0;
}
