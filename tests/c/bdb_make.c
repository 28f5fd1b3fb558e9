/* Makes Berkeley DB hash files that the command-line tools cannot make.
 * Usage: bdb_make FILE PAGESIZE BYTEORDER churn|myhash|busy
 * "busy" says when it is ready and then writes, without an end, as saslpasswd2 does: each change goes to disk. */
#include <db.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A hash function that is not Berkeley DB's own. */
static u_int32_t my_hash(DB *db, const void *bytes, u_int32_t length)
{
    const unsigned char *p = bytes;
    u_int32_t h = 17;

    (void)db;
    while (length-- > 0)
        h = h * 31 + *p++;
    return h;
}

static void check(int code, const char *what)
{
    if (code != 0) {
        fprintf(stderr, "%s: %s\n", what, db_strerror(code));
        exit(1);
    }
}

static void put(DB *db, int n, size_t length, int fill)
{
    char name[64], value[20000];
    DBT k, v;

    memset(&k, 0, sizeof k);
    memset(&v, 0, sizeof v);
    k.data = name;
    k.size = (u_int32_t)snprintf(name, sizeof name, "user%d%cexample.com%cuserPassword", n, 0, 0);
    memset(value, fill, length);
    v.data = value;
    v.size = (u_int32_t)length;
    check(db->put(db, NULL, &k, &v, 0), "put");
}

static void del(DB *db, int n)
{
    char name[64];
    DBT k;

    memset(&k, 0, sizeof k);
    k.data = name;
    k.size = (u_int32_t)snprintf(name, sizeof name, "user%d%cexample.com%cuserPassword", n, 0, 0);
    check(db->del(db, NULL, &k, 0), "del");
}

int main(int argc, char **argv)
{
    DB *db;
    int n;

    if (argc != 5)
        return 2;
    setvbuf(stdout, NULL, _IOLBF, 0);
    check(db_create(&db, NULL, 0), "db_create");
    check(db->set_pagesize(db, (u_int32_t)atoi(argv[2])), "set_pagesize");
    check(db->set_lorder(db, atoi(argv[3])), "set_lorder");
    if (strcmp(argv[4], "myhash") == 0)
        check(db->set_h_hash(db, my_hash), "set_h_hash");
    check(db->open(db, NULL, argv[1], NULL, DB_HASH, DB_CREATE, 0600), "open");
    for (n = 0; strcmp(argv[4], "busy") == 0; n++) {
        /* Users 0 to 99 always exist; others come and go, so that buckets split and chains change. */
        if (n < 100) {
            put(db, n, 40, 'a');
            continue;
        }
        put(db, n % 100, (size_t)(40 + n % 3), 'a' + n % 26);
        put(db, 100 + n % 5000, 40, 'x');
        if (n % 7 == 0)
            del(db, 100 + n % 5000);
        check(db->sync(db, 0), "sync");
        /* A disk takes its time, where a file system in memory takes none. */
        usleep(2000);
        if (n == 100)
            puts("ready");
    }
    for (n = 0; n < 400; n++)
        put(db, n, (size_t)(n % 7 == 0 ? n * 10 : 12), 'a' + n % 26);
    if (strcmp(argv[4], "churn") == 0) {
        /* Small to big, big to small, gone, and gone and back. */
        for (n = 0; n < 400; n += 3)
            del(db, n);
        for (n = 1; n < 400; n += 3)
            put(db, n, (size_t)(n % 5 == 0 ? 9000 : 3), 'A' + n % 26);
        for (n = 0; n < 100; n += 3)
            put(db, n, 20, 'z');
        for (n = 200; n < 400; n += 1)
            if (n % 3 != 0)
                del(db, n);
    }
    check(db->close(db, 0), "close");
    return 0;
}
