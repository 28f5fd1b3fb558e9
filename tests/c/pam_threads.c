/* Many password checks at once: pam_threads COUNT. So many threads each check a right and a wrong password of carol, as the
 * service `smtp`; prints how many were let in and refused, and the milliseconds that it took.
 */
#include <pthread.h>
#include <sasl/sasl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define THREADS_MAX 64

static int check(const char *password)
{
    sasl_conn_t *conn = NULL;
    int result = sasl_server_new("smtp", "host.rig.test", NULL, NULL, NULL, NULL, 0, &conn);
    if (result == SASL_OK)
        result = sasl_checkpass(conn, "carol", 5, password, (unsigned)strlen(password));
    sasl_dispose(&conn);
    return result;
}

static void *work(void *results)
{
    int *result = results;
    result[0] = check("tr0ub4dor");
    result[1] = check("wrong");
    return NULL;
}

int main(int argc, char **argv)
{
    static int results[THREADS_MAX][2];
    pthread_t threads[THREADS_MAX];
    struct timespec begin, end;
    int count = argc > 1 ? atoi(argv[1]) : 0, let_in = 0, refused = 0;

    if (count < 1 || count > THREADS_MAX || sasl_server_init(NULL, "checkpass") != SASL_OK)
        return 2;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    for (int i = 0; i < count; i++)
        if (pthread_create(&threads[i], NULL, work, results[i]) != 0)
            return 1;
    for (int i = 0; i < count; i++) {
        pthread_join(threads[i], NULL);
        let_in += results[i][0] == SASL_OK;
        refused += results[i][1] == SASL_BADAUTH;
    }
    clock_gettime(CLOCK_MONOTONIC, &end);
    printf("let in %d\nrefused %d\nmilliseconds %ld\n", let_in, refused,
           (long)((end.tv_sec - begin.tv_sec) * 1000 + (end.tv_nsec - begin.tv_nsec) / 1000000));
    sasl_done();
    return 0;
}
