/* Where the application's allocator has no more memory: at the n-th allocation, for every n, of a login by every mechanism,
 * with a layer and prompts. The library says SASL_NOMEM or does without, gives everything back, and works again afterwards. */
#include "abi.h"

static long live, asked, fail_at;

static int refused(void) { return ++asked == fail_at; }
static void *my_malloc(size_t size)
{
    void *block = refused() ? NULL : malloc(size);
    if (block) live++;
    return block;
}
static void *my_calloc(size_t n, size_t size)
{
    void *block = refused() ? NULL : calloc(n, size);
    if (block) live++;
    return block;
}
static void *my_realloc(void *old, size_t size)
{
    void *block = refused() ? NULL : realloc(old, size);
    if (block && old == NULL) live++;
    return block;
}
static void my_free(void *block)
{
    if (block) live--;
    free(block);
}

/* The first error of a login in which everything is asked for through prompts; SASL_OK when it went well. */
static int login(const char *mech)
{
    static const sasl_callback_t asks[] = {{SASL_CB_USER, NULL, NULL}, {SASL_CB_AUTHNAME, NULL, NULL},
                                           {SASL_CB_PASS, NULL, NULL}, {SASL_CB_LIST_END, NULL, NULL}};
    sasl_conn_t *s = NULL, *c = NULL;
    sasl_interact_t *prompts = NULL;
    const char *out = NULL, *in = NULL, *chosen = NULL, *list;
    unsigned outlen = 0, inlen = 0;
    int code, server_code = SASL_CONTINUE, started = 0;
    code = sasl_server_new("svc", FQDN, NULL, NULL, NULL, server_callbacks, 0, &s);
    if (code == SASL_OK) code = sasl_client_new("svc", FQDN, NULL, NULL, asks, 0, &c);
    if (code != SASL_OK) goto end;
    secprops(s, 0, 256, 4096, 0);
    secprops(c, 0, 256, 4096, 0);
    sasl_setprop(s, SASL_AUTH_EXTERNAL, "alice");
    sasl_setprop(c, SASL_AUTH_EXTERNAL, "alice");
    code = sasl_listmech(s, NULL, "", " ", "", &list, NULL, NULL);
    if (code != SASL_OK) goto end;
    for (int round = 0; round < 20; round++) {
        do {
            if (started) code = sasl_client_step(c, in, inlen, &prompts, &out, &outlen);
            else code = sasl_client_start(c, mech, &prompts, &out, &outlen, &chosen);
            if (code != SASL_INTERACT) break;
            for (sasl_interact_t *prompt = prompts; prompt && prompt->id != SASL_CB_LIST_END; prompt++) {
                prompt->result = prompt->id == SASL_CB_PASS ? "secret" : prompt->id == SASL_CB_AUTHNAME ? "alice" : "";
                prompt->len = (unsigned)strlen(prompt->result);
            }
        } while (round++ < 20);
        if (code != SASL_OK && code != SASL_CONTINUE) goto end;
        if (server_code == SASL_OK) break;
        if (started) server_code = sasl_server_step(s, out, outlen, &in, &inlen);
        else server_code = sasl_server_start(s, chosen, out, outlen, &in, &inlen);
        started = 1;
        if (server_code != SASL_OK && server_code != SASL_CONTINUE) {
            code = server_code;
            goto end;
        }
        if (server_code == SASL_OK && code == SASL_OK) break;
        if (code == SASL_OK) {
            /* The client has said its last. */
            out = "";
            outlen = 0;
            server_code = sasl_server_step(s, out, outlen, &in, &inlen);
            code = server_code;
            break;
        }
    }
    if (code == SASL_OK) code = sasl_encode(c, "hello", 5, &out, &outlen);
    if (code == SASL_OK) code = sasl_decode(s, out, outlen, &in, &inlen);
    if (code == SASL_OK && (inlen != 5 || memcmp(in, "hello", 5) != 0)) code = SASL_BADMAC;
    if (code == SASL_OK) code = sasl_setpass(s, "alice", "secret", 6, NULL, 0, 0);
    if (code == SASL_OK) code = sasl_checkpass(s, "alice", 5, "secret", 6);
end:
    if (code == SASL_OK && mech[0] != 'A') {
        const void *user = NULL;
        if (sasl_getprop(s, SASL_USERNAME, &user) != SASL_OK || strcmp(user, "alice") != 0) code = SASL_BADAUTH;
    }
    /* Prompts that were given out are the application's when it gives up. */
    if (prompts) my_free(prompts);
    sasl_dispose(&s);
    sasl_dispose(&c);
    return code;
}

/* Everything from the first init to the last done. */
static int whole(const char *mech)
{
    int code;
    set_option("auxprop_plugin", "mem");
    code = sasl_server_init(global_callbacks, NULL);
    if (code == SASL_OK) {
        code = sasl_client_init(global_callbacks);
        if (code == SASL_OK) {
            code = sasl_auxprop_add_plugin("mem", mem_init);
            if (code == SASL_OK) {
                mem_set("alice", "userPassword", "secret", -1);
                code = login(mech);
            }
            sasl_client_done();
        }
        sasl_server_done();
    }
    mem_clear();
    return code;
}

int main(int argc, char **argv)
{
    static char names[20][40];
    int count = 0, bad = 0;
    long most = 0, failed = 0;
    sasl_set_alloc(my_malloc, my_calloc, my_realloc, my_free);
    begin();
    for (const char **name = sasl_global_listmech(); *name; name++) {
        if (strncmp(*name, "GS", 2) != 0) snprintf(names[count++], sizeof names[0], "%s", *name);
    }
    finish();
    for (int i = 0; i < count; i++) {
        long before, needed;
        asked = fail_at = 0;
        int code = whole(names[i]);
        needed = asked;
        if (code != SASL_OK) {
            say("%s fails without a fault: %s", names[i], rc(code));
            bad++;
        }
        whole(names[i]);
        before = live;
        if (needed > most) most = needed;
        for (long n = 1; n <= needed; n++) {
            asked = 0;
            fail_at = n;
            code = whole(names[i]);
            if (code == SASL_NOMEM) failed++;
            if (code != SASL_OK && code != SASL_NOMEM) {
                say("%s, allocation %ld of %ld: %s", names[i], n, needed, rc(code));
                bad++;
            }
            if (live != before) {
                say("%s, allocation %ld of %ld: %ld blocks are lost", names[i], n, needed, live - before);
                before = live;
                bad++;
            }
            fail_at = 0;
            if (whole(names[i]) != SASL_OK) {
                say("%s: does not work after allocation %ld failed", names[i], n);
                bad++;
            }
        }
    }
    say("%d mechanisms, up to %ld allocations, %ld times no memory", count, most, failed);
    (void)argc;
    (void)argv;
    if (count < 10 || most == 0 || failed == 0) bad++;
    if (!bad) say("all is well");
    return bad != 0;
}
