/* Many sessions of pseudo-random kind: mechanism, names, realm, properties, bindings, and now and then a message that is
 * cut, lengthened, emptied or left out. Each line is one session: what each call answered, and what is known at its end. */
#include "abi.h"

static unsigned seed = 1;
static unsigned next(unsigned below)
{
    seed = seed * 1103515245u + 12345u;
    return (seed >> 16) % below;
}
#define PICK(array) ((array)[next((unsigned)(sizeof(array) / sizeof *(array)))])

static char work[10000];
static const char *how;

/* Sometimes another message in its place. */
static const char *meddle(const char *message, unsigned *len, unsigned chance)
{
    how = "";
    if (message == NULL || *len > 5000 || next(chance)) return message;
    /* Twice, a CRAM-MD5 response would put a digest into the user name. */
    memcpy(work, message, *len);
    switch (next(memchr(message, ' ', *len) ? 6 : 7)) {
    case 0:
        /* By so much that the server's part of a SCRAM nonce does not by chance begin with what is gone. */
        how = "cut";
        *len = *len > 6 ? *len - 6 : 0;
        break;
    case 1:
        how = "half";
        *len /= 2;
        break;
    case 2:
        how = "empty";
        *len = 0;
        break;
    case 3:
        how = "x";
        work[(*len)++] = 'x';
        break;
    case 4:
        how = "nul";
        work[(*len)++] = 0;
        break;
    case 5:
        how = "headless";
        if (*len) memmove(work, work + 1, --*len);
        break;
    default:
        how = "twice";
        memcpy(work + *len, work, *len);
        *len *= 2;
    }
    return work;
}

/* Each session has numbers of its own, so that one that takes another course does not change those after it. */
static unsigned begun(unsigned number)
{
    seed = number * 2654435761u + 1;
    return number;
}

static void session(unsigned number)
{
    static const char *const mechs[] = {"PLAIN", "LOGIN", "CRAM-MD5", "DIGEST-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256", "EXTERNAL", "ANONYMOUS"};
    static const char *const users[] = {"alice", "alice", "alice", "bob", "nobody", "alice@r.example", " alice", "nopass"};
    static const char *const passwords[] = {"secret", "secret", "secret", "wrong", "builder", ""};
    static const char *const authzids[] = {"", "", "", "bob", "alice", "ghost"};
    static const char *const realms[] = {NULL, NULL, NULL, "r.example"};
    static const unsigned windows[][3] = {{0, 0, 0}, {0, 256, 65536}, {0, 1, 65536}, {56, 256, 4096}, {0, 56, 4096}};
    static const unsigned flags[] = {0, 0, 0, SASL_SEC_NOANONYMOUS, SASL_SEC_NOPLAINTEXT, SASL_SEC_NOACTIVE | SASL_SEC_NOPLAINTEXT};
    const char *mech = PICK(mechs), *realm = PICK(realms), *out = NULL, *in = NULL, *chosen = NULL;
    const unsigned *sw = PICK(windows), *cw = PICK(windows);
    unsigned connection = next(2) ? SASL_SUCCESS_DATA : 0, len = 0, inlen = 0, chance = next(2) ? 4 : 1000;
    sasl_conn_t *s = NULL, *c = NULL;
    char host[50];
    int sc, cc;
    const void *value;
    cli_auth = PICK(users);
    cli_pass = PICK(passwords);
    cli_user = PICK(authzids);
    snprintf(host, sizeof host, "w%u.example.com", number);
    sasl_server_new("svc", host, realm, NULL, NULL, server_callbacks, connection, &s);
    sasl_client_new("svc", host, NULL, NULL, client_callbacks, connection, &c);
    secprops(s, sw[0], sw[1], sw[2], PICK(flags));
    secprops(c, cw[0], cw[1], cw[2], 0);
    if (strcmp(mech, "EXTERNAL") == 0) {
        sasl_setprop(s, SASL_AUTH_EXTERNAL, cli_auth);
        sasl_setprop(c, SASL_AUTH_EXTERNAL, cli_auth);
    }
    printf("%u %s %s/%s as %s realm %s:", number, mech, str(cli_auth), cli_pass, str(cli_user), str(realm));
    cc = sasl_client_start(c, mech, NULL, &out, &len, &chosen);
    printf(" C%s", rc(cc));
    if (cc >= 0) {
        out = meddle(out, &len, chance);
        sc = sasl_server_start(s, mech, out, len, &in, &inlen);
        printf(" %s>S%s", how, rc(sc));
        for (int i = 0; i < 6 && sc >= 0 && !(sc == SASL_OK && in == NULL); i++) {
            cc = sasl_client_step(c, in, inlen, NULL, &out, &len);
            printf(" C%s", rc(cc));
            if (cc < 0 || sc == SASL_OK) break;
            out = meddle(out, &len, chance);
            in = NULL;
            inlen = 0;
            sc = sasl_server_step(s, out, len, &in, &inlen);
            printf(" %s>S%s", how, rc(sc));
        }
        cc = sasl_getprop(s, SASL_USERNAME, &value);
        printf(" user %s", cc == SASL_OK ? str(value) : rc(cc));
        cc = sasl_getprop(s, SASL_AUTHUSER, &value);
        printf(" auth %s", cc == SASL_OK ? str(value) : rc(cc));
        sasl_getprop(s, SASL_SSF, &value);
        printf(" ssf %u", *(const unsigned *)value);
    }
    say("");
    sasl_dispose(&s);
    sasl_dispose(&c);
}

int main(void)
{
    begin();
    mem_set("alice@r.example", "userPassword", "secret", -1);
    mem_set("nopass", "mail", "x", 1);
    for (unsigned i = 0; i < 1500; i++) session(begun(i));
    finish();
    return 0;
}
