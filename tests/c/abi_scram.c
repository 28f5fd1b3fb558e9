/* SCRAM on the server and on the client: malformed first and final messages, stored verifiers, odd names. */
#include "abi.h"

static void first(const char *title, const char *message, unsigned len)
{
    sasl_conn_t *s = server();
    const char *out;
    unsigned outlen;
    int code = sasl_server_start(s, "SCRAM-SHA-256", message, len, &out, &outlen);
    say("first %s: %s %s", title, rc(code), code >= 0 ? shape(out, outlen) : detail(s));
    if (code == SASL_CONTINUE || code == SASL_NOUSER) show_identity(" ", s);
    sasl_dispose(&s);
}
#define first_of(text) first(str(text), text, sizeof(text) - 1)

/* Replaces the first occurrence of what in message. */
static char work[6000];
static unsigned replaced(const char *message, unsigned len, const char *what, const char *with, unsigned withlen)
{
    unsigned wl = (unsigned)strlen(what), at = 0;
    while (at + wl <= len && memcmp(message + at, what, wl)) at++;
    if (at + wl > len) abort();
    memcpy(work, message, at);
    memcpy(work + at, with, withlen);
    memcpy(work + at + withlen, message + at + wl, len - at - wl);
    return len - wl + withlen;
}

static sasl_conn_t *c, *s;
static const char *to_server, *to_client;
static unsigned to_server_len, to_client_len;

/* Up to the client's final message, which stays in to_server. */
static int until_final(const char *mech)
{
    int code;
    c = client();
    s = server();
    sasl_client_start(c, mech, NULL, &to_server, &to_server_len, NULL);
    code = sasl_server_start(s, mech, to_server, to_server_len, &to_client, &to_client_len);
    if (code != SASL_CONTINUE) {
        say("unexpected %s %s", rc(code), detail(s));
        return code;
    }
    return sasl_client_step(c, to_client, to_client_len, NULL, &to_server, &to_server_len);
}
static void final(const char *title, const char *message, unsigned len)
{
    const char *out;
    unsigned outlen;
    int code = sasl_server_step(s, message, len, &out, &outlen);
    char text[300], *nonce;
    snprintf(text, sizeof text, "%s", code >= 0 ? shape(out, outlen) : detail(s));
    if ((nonce = strstr(text, "Nonce mismatch")) != NULL) nonce[14] = 0;
    say("final %s: %s %s", title, rc(code), text);
    show_identity(" ", s);
    if (code < 0) {
        code = sasl_server_step(s, message, len, &out, &outlen);
        say("  again: %s", rc(code));
    }
    sasl_dispose(&s);
    sasl_dispose(&c);
}
static void mutated(const char *title, const char *what, const char *with, int withlen)
{
    unsigned len;
    until_final("SCRAM-SHA-256");
    len = replaced(to_server, to_server_len, what, with, withlen < 0 ? (unsigned)strlen(with) : (unsigned)withlen);
    final(title, work, len);
}

static void finals(void)
{
    char proof[200];
    until_final("SCRAM-SHA-256");
    final("untouched", to_server, to_server_len);
    until_final("SCRAM-SHA-256");
    final("nothing", "", 0);
    until_final("SCRAM-SHA-256");
    final("null", NULL, 0);
    until_final("SCRAM-SHA-256");
    final("short", "c=biws", 6);
    mutated("other binding flag", "c=biws", "c=eSws", -1);
    mutated("bad base64 binding", "c=biws", "c=b*ws", -1);
    mutated("no binding", "c=biws,", "", -1);
    mutated("empty binding", "c=biws", "c=", -1);
    mutated("binding with more data", "c=biws", "c=biwsQUJD", -1);
    mutated("capital C", "c=", "C=", -1);
    mutated("nonce cut", "r=", "r=x", -1);
    mutated("no nonce", ",r=", ",q=", -1);
    mutated("extension", ",p=", ",x=y,p=", -1);
    mutated("mandatory extension", ",p=", ",m=y,p=", -1);
    mutated("no proof", ",p=", ",q=", -1);
    mutated("nul inside", ",p=", ",\0p=", 4);
    until_final("SCRAM-SHA-256");
    memcpy(work, to_server, to_server_len);
    work[to_server_len - 3] = work[to_server_len - 3] == 'A' ? 'E' : 'A';
    final("proof changed", work, to_server_len);
    until_final("SCRAM-SHA-256");
    memcpy(work, to_server, to_server_len);
    final("proof cut", work, to_server_len - 4);
    until_final("SCRAM-SHA-256");
    memcpy(work, to_server, to_server_len);
    memcpy(work + to_server_len, ",x=y", 4);
    final("after the proof", work, to_server_len + 4);
    until_final("SCRAM-SHA-256");
    memcpy(work, to_server, to_server_len);
    memcpy(work + to_server_len, "AAAA", 4);
    final("proof longer", work, to_server_len + 4);
    until_final("SCRAM-SHA-256");
    memcpy(work, to_server, to_server_len);
    work[to_server_len - 10] = '*';
    final("proof not base64", work, to_server_len);
    until_final("SCRAM-SHA-256");
    memset(work, 'x', sizeof work);
    final("of 2048", work, 2048);
    until_final("SCRAM-SHA-256");
    final("of 2049", work, 2049);
    (void)proof;
}

