/* sasl_set_alloc and sasl_set_mutex: what is asked of the application's functions, that everything is given back, that
 * mutexes are released as often as taken; connections of several threads. */
#include "abi.h"
#include <pthread.h>

static long live, calls;
static int refuse; /* allocations fail */

static void *my_malloc(size_t size)
{
    void *block = refuse ? NULL : malloc(size);
    calls++;
    if (block) live++;
    return block;
}
static void *my_calloc(size_t n, size_t size)
{
    void *block = refuse ? NULL : calloc(n, size);
    calls++;
    if (block) live++;
    return block;
}
static void *my_realloc(void *old, size_t size)
{
    void *block = refuse ? NULL : realloc(old, size);
    calls++;
    if (block && old == NULL) live++;
    return block;
}
static void my_free(void *block)
{
    calls++;
    if (block) live--;
    free(block);
}

static long mutexes, locked, lock_calls, deepest;
static pthread_mutex_t guard = PTHREAD_MUTEX_INITIALIZER;
static void *mutex_new(void)
{
    pthread_mutex_t *mutex = malloc(sizeof *mutex);
    pthread_mutex_init(mutex, NULL);
    pthread_mutex_lock(&guard);
    mutexes++;
    pthread_mutex_unlock(&guard);
    return mutex;
}
static int mutex_lock(void *mutex)
{
    pthread_mutex_lock(mutex);
    pthread_mutex_lock(&guard);
    locked++;
    lock_calls++;
    if (locked > deepest) deepest = locked;
    pthread_mutex_unlock(&guard);
    return 0;
}
static int mutex_unlock(void *mutex)
{
    pthread_mutex_lock(&guard);
    locked--;
    pthread_mutex_unlock(&guard);
    pthread_mutex_unlock(mutex);
    return 0;
}
static void mutex_free(void *mutex)
{
    if (mutex == NULL) return;
    pthread_mutex_lock(&guard);
    mutexes--;
    pthread_mutex_unlock(&guard);
    pthread_mutex_destroy(mutex);
    free(mutex);
}

static void quiet_exchange(const char *mech, const char *pass)
{
    sasl_conn_t *s = server(), *c = client();
    const char *out = NULL, *in = NULL, *chosen = NULL;
    unsigned outlen = 0, inlen = 0;
    int code;
    cli_pass = pass;
    secprops(s, 0, 256, 4096, 0);
    secprops(c, 0, 256, 4096, 0);
    if (sasl_client_start(c, mech, NULL, &out, &outlen, &chosen) >= 0) {
        code = sasl_server_start(s, chosen, out, outlen, &in, &inlen);
        while (code == SASL_CONTINUE) {
            if (sasl_client_step(c, in, inlen, NULL, &out, &outlen) < 0) break;
            in = NULL;
            inlen = 0;
            code = sasl_server_step(s, out, outlen, &in, &inlen);
        }
        if (code == SASL_OK) {
            sasl_encode(c, "hello", 5, &out, &outlen);
            sasl_decode(s, out, outlen, &out, &outlen);
        }
    }
    sasl_dispose(&s);
    sasl_dispose(&c);
}

static void prompts_from_the_application(void)
{
    /* The array of prompts is the application's to free when it gives up. */
    sasl_callback_t asks[] = {{SASL_CB_USER, NULL, NULL}, {SASL_CB_AUTHNAME, NULL, NULL}, {SASL_CB_PASS, NULL, NULL}, {SASL_CB_LIST_END, NULL, NULL}};
    sasl_conn_t *c = NULL;
    sasl_interact_t *prompts = NULL;
    const char *out, *mech;
    unsigned len;
    long before;
    sasl_client_new("svc", FQDN, NULL, NULL, asks, 0, &c);
    before = live;
    say("interact %s", rc(sasl_client_start(c, "PLAIN", &prompts, &out, &len, &mech)));
    say("the prompts come from the application's functions: %s", live > before ? "yes" : "no");
    my_free(prompts);
    sasl_dispose(&c);
}

static void *thread(void *number)
{
    static const char *const mechs[] = {"PLAIN", "SCRAM-SHA-1", "CRAM-MD5", "LOGIN"};
    for (int i = 0; i < 20; i++) quiet_exchange(mechs[((size_t)number + (size_t)i) % 4], "secret");
    return NULL;
}

int main(void)
{
    static const char *const mechs[] = {"PLAIN", "LOGIN", "CRAM-MD5", "DIGEST-MD5", "SCRAM-SHA-1", "SCRAM-SHA-512", "ANONYMOUS", "EXTERNAL"};
    pthread_t threads[8];
    sasl_set_alloc(my_malloc, my_calloc, my_realloc, my_free);
    sasl_set_mutex(mutex_new, mutex_lock, mutex_unlock, mutex_free);
    for (int round = 0; round < 3; round++) {
        begin();
        say("allocator used: %s", calls > 0 ? "yes" : "no");
        for (size_t i = 0; i < sizeof mechs / sizeof *mechs; i++) {
            quiet_exchange(mechs[i], "secret");
            quiet_exchange(mechs[i], "wrong");
            cli_pass = "secret";
        }
        if (round == 0) prompts_from_the_application();
        finish();
        say("after round %d: mutexes %s locked %ld", round, mutexes >= 0 ? "not freed twice" : "freed twice", locked);
        mem_clear();
    }
    {
        /* What the library keeps to the end of the process does not grow with the rounds. */
        long first, second;
        begin();
        quiet_exchange("SCRAM-SHA-1", "secret");
        finish();
        first = live;
        begin();
        quiet_exchange("SCRAM-SHA-1", "secret");
        finish();
        second = live;
        say("kept after a further round: %s", second <= first ? "nothing" : "something");
    }
    say("-- a second sasl_set_alloc is not heeded");
    {
        long before = calls;
        sasl_set_alloc(malloc, calloc, realloc, free);
        begin();
        say("the first is still used: %s", calls > before ? "yes" : "no");
        say("through the utilities: ");
        before = live;
        {
            void *block = sasl_global_utils->malloc(10);
            say("  malloc %ld", live - before);
            block = sasl_global_utils->realloc(block, 100);
            say("  realloc %ld", live - before);
            sasl_global_utils->free(block);
            say("  free %ld", live - before);
        }
        before = mutexes;
        {
            void *mutex = sasl_global_utils->mutex_alloc();
            say("  mutex %ld", mutexes - before);
            say("  lock %d", sasl_global_utils->mutex_lock(mutex));
            say("  unlock %d", sasl_global_utils->mutex_unlock(mutex));
            sasl_global_utils->mutex_free(mutex);
            say("  mutex %ld", mutexes - before);
        }
        finish();
    }
    say("-- threads");
    cli_pass = "secret";
    begin();
    for (size_t i = 0; i < 8; i++) pthread_create(&threads[i], NULL, thread, (void *)i);
    for (size_t i = 0; i < 8; i++) pthread_join(threads[i], NULL);
    finish();
    say("locked %ld", locked);
    return 0;
}
