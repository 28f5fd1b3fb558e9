/* System calls that fail under a server: each kind, at each time that it is made, once or from then on, interrupted, or doing
 * only a part. A wrong password never gets anybody in; a failure has its reason in the detail text or the log; and when the
 * system is well again, so is the library. Arguments: which back end (lmdb, berkeley, saslauthd), and its database or socket. */
#define _GNU_SOURCE
#include "abi.h"
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <syslog.h>

/* ---- the calls, before those of the C library ----------------------------------------------------------------------- */

enum { OPEN, READ, PREAD, WRITE, PWRITE, FSTAT, MMAP, CONNECT, SOCKET, POLL, RECV, SEND, RANDOM, FSYNC, TRUNCATE, FCNTL, FLOCK, KINDS };
static const char *const names[] = {"open", "read", "pread", "write", "pwrite", "fstat", "mmap", "connect", "socket", "poll", "recv",
                                    "send", "getrandom", "fsync", "ftruncate", "fcntl", "flock"};
enum { ONCE, ALWAYS, SHORT };
static const char *const modes[] = {"once", "from then on", "in part"};

static _Thread_local int armed;
static int kind = -1, when, mode, error;
static long made[KINDS];
/* What the processes that try tell the first one. */
static struct { long needed[KINDS], unwell, panics; } *shared;

static int fails(int which)
{
    if (!armed) return 0;
    made[which]++;
    if (which != kind || mode == SHORT || made[which] < when || (mode == ONCE && made[which] != when)) return 0;
    errno = error;
    return 1;
}
static size_t part(int which, size_t count) { return armed && which == kind && mode == SHORT && count > 1 ? (count + 1) / 2 : count; }

#define REAL(name) ({ static __typeof__(&name) real; if (!real) *(void **)&real = dlsym(RTLD_NEXT, #name); real; })
#define OPENS(name) \
    int name(const char *path, int flags, ...) \
    { \
        va_list arguments; \
        va_start(arguments, flags); \
        mode_t permissions = va_arg(arguments, mode_t); \
        va_end(arguments); \
        return fails(OPEN) ? -1 : REAL(name)(path, flags, permissions); \
    }
OPENS(open)
OPENS(open64)
ssize_t read(int fd, void *to, size_t count) { return fails(READ) ? -1 : REAL(read)(fd, to, part(READ, count)); }
ssize_t pread(int fd, void *to, size_t count, off_t at) { return fails(PREAD) ? -1 : REAL(pread)(fd, to, part(PREAD, count), at); }
ssize_t pread64(int fd, void *to, size_t count, off64_t at) { return fails(PREAD) ? -1 : REAL(pread64)(fd, to, part(PREAD, count), at); }
ssize_t write(int fd, const void *from, size_t count) { return fails(WRITE) ? -1 : REAL(write)(fd, from, part(WRITE, count)); }
ssize_t pwrite(int fd, const void *from, size_t count, off_t at) { return fails(PWRITE) ? -1 : REAL(pwrite)(fd, from, count, at); }
int fstat(int fd, struct stat *to) { return fails(FSTAT) ? -1 : REAL(fstat)(fd, to); }
int fstat64(int fd, struct stat64 *to) { return fails(FSTAT) ? -1 : REAL(fstat64)(fd, to); }
int statx(int fd, const char *path, int flags, unsigned mask, struct statx *to) { return fails(FSTAT) ? -1 : REAL(statx)(fd, path, flags, mask, to); }
void *mmap(void *at, size_t length, int access, int flags, int fd, off_t from) { return fails(MMAP) ? MAP_FAILED : REAL(mmap)(at, length, access, flags, fd, from); }
void *mmap64(void *at, size_t length, int access, int flags, int fd, off64_t from) { return fails(MMAP) ? MAP_FAILED : REAL(mmap64)(at, length, access, flags, fd, from); }
int connect(int fd, const struct sockaddr *to, socklen_t length) { return fails(CONNECT) ? -1 : REAL(connect)(fd, to, length); }
int socket(int family, int type, int protocol) { return fails(SOCKET) ? -1 : REAL(socket)(family, type, protocol); }
int poll(struct pollfd *fds, nfds_t count, int timeout) { return fails(POLL) ? -1 : REAL(poll)(fds, count, timeout); }
ssize_t recv(int fd, void *to, size_t count, int flags) { return fails(RECV) ? -1 : REAL(recv)(fd, to, part(RECV, count), flags); }
ssize_t send(int fd, const void *from, size_t count, int flags) { return fails(SEND) ? -1 : REAL(send)(fd, from, part(SEND, count), flags); }
ssize_t getrandom(void *to, size_t count, unsigned flags) { return fails(RANDOM) ? -1 : REAL(getrandom)(to, part(RANDOM, count), flags); }
int fsync(int fd) { return fails(FSYNC) ? -1 : REAL(fsync)(fd); }
int fdatasync(int fd) { return fails(FSYNC) ? -1 : REAL(fdatasync)(fd); }
int ftruncate(int fd, off_t length) { return fails(TRUNCATE) ? -1 : REAL(ftruncate)(fd, length); }
int fcntl(int fd, int command, ...)
{
    va_list arguments;
    va_start(arguments, command);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    return fails(FCNTL) ? -1 : REAL(fcntl)(fd, command, argument);
}
int flock(int fd, int operation);
int flock(int fd, int operation) { return fails(FLOCK) ? -1 : REAL(flock)(fd, operation); }