static void client_answers(const char *title, const char *answer)
{
    const char *out;
    unsigned len;
    char text[3000];
    int code;
    c = client();
    sasl_client_start(c, "SCRAM-SHA-256", NULL, &out, &len, NULL);
    /* %N stands for the client's nonce. */
    if (strchr(answer, '%')) snprintf(text, sizeof text, "%.*s%.*s%s", (int)(strchr(answer, '%') - answer), answer, (int)len - 13, out + 13, strchr(answer, '%') + 2);
    else snprintf(text, sizeof text, "%s", answer);
    code = sasl_client_step(c, text, (unsigned)strlen(text), NULL, &out, &len);
    say("client given %s: %s %s", title, rc(code), code >= 0 ? shape(out, len) : detail(c));
    if (code == SASL_CONTINUE) {
        static const char *const ends[] = {"v=AAAA", "v=", "e=invalid-proof", "", "x", "v=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="};
        const char *end = ends[strlen(title) % 6];
        code = sasl_client_step(c, end, (unsigned)strlen(end), NULL, &out, &len);
        say("  then %s: %s %s", str(end), rc(code), code < 0 ? detail(c) : "");
    }
    sasl_dispose(&c);
}

static void with_password(const char *title, const char *user, const char *pass)
{
    cli_auth = user;
    cli_pass = pass;
    c = client();
    s = server();
    say("-- %s", title);
    exchange(c, s, "SCRAM-SHA-256");
    show_identity("S", s);
    sasl_dispose(&c);
    sasl_dispose(&s);
    cli_auth = "alice";
    cli_pass = "secret";
}

