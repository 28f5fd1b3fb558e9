/* What a Cyrus SASL built with LMDB does with its password database, over Debian's liblmdb.
 * Usage: lmdb_peer FILE get USER REALM PROPERTY       prints the value
 *        lmdb_peer FILE put USER REALM PROPERTY VALUE
 *        lmdb_peer FILE grow MAPSIZE COUNT            stores COUNT values of 8000 bytes under a map of MAPSIZE bytes
 *        lmdb_peer FILE hang                          begins to read, says so, and never ends */
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void check(int code, const char *what)
{
    if (code != 0) {
        fprintf(stderr, "%s: %s\n", what, mdb_strerror(code));
        exit(1);
    }
}

static MDB_val key(char *buffer, size_t size, char **names)
{
    MDB_val k;

    k.mv_data = buffer;
    k.mv_size = (size_t)snprintf(buffer, size, "%s%c%s%c%s", names[0], 0, names[1], 0, names[2]);
    return k;
}

int main(int argc, char **argv)
{
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi;
    MDB_val k, v;
    char buffer[600], value[8000];
    int reading, n;

    if (argc < 3)
        return 2;
    reading = strcmp(argv[2], "get") == 0 || strcmp(argv[2], "hang") == 0;
    check(mdb_env_create(&env), "mdb_env_create");
    if (strcmp(argv[2], "grow") == 0)
        check(mdb_env_set_mapsize(env, (size_t)atol(argv[3])), "mdb_env_set_mapsize");
    check(mdb_env_open(env, argv[1], MDB_NOSUBDIR | (reading ? MDB_RDONLY : 0), 0660), "mdb_env_open");
    check(mdb_txn_begin(env, NULL, reading ? MDB_RDONLY : 0, &txn), "mdb_txn_begin");
    check(mdb_dbi_open(txn, NULL, 0, &dbi), "mdb_dbi_open");
    if (strcmp(argv[2], "get") == 0) {
        k = key(buffer, sizeof buffer, argv + 3);
        check(mdb_get(txn, dbi, &k, &v), "mdb_get");
        fwrite(v.mv_data, 1, v.mv_size, stdout);
        mdb_txn_abort(txn);
    } else if (strcmp(argv[2], "put") == 0) {
        k = key(buffer, sizeof buffer, argv + 3);
        v.mv_data = argv[6];
        v.mv_size = strlen(argv[6]);
        check(mdb_put(txn, dbi, &k, &v, 0), "mdb_put");
        check(mdb_txn_commit(txn), "mdb_txn_commit");
    } else if (strcmp(argv[2], "grow") == 0) {
        memset(value, 'g', sizeof value);
        for (n = 0; n < atoi(argv[4]); n++) {
            k.mv_data = buffer;
            k.mv_size = (size_t)snprintf(buffer, sizeof buffer, "grown%d%cexample.com%cuserPassword", n, 0, 0);
            v.mv_data = value;
            v.mv_size = sizeof value;
            check(mdb_put(txn, dbi, &k, &v, 0), "mdb_put");
        }
        check(mdb_txn_commit(txn), "mdb_txn_commit");
    } else {
        puts("reading");
        fflush(stdout);
        for (;;)
            pause();
    }
    mdb_env_close(env);
    return 0;
}
