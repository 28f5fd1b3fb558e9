/* Many times and at the same time: sessions, inits and dones; threads that do all of it
 * beside each other; and children of a process that was initialised before. Says what one kind came to; none leaves memory
 * behind. */
#include "abi.h"
#include "resident.h"
#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>

static int thorough, bad;
static void wrong(const char *what, long got)
{
    say("not so: %s (%ld)", what, got);
    bad++;
}

/* The bytes that malloc has given out. */
static long held(void) { return (long)mallinfo2().uordblks + (long)mallinfo2().hblkhd; }

static const char *const mechs[] = {"PLAIN", "CRAM-MD5", "DIGEST-MD5", "SCRAM-SHA-256", "LOGIN", "ANONYMOUS", "SCRAM-SHA-1", "EXTERNAL"};
enum { MECHS = sizeof mechs / sizeof *mechs };

/* Each thread has its answers. */
static int answer(void *context, int id, const char **result, unsigned *len)
{
    (void)context;
    *result = id == SASL_CB_AUTHNAME ? "alice" : "";
    if (len) *len = (unsigned)strlen(*result);
    return SASL_OK;
}
static int secret(sasl_conn_t *conn, void *context, int id, sasl_secret_t **given)
{
    static _Thread_local union { sasl_secret_t secret; char room[64]; } kept;
    (void)conn;
    (void)id;
    kept.secret.len = strlen(context);
    memcpy(kept.secret.data, context, kept.secret.len + 1);
    *given = &kept.secret;
    return SASL_OK;
}
static const sasl_callback_t right[] = {{SASL_CB_USER, CB(answer), NULL}, {SASL_CB_AUTHNAME, CB(answer), NULL}, {SASL_CB_PASS, CB(secret), "secret"}, {SASL_CB_LIST_END, NULL, NULL}},
    false_[] = {{SASL_CB_USER, CB(answer), NULL}, {SASL_CB_AUTHNAME, CB(answer), NULL}, {SASL_CB_PASS, CB(secret), "wrong"}, {SASL_CB_LIST_END, NULL, NULL}};

/* A session with a mechanism, up to some message; the server's last code, or an error before. */
static int session(const char *mech, int good, int messages, char *challenge)
{
    sasl_conn_t *s = NULL, *c = NULL;
    const char *out = NULL, *in = NULL, *chosen = NULL;
    unsigned outlen = 0, inlen = 0;
    int cc = SASL_CONTINUE, sc = sasl_server_new("svc", FQDN, NULL, NULL, NULL, NULL, 0, &s);
    if (sc == SASL_OK) sc = sasl_client_new("svc", FQDN, NULL, NULL, good ? right : false_, 0, &c);
    if (sc == SASL_OK) {
        secprops(s, 0, 256, 4096, 0);
        secprops(c, 0, 256, 4096, 0);
        sasl_setprop(s, SASL_AUTH_EXTERNAL, "alice");
        sasl_setprop(c, SASL_AUTH_EXTERNAL, "alice");
        cc = sasl_client_start(c, mech, NULL, &out, &outlen, &chosen);
        sc = cc < 0 ? cc : sasl_server_start(s, chosen, out, outlen, &in, &inlen);
        if (challenge && sc == SASL_CONTINUE) snprintf(challenge, 200, "%.*s", (int)inlen, in);
        while (sc == SASL_CONTINUE && --messages > 0) {
            outlen = 0;
            if (cc == SASL_CONTINUE) cc = sasl_client_step(c, in, inlen, NULL, &out, &outlen);
            if (cc < 0) {
                sc = cc;
                break;
            }
            in = NULL;
            inlen = 0;
            sc = sasl_server_step(s, out ? out : "", outlen, &in, &inlen);
        }
    }
    if (s) sasl_dispose(&s);
    if (c) sasl_dispose(&c);
    return sc;
}

static void sessions(void)
{
    long warm = 2000, rounds = thorough ? 1000000 : 20000, before;
    begin();
    for (long i = 0; i < warm; i++) session(mechs[i % MECHS], i % 7 != 0, 20, NULL);
    before = resident();
    for (long i = 0; i < rounds; i++) {
        /* Good ones, bad ones, and such as are left after one message or two. */
        int kind = (int)(i / MECHS % 4), code = session(mechs[i % MECHS], kind != 1, kind == 2 ? 1 : kind == 3 ? 2 : 20, NULL);
        if (kind == 0 && code != SASL_OK) wrong(mechs[i % MECHS], code);
    }
    long grown = resident() - before;
    say("%ld sessions: %s", rounds, grown < 1024 * 1024 ? "less than 1 MiB more" : "grown");
    if (grown >= 1024 * 1024) wrong("growth", grown);
    finish();
}

static void rounds(void)
{
    long warm = 500, all = thorough ? 10000 : 3000, before = 0;
    for (long i = 0; i < warm + all; i++) {
        if (i == warm) before = held();
        set_option("auxprop_plugin", "mem");
        if (sasl_server_init(global_callbacks, "app") != SASL_OK || sasl_client_init(global_callbacks) != SASL_OK) wrong("init", i);
        sasl_auxprop_add_plugin("mem", mem_init);
        mem_set("alice", "userPassword", "secret", -1);
        if (i % 10 == 0 && session(mechs[i / 10 % MECHS], 1, 20, NULL) != SASL_OK) wrong(mechs[i / 10 % MECHS], i);
        sasl_done();
    }
    long grown = held() - before;
    say("%ld inits and dones: %s", all, grown < 32768 ? "nothing that grows" : "grown");
    if (grown >= 32768) wrong("growth", grown);
}

