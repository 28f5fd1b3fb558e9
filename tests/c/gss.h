/* The GSS-API for the abi_gss*.c programs, as RFC 2744 has it, and the parts of libgssapi_krb5 that they use. */
#ifndef OXISASL_TESTS_GSS_H
#define OXISASL_TESTS_GSS_H

#include <stddef.h>
#include <stdint.h>

typedef struct { size_t length; void *value; } gss_buffer;
typedef struct { uint32_t length; void *elements; } gss_oid;
typedef struct { size_t count; gss_oid *elements; } gss_oid_set;
typedef struct { const char *key, *value; } gss_key_value;
typedef struct { uint32_t count; gss_key_value *elements; } gss_key_value_set;
typedef struct { uint32_t itype; gss_buffer initiator; uint32_t atype; gss_buffer acceptor, application; } gss_bindings;

extern uint32_t gss_import_name(uint32_t *, gss_buffer *, gss_oid *, void **);
extern uint32_t gss_display_name(uint32_t *, const void *, gss_buffer *, gss_oid **);
extern uint32_t gss_acquire_cred_from(uint32_t *, void *, uint32_t, gss_oid_set *, int, gss_key_value_set *, void **, void *, void *);
extern uint32_t gss_inquire_cred(uint32_t *, const void *, void **, uint32_t *, int *, void *);
extern uint32_t gss_init_sec_context(uint32_t *, void *, void **, void *, gss_oid *, uint32_t, uint32_t, gss_bindings *, gss_buffer *, gss_oid **, gss_buffer *, uint32_t *, uint32_t *);
extern uint32_t gss_accept_sec_context(uint32_t *, void **, void *, gss_buffer *, gss_bindings *, void **, gss_oid **, gss_buffer *, uint32_t *, uint32_t *, void **);
extern uint32_t gss_delete_sec_context(uint32_t *, void **, gss_buffer *);
extern uint32_t gss_wrap(uint32_t *, void *, int, uint32_t, gss_buffer *, int *, gss_buffer *);
extern uint32_t gss_unwrap(uint32_t *, void *, gss_buffer *, gss_buffer *, int *, uint32_t *);
extern uint32_t gss_release_cred(uint32_t *, void **);
extern uint32_t gss_release_name(uint32_t *, void **);
extern uint32_t gss_release_buffer(uint32_t *, gss_buffer *);
extern gss_oid *GSS_C_NT_HOSTBASED_SERVICE;

enum { DELEG = 1, MUTUAL = 2, SEQUENCE = 8, CONF = 16, INTEG = 32 };

static gss_oid krb5 UNUSED = {9, "\x2a\x86\x48\x86\xf7\x12\x01\x02\x02"};
static gss_oid spnego UNUSED = {6, "\x2b\x06\x01\x05\x05\x02"};

/* The display form of a name, or what is missing. */
static UNUSED const char *named(const void *name)
{
    static char text[4][200];
    static int turn;
    gss_buffer out = {0, NULL};
    uint32_t minor;
    if (name == NULL) return "(null)";
    turn = (turn + 1) % 4;
    if (gss_display_name(&minor, name, &out, NULL) != 0) return "(no name)";
    snprintf(text[turn], sizeof text[turn], "%.*s", (int)out.length, (char *)out.value);
    gss_release_buffer(&minor, &out);
    return text[turn];
}

static UNUSED void *service_name(void)
{
    gss_buffer text = {strlen("svc@" FQDN), "svc@" FQDN};
    void *name = NULL;
    uint32_t minor;
    if (gss_import_name(&minor, &text, GSS_C_NT_HOSTBASED_SERVICE, &name) != 0) abort();
    return name;
}

/* The credentials in a cache. */
static UNUSED void *tickets(const char *cache)
{
    gss_key_value entry = {"ccache", cache};
    gss_key_value_set store = {1, &entry};
    gss_oid_set mechs = {1, &krb5};
    void *cred = NULL;
    uint32_t minor;
    if (gss_acquire_cred_from(&minor, NULL, UINT32_MAX, &mechs, 1, &store, &cred, NULL, NULL) != 0) abort();
    return cred;
}

#endif
