/* A server and a client that speak to each other in this process, with a store of one user. */
#ifndef EXCHANGE_H
#define EXCHANGE_H

#include <sasl/sasl.h>
#include <sasl/saslplug.h>

#define USER "user"
#define REALM "bench.example"
#define RIGHT "pencil"
#define WRONG "pencils"

/* Where processor time is added up, in nanoseconds. */
struct spent {
    double server, client;
};

struct pair {
    sasl_conn_t *server, *client;
};

/* Ends the program unless what must hold holds. */
void must(int holds, const char *what);

/* The processor time of this process, in nanoseconds. */
double now(void);

/* Starts the server's side, with the store in this process (database NULL) or with the one in that file. */
void start_server(const char *database);
void start_client(void);

sasl_conn_t *new_server(void);

/* The layer that both sides must agree on: 0, 1 for auth-int, 128 for rc4. */
struct pair new_pair(unsigned ssf);
void dispose_pair(struct pair *pair);

/* Exchanges messages to the end and returns the server's last result. With right 0 it has to be refused: the password is
 * wrong, nobody was authenticated outside (EXTERNAL), or nobody may come without a name (ANONYMOUS). spent may be NULL. */
int exchange(struct pair *pair, const char *mechanism, int right, struct spent *spent);

#endif