int main(void)
{
    char big[3000];
    const char *rfc = "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";
    trace = 4;
    begin();
    mem_set("empty", "userPassword", "", 0);
    mem_set("nopass", "mail", "x", 1);
    mem_set("a,b", "userPassword", "secret", -1);
    mem_set("verifier", "authPassword", rfc, -1);
    mem_set("broken", "authPassword", "SCRAM-SHA-256$x", -1);
    mem_set("other", "authPassword", "SCRAM-SHA-1$4096:QSXCR+Q6sek8bf92$6dlGYMOdZcOPutkcNY8U2g7vK9Y=:D+CSWLOshSulAsxiupA+qs2/fTE=", -1);
    mem_set("spaced", "authPassword", "SCRAM-SHA-256 $ 4096:W22ZaJ0SNY7soEsUEjb6gQ== $ WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=", -1);
    mem_set("both", "authPassword", rfc, -1);
    mem_set("both", "userPassword", "secret", -1);
    first_of("n,,n=alice,r=0123456789");
    first_of("");
    first_of("n,,n=a,r=");
    first_of("n,,n=al,r=");
    first_of("n,,n=alice,r=");
    first_of("y,,n=alice,r=0123456789");
    first_of("p=tls-unique,,n=alice,r=0123456789");
    first_of("p=,,n=alice,r=0123456789");
    first_of("p,,n=alice,r=0123456789");
    first_of("x,,n=alice,r=0123456789");
    first_of("N,,n=alice,r=0123456789");
    first_of("n,a=bob,n=alice,r=0123456789");
    first_of("n,a=,n=alice,r=0123456789");
    first_of("n,a=ghost,n=alice,r=0123456789");
    first_of("n,b=bob,n=alice,r=0123456789");
    first_of("n,n=alice,r=0123456789");
    first_of("n,,m=x,n=alice,r=0123456789");
    first_of("n,,r=0123456789,n=alice");
    first_of("n,,n=alice");
    first_of("n,,n=alice,");
    first_of("n,,n=,r=0123456789");
    first_of("n,,n= ,r=0123456789");
    first_of("n,,n=nobody,r=0123456789");
    first_of("n,,n=nopass,r=0123456789");
    first_of("n,,n=empty,r=0123456789");
    first_of("n,,n=a=2Cb,r=0123456789");
    first_of("n,,n=a=2cb,r=0123456789");
    first_of("n,,n=a=3Db,r=0123456789");
    first_of("n,,n=a=b,r=0123456789");
    first_of("n,,n=a=,r=0123456789");
    first_of("n,,n=a=4,r=0123456789");
    first_of("n,a=a=2Cb,n=alice,r=0123456789");
    first_of("n,a=a=b,n=alice,r=0123456789");
    first_of("n,,n=al\xff,r=0123456789");
    first_of("n,,n=alice,r=01\x01\x7f\xff");
    first_of("n,,n=alice,r=0123456789,x=y");
    first_of("n,,n=al\0ice,r=0123456789");
    first_of("n,,n=alice,r=0123456789\0");
    first_of("n,,n=verifier,r=0123456789");
    first_of("n,,n=broken,r=0123456789");
    first_of("n,,n=other,r=0123456789");
    first_of("n,,n=spaced,r=0123456789");
    first_of("n,,n=both,r=0123456789");
    first_of("garbage that is no SCRAM");
    memset(big, 'x', sizeof big);
    memcpy(big, "n,,n=alice,r=", 13);
    first("of 2048", big, 2048);
    first("of 2049", big, 2049);
    memcpy(big, "n,,n=", 5);
    memcpy(big + 1900, ",r=0123456789", 13);
    first("user of 1895", big, 1913);
    finals();
    set_option("scram_iteration_counter", "5000");
    first_of("n,,n=alice,r=0123456789");
    set_option("scram_iteration_counter", "junk");
    first_of("n,,n=alice,r=0123456789");
    set_option("scram_iteration_counter", "0");
    first_of("n,,n=alice,r=0123456789");
    set_option("scram_iteration_counter", "1");
    first_of("n,,n=alice,r=0123456789");
    set_option("scram_iteration_counter", "70000");
    first_of("n,,n=alice,r=0123456789");
    set_option("scram_iteration_counter", NULL);
    with_password("wrong", "alice", "wrong");
    with_password("unknown", "nobody", "x");
    with_password("empty password", "alice", "");
    with_password("empty both", "empty", "");
    with_password("verifier", "verifier", "pencil");
    with_password("verifier, wrong", "verifier", "pencils");
    with_password("verifier, spaced", "spaced", "pencil");
    with_password("verifier of another mechanism", "other", "pencil");
    with_password("both, plain one counts", "both", "secret");
    with_password("both, verifier's password", "both", "pencil");
    with_password("comma", "a,b", "secret");
    mem_set("x=y", "userPassword", "secret", -1);
    with_password("equals", "x=y", "secret");
    mem_set("ursel", "userPassword", "xi\xc3\xbf", -1);
    with_password("UTF-8", "ursel", "xi\xc3\xbf");
    client_answers("good count", "r=%Nxyz,s=AAAA,i=4096");
    client_answers("good count, other end", "r=%Nxyz,s=AAAA,i=4096");
    client_answers("good count, third end.", "r=%Nxyz,s=AAAA,i=4096");
    client_answers("good count, fourth end.", "r=%Nxyz,s=AAAA,i=4096");
    client_answers("good count, the fifth end", "r=%Nxyz,s=AAAA,i=4096");
    client_answers("good count, the sixth end.", "r=%Nxyz,s=AAAA,i=4096");
    client_answers("count 0", "r=%Nxyz,s=AAAA,i=0");
    client_answers("count 1", "r=%Nxyz,s=AAAA,i=1");
    client_answers("count 4095", "r=%Nxyz,s=AAAA,i=4095");
    client_answers("count 65536", "r=%Nxyz,s=AAAA,i=65536");
    client_answers("count 65537", "r=%Nxyz,s=AAAA,i=65537");
    client_answers("count -1", "r=%Nxyz,s=AAAA,i=-1");
    client_answers("count junk", "r=%Nxyz,s=AAAA,i=x");
    client_answers("count with more", "r=%Nxyz,s=AAAA,i=4096x");
    client_answers("count absent", "r=%Nxyz,s=AAAA");
    client_answers("empty count", "r=%Nxyz,s=AAAA,i=");
    client_answers("extension", "r=%Nxyz,s=AAAA,i=4096,x=y");
    client_answers("mandatory extension", "m=x,r=%Nxyz,s=AAAA,i=4096");
    client_answers("same nonce", "r=%N,s=AAAA,i=4096");
    client_answers("other nonce", "r=xyz,s=AAAA,i=4096");
    client_answers("salt bad", "r=%Nxyz,s=A*,i=4096");
    client_answers("salt unpadded", "r=%Nxyz,s=AA,i=4096");
    client_answers("salt empty", "r=%Nxyz,s=,i=4096");
    client_answers("salt absent", "r=%Nxyz,i=4096");
    client_answers("error", "e=unknown-user");
    client_answers("garbage", "garbage");
    client_answers("nothing", "");
    finish();
    return 0;
}