/* ---- the log ------------------------------------------------------------------------------------------------------------ */

static int lines, panics;
void syslog(int priority, const char *format, ...)
{
    char line[1000];
    va_list arguments;
    (void)priority;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    lines++;
    if (strstr(line, "internal error")) panics++;
}
static int keep_line(void *context, int level, const char *message)
{
    (void)context;
    (void)message;
    if (level <= SASL_LOG_WARN) lines++;
    return SASL_OK;
}

/* ---- a saslauthd: a thread that knows one password ------------------------------------------------------------------------ */

static int daemon_fd = -1;

static int field(int fd, char *to)
{
    unsigned char length[2];
    if (recv(fd, length, 2, MSG_WAITALL) != 2) return -1;
    int count = length[0] << 8 | length[1];
    if (count > 1000 || (count > 0 && recv(fd, to, (size_t)count, MSG_WAITALL) != count)) return -1;
    to[count] = 0;
    return count;
}
static void *serve(void *unused)
{
    (void)unused;
    for (;;) {
        char user[1024], pass[1024], rest[1024];
        int fd = accept(daemon_fd, NULL, NULL);
        if (fd < 0) return NULL;
        if (field(fd, user) >= 0 && field(fd, pass) >= 0 && field(fd, rest) >= 0 && field(fd, rest) >= 0) {
            int right = strcmp(user, "alice") == 0 && strcmp(pass, "secret") == 0;
            /* The other side may have gone in the meantime. */
            send(fd, right ? "\0\2OK" : "\0\2NO", 4, MSG_NOSIGNAL);
        }
        close(fd);
    }
}
static void start_daemon(const char *path)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    pthread_t thread;
    daemon_fd = socket(AF_UNIX, SOCK_STREAM, 0);
    snprintf(name.sun_path, sizeof name.sun_path, "%s", path);
    if (bind(daemon_fd, (struct sockaddr *)&name, sizeof name) != 0 || listen(daemon_fd, 20) != 0) abort();
    if (pthread_create(&thread, NULL, serve, NULL) != 0) abort();
}

/* ---- what a server does -------------------------------------------------------------------------------------------------- */

static const sasl_callback_t callbacks[] = {{SASL_CB_LOG, CB(keep_line), NULL}, {SASL_CB_LIST_END, NULL, NULL}};
static int by_database, bad;
static char what[200];

static void wrong(const char *text, int code)
{
    say("%s: %s (%s)", what, text, rc(code));
    bad++;
}

/* A failure that leaves neither a text nor a line helps nobody. */
static void judge(const char *call, sasl_conn_t *conn, int code, int lines_before)
{
    const char *text = conn ? sasl_errdetail(conn) : NULL, *reason = text ? strstr(text, ": ") : NULL;
    if (reason) reason = strstr(reason + 2, ": ");
    if (code < 0 && lines == lines_before && (reason == NULL || reason[2] == 0)) wrong(call, code);
}

static int plain(const char *pass)
{
    sasl_conn_t *s = NULL;
    const char *out;
    char message[100];
    unsigned len;
    int before = lines, code = sasl_server_new("svc", FQDN, FQDN, NULL, NULL, NULL, 0, &s);
    if (code == SASL_OK) {
        unsigned length = (unsigned)snprintf(message, sizeof message, "%calice%c%s", 0, 0, pass);
        code = sasl_server_start(s, "PLAIN", message, length, &out, &len);
    }
    judge("no reason for PLAIN", s, code, before);
    if (s) sasl_dispose(&s);
    return code;
}

static int scram(const char *pass)
{
    sasl_conn_t *s = NULL, *c = NULL;
    const char *out, *in, *chosen;
    unsigned outlen, inlen;
    int before = lines, code, client_fails = 0;
    cli_pass = pass;
    code = sasl_server_new("svc", FQDN, FQDN, NULL, NULL, NULL, 0, &s);
    if (code == SASL_OK) code = sasl_client_new("svc", FQDN, NULL, NULL, client_callbacks, 0, &c);
    if (code == SASL_OK) code = sasl_client_start(c, "SCRAM-SHA-256", NULL, &out, &outlen, &chosen);
    client_fails = code < 0;
    if (code >= 0) code = sasl_server_start(s, chosen, out, outlen, &in, &inlen);
    while (code == SASL_CONTINUE) {
        code = sasl_client_step(c, in, inlen, NULL, &out, &outlen);
        client_fails = code < 0;
        if (code >= 0) code = sasl_server_step(s, out, outlen, &in, &inlen);
    }
    judge("no reason for SCRAM", client_fails ? c : s, code, before);
    if (s) sasl_dispose(&s);
    if (c) sasl_dispose(&c);
    return code;
}

