/* A program that opens the library as a part of a plugin of its own, uses it and closes it again, and again. Nothing of it is
 * left then: it is not mapped any more, and there is no more memory than before. */
#include "resident.h"
#include <dlfcn.h>

#include <sasl/sasl.h>

static int wrong(const char *what, long round)
{
    printf("not so: %s (%ld)\n", what, round);
    return 1;
}

/* As sasl.h declares them. */
static __typeof__(&sasl_server_init) init;
static __typeof__(&sasl_server_new) fresh;
static __typeof__(&sasl_server_start) start;
static __typeof__(&sasl_dispose) dispose;
static __typeof__(&sasl_done) done;

int main(void)
{
    long warm = 20, all = getenv("OXISASL_SOAK") ? 1000 : 100, before = 0;
    for (long i = 0; i < warm + all; i++) {
        sasl_conn_t *conn = NULL;
        const char *out;
        unsigned len;
        void *library;
        if (i == warm) before = resident();
        library = dlopen(getenv("LIBRARY"), RTLD_NOW | RTLD_LOCAL);
        if (library == NULL) return wrong(dlerror(), i);
        *(void **)&init = dlsym(library, "sasl_server_init");
        *(void **)&fresh = dlsym(library, "sasl_server_new");
        *(void **)&start = dlsym(library, "sasl_server_start");
        *(void **)&dispose = dlsym(library, "sasl_dispose");
        *(void **)&done = dlsym(library, "sasl_done");
        if (init(NULL, "app") != SASL_OK) return wrong("init", i);
        if (fresh("svc", "host.example.com", NULL, NULL, NULL, NULL, 0, &conn) != SASL_OK) return wrong("new", i);
        if (start(conn, "ANONYMOUS", "me", 2, &out, &len) != SASL_OK) return wrong("start", i);
        dispose(&conn);
        done();
        if (dlclose(library) != 0) return wrong("dlclose", i);
        if (dlopen(getenv("LIBRARY"), RTLD_NOW | RTLD_NOLOAD) != NULL) return wrong("it is still there", i);
    }
    if (resident() - before >= 1024 * 1024) return wrong("growth", resident() - before);
    printf("%ld loads\nall is well\n", all);
    return 0;
}