/* A child has its own nonces, whatever its parent has drawn before. */
static void forks(void)
{
    static const char *const random[] = {"CRAM-MD5", "DIGEST-MD5", "SCRAM-SHA-256"};
    enum { CHILDREN = 8, EACH = 6 };
    static char seen[3][(CHILDREN + 1) * EACH][200];
    begin();
    for (int m = 0; m < 3; m++) {
        int count = 0, pipes[2];
        session(random[m], 1, 20, NULL);
        for (int child = 0; child <= CHILDREN; child++) {
            if (pipe(pipes) != 0) abort();
            pid_t pid = child == CHILDREN ? 0 : fork();
            if (pid == 0) {
                for (int i = 0; i < EACH; i++) {
                    char challenge[200] = "";
                    session(random[m], 1, 1, challenge);
                    if (write(pipes[1], challenge, sizeof challenge) != sizeof challenge) abort();
                }
                /* It works there, too. */
                int fine = session(random[m], 1, 20, NULL) == SASL_OK && session(random[m], 0, 20, NULL) < 0;
                if (child < CHILDREN) _exit(fine ? 0 : 1);
                if (!fine) wrong(random[m], -1);
            } else {
                int status;
                waitpid(pid, &status, 0);
                if (status != 0) wrong("a child", status);
            }
            for (int i = 0; i < EACH; i++)
                if (read(pipes[0], seen[m][count++], sizeof seen[0][0]) != sizeof seen[0][0]) abort();
            close(pipes[0]);
            close(pipes[1]);
        }
        for (int i = 0; i < count; i++)
            for (int j = 0; j < i; j++)
                if (seen[m][i][0] == 0 || strcmp(seen[m][i], seen[m][j]) == 0) wrong(seen[m][i], i);
    }
    finish();
    say("forks: every challenge is another one");
}

static atomic_long successes, refusals, early;
static long each;

static void *worker(void *number)
{
    unsigned state = (unsigned)(size_t)number * 2654435761u + 1;
    for (long i = 0; i < each; i++) {
        state = state * 1664525u + 1013904223u;
        unsigned what = state >> 24, good = (state >> 9) & 1;
        const char *mech = mechs[(state >> 12) % MECHS];
        if (what < 40) {
            /* An init too many, and its done: the library stays. */
            if (sasl_server_init(NULL, NULL) != SASL_OK || sasl_client_init(NULL) != SASL_OK) wrong("init", i);
            sasl_done();
        } else if (what < 80) {
            session(mech, 1, 1 + (int)(state >> 5) % 3, NULL);
            atomic_fetch_add(&early, 1);
        } else {
            int code = session(mech, (int)good, 20, NULL), open = strcmp(mech, "ANONYMOUS") == 0 || strcmp(mech, "EXTERNAL") == 0;
            if (code == SASL_OK && (good || open)) atomic_fetch_add(&successes, 1);
            else if (code < 0 && !good && !open) atomic_fetch_add(&refusals, 1);
            else wrong(mech, code);
        }
    }
    return NULL;
}

static void threads(void)
{
    enum { THREADS = 64 };
    pthread_t running[THREADS];
    each = thorough ? 5000 : 60;
    begin();
    for (size_t i = 0; i < THREADS; i++)
        if (pthread_create(&running[i], NULL, worker, (void *)i) != 0) abort();
    for (size_t i = 0; i < THREADS; i++) pthread_join(running[i], NULL);
    if (successes == 0 || refusals == 0 || early == 0) wrong("threads", successes);
    finish();
    say("64 threads: each got what it should");
}

/* The last done and the next init happen beside each other, and sessions between them. */
static void *brief(void *number)
{
    for (long i = 0; i < each; i++) {
        sasl_conn_t *conn = NULL;
        const char *out;
        unsigned len;
        (void)number;
        if (sasl_server_init(NULL, NULL) != SASL_OK) wrong("init", i);
        if (sasl_server_new("svc", FQDN, NULL, NULL, NULL, NULL, 0, &conn) != SASL_OK) wrong("new", i);
        if (sasl_server_start(conn, "ANONYMOUS", "me", 2, &out, &len) != SASL_OK) wrong("start", i);
        sasl_dispose(&conn);
        sasl_server_done();
    }
    return NULL;
}

static void comings_and_goings(void)
{
    pthread_t running[64];
    each = thorough ? 1000 : 20;
    for (size_t i = 0; i < 64; i++)
        if (pthread_create(&running[i], NULL, brief, (void *)i) != 0) abort();
    for (size_t i = 0; i < 64; i++) pthread_join(running[i], NULL);
    if (sasl_global_listmech() != NULL) wrong("something is left", 0);
    say("64 threads that init and finish: each had the library while it used it");
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    thorough = getenv("OXISASL_SOAK") != NULL;
    if (strcmp(what, "sessions") == 0) sessions();
    else if (strcmp(what, "rounds") == 0) rounds();
    else if (strcmp(what, "forks") == 0) forks();
    else if (strcmp(what, "threads") == 0) threads();
    else if (strcmp(what, "goings") == 0) comings_and_goings();
    else return 2;
    if (!bad) say("all is well");
    return bad != 0;
}