static int change(void)
{
    sasl_conn_t *s = NULL;
    int before = lines, code = sasl_server_new("svc", FQDN, FQDN, NULL, NULL, NULL, 0, &s);
    char pass[40];
    /* A new one each time. */
    unsigned len = (unsigned)snprintf(pass, sizeof pass, "%d of %d", lines, (int)getpid());
    if (code == SASL_OK) code = sasl_setpass(s, "bob", pass, len, NULL, 0, SASL_SET_CREATE);
    judge("no reason for a change of the password", s, code, before);
    if (s) sasl_dispose(&s);
    return code;
}

/* All of it; whether all went well. */
static int serve_once(int faulty)
{
    int before = lines, fine = 0, code;
    armed = faulty;
    code = sasl_server_init(callbacks, "faulty");
    if (code != SASL_OK) {
        if (lines == before) wrong("no reason for the init", code);
    } else {
        if (sasl_client_init(callbacks) != SASL_OK) wrong("the client's init", -1);
        code = plain("wrong");
        if (code >= 0) wrong("PLAIN with a wrong password", code);
        fine = code == SASL_BADAUTH;
        fine &= plain("secret") == SASL_OK;
        if (by_database) {
            fine &= change() == SASL_OK;
            code = scram("wrong");
            if (code >= 0) wrong("SCRAM with a wrong password", code);
            fine &= code == SASL_BADAUTH && scram("secret") == SASL_OK;
        }
    }
    armed = 0;
    sasl_done();
    return fine;
}

/* In a process of its own, for which everything is new: what a process keeps open it does not open again. */
static void attempt(int which, int how, int number, int with)
{
    int status = 0;
    pid_t child = fork();
    if (child != 0) {
        waitpid(child, &status, 0);
        if (status != 0) bad++;
        return;
    }
    alarm(60);
    kind = which;
    mode = how;
    when = number;
    error = with;
    snprintf(what, sizeof what, "%s %s at %d: %s", which < 0 ? "nothing" : names[which], modes[how], number, strerror(with));
    int fine = serve_once(1);
    memcpy(shared->needed, made, sizeof made);
    if (!fine) shared->unwell++;
    /* Interrupted or in part is no failure. */
    if (!fine && (how == SHORT || with == EINTR || which < 0)) wrong("not done again", 0);
    strcat(what, ", afterwards");
    if (!serve_once(0)) wrong("not well", 0);
    shared->panics += panics;
    _exit(bad != 0);
}

int main(int argc, char **argv)
{
    static const int errors[KINDS] = {EMFILE, EIO, EIO, ENOSPC, ENOSPC, EIO, ENOMEM, ECONNREFUSED, EMFILE, ENOMEM, ECONNRESET, EPIPE, EIO, EIO, ENOSPC, EIO, EIO};
    static const int resumed[] = {READ, WRITE, RECV, SEND, RANDOM, POLL};
    long needed[KINDS], tried = 0;
    if (argc < 3) return 2;
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    by_database = strcmp(argv[1], "saslauthd") != 0;
    if (!by_database) start_daemon(argv[2]);
    attempt(-1, ONCE, 0, 0);
    memcpy(needed, shared->needed, sizeof needed);
    for (int which = 0; which < KINDS; which++) {
        printf("%s %ld  ", names[which], needed[which]);
        /* Those of many alike are not all tried. */
        long step = needed[which] / 25 + 1;
        for (long n = 1; n <= needed[which]; n += step)
            for (int how = ONCE; how <= ALWAYS; how++, tried++) attempt(which, how, (int)n, errors[which]);
    }
    say("");
    for (size_t i = 0; i < sizeof resumed / sizeof *resumed; i++) {
        int which = resumed[i];
        for (long n = 1; n <= needed[which]; n += needed[which] / 25 + 1, tried++) attempt(which, ONCE, (int)n, EINTR);
        if (needed[which] && which != POLL) attempt(which, SHORT, 0, 0);
    }
    say("%ld faults, of which %ld were too much", tried, shared->unwell);
    strcpy(what, "all");
    if (tried < 20 || shared->unwell < 10) wrong("too few", 0);
    if (shared->panics) wrong("a panic in the log", 0);
    if (!bad) say("all is well");
    return bad != 0;
}
