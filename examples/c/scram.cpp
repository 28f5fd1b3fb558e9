// A client and a server that run SCRAM-SHA-256 (RFC 7677) with each other in one C++ program. The server has a property
// store of its own for the passwords.
//
//   c++ scram.cpp $(pkg-config --cflags --libs libsasl2) -o scram && ./scram
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <string>

#include <sasl/sasl.h>
#include <sasl/saslplug.h>

// The library casts each function back to its own type; by way of void (*)() compilers take the cast for meant.
template <typename F> sasl_callback_ft callback(F *function)
{
    return reinterpret_cast<sasl_callback_ft>(reinterpret_cast<void (*)()>(function));
}

// The server's options, in place of a configuration file: look users up in our store.
static int option(void *, const char *, const char *name, const char **result, unsigned *len)
{
    if (std::strcmp(name, "auxprop_plugin") != 0)
        return SASL_FAIL;
    *result = "example";
    if (len)
        *len = static_cast<unsigned>(std::strlen(*result));
    return SASL_OK;
}

// The store: "alice" with the password "secret". The library first asks about the user who authenticates, then (with
// SASL_AUXPROP_AUTHZID) about the one to act as.
static int lookup(void *, sasl_server_params_t *sparams, unsigned flags, const char *user, unsigned ulen)
{
    if (std::string(user, ulen) != "alice")
        return SASL_NOUSER;
    const propval *wanted = sparams->utils->prop_get(sparams->propctx);
    for (; wanted && wanted->name && !(flags & SASL_AUXPROP_AUTHZID); wanted++)
        if (std::strcmp(wanted->name, SASL_AUX_PASSWORD) == 0 && !wanted->values)
            sparams->utils->prop_set(sparams->propctx, wanted->name, "secret", 0);
    return SASL_OK;
}

static int store(const sasl_utils_t *, int, int *version, sasl_auxprop_plug_t **plug, const char *)
{
    static char name[] = "example";
    static sasl_auxprop_plug_t table = {0, 0, nullptr, nullptr, lookup, name, nullptr};
    *version = SASL_AUXPROP_PLUG_VERSION;
    *plug = &table;
    return SASL_OK;
}

// The client's side of the user.
static int name(void *context, int id, const char **result, unsigned *len)
{
    *result = id == SASL_CB_AUTHNAME ? static_cast<const char *>(context) : "";
    if (len)
        *len = static_cast<unsigned>(std::strlen(*result));
    return SASL_OK;
}

static int password(sasl_conn_t *, void *context, int, sasl_secret_t **result)
{
    *result = static_cast<sasl_secret_t *>(context);
    return SASL_OK;
}

int main()
{
    static union { sasl_secret_t secret; char room[sizeof(sasl_secret_t) + 8]; } pass;
    static char alice[] = "alice";
    pass.secret.len = 6;
    std::memcpy(pass.room + offsetof(sasl_secret_t, data), "secret", 6);

    const sasl_callback_t client_callbacks[] = {{SASL_CB_USER, callback(name), nullptr},
                                                {SASL_CB_AUTHNAME, callback(name), alice},
                                                {SASL_CB_PASS, callback(password), &pass},
                                                {SASL_CB_LIST_END, nullptr, nullptr}};
    const sasl_callback_t server_callbacks[] = {{SASL_CB_GETOPT, callback(option), nullptr},
                                                {SASL_CB_LIST_END, nullptr, nullptr}};
    sasl_conn_t *client = nullptr, *server = nullptr;
    if (sasl_server_init(server_callbacks, "example") != SASL_OK || sasl_client_init(nullptr) != SASL_OK ||
        sasl_auxprop_add_plugin("example", store) != SASL_OK ||
        sasl_server_new("imap", "mail.example.org", nullptr, nullptr, nullptr, nullptr, 0, &server) != SASL_OK ||
        sasl_client_new("imap", "mail.example.org", nullptr, nullptr, client_callbacks, 0, &client) != SASL_OK)
        return 1;

    // The client speaks first; the server's last message, its own proof, still comes with SASL_CONTINUE.
    const char *message = nullptr, *challenge = nullptr, *mechanism = nullptr;
    unsigned messagelen = 0, challengelen = 0;
    int ours = sasl_client_start(client, "SCRAM-SHA-256", nullptr, &message, &messagelen, &mechanism);
    int theirs = ours < 0 ? ours : sasl_server_start(server, mechanism, message, messagelen, &challenge, &challengelen);
    while (theirs == SASL_CONTINUE) {
        std::printf("C: %.*s\nS: %.*s\n", int(messagelen), message, int(challengelen), challenge);
        ours = sasl_client_step(client, challenge, challengelen, nullptr, &message, &messagelen);
        if (ours < 0)
            break;
        theirs = sasl_server_step(server, message, messagelen, &challenge, &challengelen);
    }

    const void *user = nullptr;
    const bool done = ours == SASL_OK && theirs == SASL_OK && sasl_getprop(server, SASL_USERNAME, &user) == SASL_OK;
    if (done)
        std::printf("authenticated: %s by %s\n", static_cast<const char *>(user), mechanism);
    else
        std::printf("refused: %s; %s\n", sasl_errdetail(client), sasl_errdetail(server));

    sasl_dispose(&client);
    sasl_dispose(&server);
    sasl_client_done();
    sasl_server_done();
    return done ? 0 : 1;
}
