/* A pwcheck daemon: pwcheckd SOCKET. Checks passwords with the shadow file.
 *
 * Each connection has one request, the user and the password with a NUL after each, and one answer, "OK" or why not.
 */
#include <crypt.h>
#include <errno.h>
#include <shadow.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define REQUEST_MAX 1023

/* Reads until both fields have ended; gives why not, or NULL. */
static const char *read_request(int peer, char *buffer, const char **user, const char **password)
{
    size_t length = 0;
    for (;;) {
        char *first = memchr(buffer, 0, length);
        char *second = first ? memchr(first + 1, 0, buffer + length - first - 1) : NULL;
        ssize_t count;
        if (second) {
            *user = buffer;
            *password = first + 1;
            return NULL;
        }
        if (length == REQUEST_MAX)
            return "Request too big";
        count = read(peer, buffer + length, REQUEST_MAX - length);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return "Error reading request";
        length += (size_t)count;
    }
}

static const char *check(const char *user, const char *password)
{
    const struct spwd *entry = getspnam(user);
    const char *hash;
    if (!entry)
        return "Userid not found";
    hash = crypt(password, entry->sp_pwdp);
    return hash && *hash != '*' && strcmp(hash, entry->sp_pwdp) == 0 ? "OK" : "Incorrect password";
}

static void serve(int peer)
{
    char buffer[REQUEST_MAX + 1];
    const char *user, *password;
    const char *answer = read_request(peer, buffer, &user, &password);
    if (!answer)
        answer = check(user, password);
    if (write(peer, answer, strlen(answer)) < 0)
        perror("write");
    close(peer);
}

int main(int argc, char **argv)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);

    if (argc != 2 || strlen(argv[1]) >= sizeof address.sun_path) {
        fprintf(stderr, "usage: pwcheckd SOCKET\n");
        return 2;
    }
    strcpy(address.sun_path, argv[1]);
    signal(SIGPIPE, SIG_IGN);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) < 0 || chmod(argv[1], 0777) < 0 ||
        listen(listener, 5) < 0) {
        perror(argv[1]);
        return 1;
    }
    for (;;) {
        int peer = accept(listener, NULL, NULL);
        if (peer >= 0)
            serve(peer);
    }
}
