/* An application that keeps the secrets itself. */
#include "c1.h"

static struct {
    char name[128], data[64];
    unsigned long len;
} kept[16];
static int answer = SASL_OK;

static int find(const char *mechanism, const char *user, const char *realm)
{
    char name[128];
    snprintf(name, sizeof name, "%s/%s/%s", mechanism, user, realm);
    for (int i = 0; i < 16; i++)
        if (strcmp(kept[i].name, name) == 0) return i;
    return -1;
}

static int put(void *context, const char *mechanism, const char *user, const char *realm, const sasl_secret_t *secret)
{
    int i = find(mechanism, user, realm);
    check(context == kept);
    if (answer != SASL_OK) return answer;
    if (secret == NULL) {
        if (i >= 0) memset(&kept[i], 0, sizeof kept[i]);
        return SASL_OK;
    }
    if (i < 0)
        for (i = 0; *kept[i].name;) i++;
    snprintf(kept[i].name, sizeof kept[i].name, "%s/%s/%s", mechanism, user, realm);
    kept[i].len = secret->len;
    memcpy(kept[i].data, secret->data, secret->len);
    return SASL_OK;
}

static int get(void *context, const char *mechanism, const char *user, const char *realm, sasl_secret_t **secret)
{
    int i = find(mechanism, user, realm);
    check(context == kept);
    if (answer != SASL_OK) return answer;
    if (i < 0) return SASL_NOUSER;
    *secret = my_secret(kept[i].data, kept[i].len);
    return SASL_OK;
}

int main(void)
{
    static const sasl_callback_t callbacks[] = {{SASL_CB_SERVER_GETSECRET, get, kept},
                                                {SASL_CB_SERVER_PUTSECRET, put, kept},
                                                {SASL_CB_LIST_END, NULL, NULL}};
    static const char *const mechs[] = {"PLAIN", "LOGIN", "CRAM-MD5", "DIGEST-MD5"};
    sasl_conn_t *server;
    const char *errstr;
    char *list;
    unsigned len, count;
    int i;
    begin();
    start_server();
    is(sasl_client_init(NULL), SASL_OK);

    /* The mechanisms are there, since whether anybody has a secret is the application's to know. */
    server = new_server(NULL, callbacks, 0);
    is(sasl_listmech(server, NULL, NULL, NULL, NULL, &list, &len, &count), SASL_OK);
    check(strstr(list, "CRAM-MD5") != NULL && strstr(list, "DIGEST-MD5") != NULL);
    my_free(list);
    is(login(server, "CRAM-MD5", "jephe", "secret"), SASL_NOUSER);
    is(login(server, "PLAIN", "jephe", "secret"), SASL_NOUSER);

    /* One secret for each mechanism, of the lengths that are known. */
    is(sasl_setpass(server, "jephe", "secret", 6, SASL_SET_CREATE, &errstr), SASL_OK);
    check((i = find("PLAIN", "jephe", HOST)) >= 0 && kept[i].len == 33);
    check((i = find("CRAM-MD5", "jephe", HOST)) >= 0 && kept[i].len == 32);
    check((i = find("DIGEST-MD5", "jephe", HOST)) >= 0 && kept[i].len == 16);
    check(access("sasldb", F_OK) != 0);
    sasl_dispose(&server);

    wiped = 0;
    for (i = 0; i < 4; i++) {
        long before = live;
        server = new_server("", callbacks, 0);
        is(login(server, mechs[i], "jephe", "secret"), SASL_OK);
        is(login(server, mechs[i], "jephe", "wrong"), SASL_BADAUTH);
        is(login(server, mechs[i], "nobody", "secret"), SASL_NOUSER);
        /* A store that fails lets nobody in. */
        answer = SASL_FAIL;
        is(login(server, mechs[i], "jephe", "secret"), SASL_FAIL);
        answer = SASL_OK;
        sasl_dispose(&server);
        is(live, before);
    }
    /* The secrets of the callback are wiped, and the passwords of the clients. */
    check(wiped > 20);

    /* A connection without the callbacks knows nobody. */
    server = new_server("", NULL, 0);
    is(login(server, "PLAIN", "jephe", "secret"), SASL_NOUSER);
    sasl_dispose(&server);

    server = new_server(NULL, callbacks, 0);
    answer = SASL_NOCHANGE;
    is(sasl_setpass(server, "jephe", "other", 5, 0, &errstr), SASL_NOCHANGE);
    answer = SASL_OK;
    is(sasl_setpass(server, "jephe", NULL, 0, SASL_SET_DISABLE, &errstr), SASL_OK);
    for (i = 0; i < 16; i++) text_is(kept[i].name, "");
    is(login(server, "CRAM-MD5", "jephe", "secret"), SASL_NOUSER);
    sasl_dispose(&server);
    return finish();
}
