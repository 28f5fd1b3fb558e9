/* Mechanisms that need random bytes, in a process whose system has none: seccomp lets getrandom and the opening of devices fail.
 * Prints the result of the first step of each; 0 and 1 would be a success. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sasl/sasl.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

static int deny(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getrandom, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
    };
    struct sock_fprog program = {sizeof code / sizeof *code, code};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

int main(void)
{
    static const char *const mechanisms[] = {"CRAM-MD5", "DIGEST-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256"};
    static const char first[] = "n,,n=alice,r=0123456789abcdef";

    if (sasl_server_init(NULL, "no_random") != SASL_OK) return 1;
    for (int denied = 0; denied < 2; denied++) {
        if (denied && deny()) return 1;
        for (size_t i = 0; i < sizeof mechanisms / sizeof *mechanisms; i++) {
            sasl_conn_t *conn = NULL;
            const char *out;
            unsigned length;
            const char *message = i < 2 ? NULL : first;
            if (sasl_server_new("test", "host.example.com", NULL, NULL, NULL, NULL, 0, &conn) != SASL_OK) return 1;
            printf("%s %s: %d\n", denied ? "without" : "with", mechanisms[i],
                   sasl_server_start(conn, mechanisms[i], message, message ? sizeof first - 1 : 0, &out, &length));
            sasl_dispose(&conn);
        }
    }
    return 0;
}
