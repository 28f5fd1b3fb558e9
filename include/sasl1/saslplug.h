/*
 * saslplug.h: the types of the interface between a SASL 1.5 library and its plugins. This library has its mechanisms
 * built in and loads no plugin: the header is here for programs that include it for a type, and the layouts are those
 * that plugins were compiled with.
 *
 * A function pointer may be NULL where its description says "optional".
 *
 * Part of oxisasl, MIT OR Apache-2.0. The names, types and values are those of the SASL 1.5 interface, version 1.5.28.
 */
#ifndef SASLPLUG_H
#define SASLPLUG_H 1

#include "hmac-md5.h"
#include "md5.h"
#include "md5global.h"
#include "sasl.h"

#ifdef __cplusplus
extern "C" {
#endif

#if defined __GNUC__ && !defined __cplusplus
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wstrict-prototypes"
#endif
/** Finds the callback for a question. conn: for whom; id: a SASL_CB_ number; *pproc: receives the function; *pcontext:
 *  receives its context. Returns SASL_OK; SASL_INTERACT: ask through sasl_interact_t; SASL_FAIL: there is none. */
typedef int sasl_getcallback_t(sasl_conn_t *conn, unsigned long id, int (**pproc)(), void **pcontext);
#if defined __GNUC__ && !defined __cplusplus
#pragma GCC diagnostic pop
#endif

/** What the library does for a plugin. The functions without a description are those of the same name in sasl.h and
 *  saslutil.h. */
typedef struct sasl_utils {
    int version;          /**< the version of this structure */
    sasl_conn_t *conn;    /**< the connection; NULL in what the entry points get */
    sasl_rand_t *rpool;   /**< random bytes */
    void *getopt_context; /**< the context for getopt */

    sasl_getopt_t *getopt; /**< looks an option up: callbacks first, then the configuration file */

    int (*getprop)(sasl_conn_t *conn, int propnum, void **pvalue); /**< ::sasl_getprop */

    sasl_malloc_t *malloc;   /**< as ::sasl_set_alloc named it */
    sasl_calloc_t *calloc;   /**< likewise */
    sasl_realloc_t *realloc; /**< likewise */
    sasl_free_t *free;       /**< likewise */

    sasl_mutex_new_t *mutex_new;         /**< as ::sasl_set_mutex named it */
    sasl_mutex_lock_t *mutex_lock;       /**< likewise */
    sasl_mutex_unlock_t *mutex_unlock;   /**< likewise */
    sasl_mutex_dispose_t *mutex_dispose; /**< likewise */

    void (*MD5Init)(MD5_CTX *ctx);                                                /**< starts a digest */
    void (*MD5Update)(MD5_CTX *ctx, const unsigned char *in, unsigned int inlen); /**< digests more input */
    void (*MD5Final)(unsigned char digest[16], MD5_CTX *ctx);                     /**< ends a digest and wipes it */
    /** Computes an HMAC in one go. */
    void (*hmac_md5)(const unsigned char *text, int text_len, const unsigned char *key, int key_len,
                     unsigned char digest[HMAC_MD5_SIZE]);
    void (*hmac_md5_init)(HMAC_MD5_CTX *hmac, const unsigned char *key, int key_len);      /**< starts an HMAC */
    void (*hmac_md5_final)(unsigned char digest[HMAC_MD5_SIZE], HMAC_MD5_CTX *hmac);       /**< ends and wipes one */
    void (*hmac_md5_precalc)(HMAC_MD5_STATE *hmac, const unsigned char *key, int key_len); /**< makes a state */
    void (*hmac_md5_import)(HMAC_MD5_CTX *hmac, HMAC_MD5_STATE *state);                    /**< starts from a state */

    int (*mkchal)(sasl_conn_t *conn, char *buf, unsigned maxlen, int hostflag); /**< ::sasl_mkchal */
    int (*utf8verify)(const char *str, unsigned len);                           /**< ::sasl_utf8verify */
    void (*rand)(sasl_rand_t *rpool, char *buf, unsigned len);                  /**< ::sasl_rand */
    void (*churn)(sasl_rand_t *rpool, const char *data, unsigned len);          /**< ::sasl_churn */

    /** ::sasl_checkpass; NULL on the client side */
    int (*checkpass)(sasl_conn_t *conn, const char *user, unsigned userlen, const char *pass, unsigned passlen,
                     const char **errstr);
    sasl_getcallback_t *getcallback; /**< finds a callback */

    /** Writes a line to the log. priority: a SASL_LOG_ number; plugin_name: may be NULL; saslerr: what %z of the format
     *  stands for; errnum: what %m stands for. */
    void (*log)(sasl_conn_t *conn, int priority, const char *plugin_name, int saslerr, int errnum, const char *format,
                ...);
} sasl_utils_t;

/** Credentials that a client handed over. Opaque; belongs to its mechanism. */
typedef struct sasl_credentials sasl_credentials_t;

/** What a mechanism reports once it has authenticated. The strings and contexts are freed by the library. */
typedef struct sasl_out_params {
    int doneflag;         /**< not 0: the exchange is complete */
    sasl_ssf_t mech_ssf;  /**< the strength of the layer; 0: there is none */
    unsigned maxoutbuf;   /**< the most bytes of text that fit one packet of the peer */
    void *encode_context; /**< what encode and getmic are called with */
    /** Protects bytes. *output: allocated, for the caller to free. Returns a result code. */
    int (*encode)(void *context, const char *input, unsigned inputlen, char **output, unsigned *outputlen);
    /** Makes an integrity check. Never called; optional. */
    int (*getmic)(void *context, const char *input, unsigned inputlen, char **output, unsigned *outputlen);
    void *decode_context; /**< what decode and verifymic are called with */
    /** Opens what was received, maybe part of a packet. *output: allocated, for the caller to free; NULL: read on. */
    int (*decode)(void *context, const char *input, unsigned inputlen, char **output, unsigned *outputlen);
    /** Checks an integrity check. Never called; optional. */
    int (*verifymic)(void *context, const char *input, unsigned inputlen, char **output, unsigned *outputlen);
    char *user;                      /**< the identity to act as */
    char *authid;                    /**< the identity that is authenticated */
    char *realm;                     /**< its realm */
    int param_version;               /**< the version of this structure */
    sasl_credentials_t *credentials; /**< what the client handed over; NULL: nothing */
} sasl_out_params_t;

/*
 * Client mechanisms.
 */
/** What the library tells a client mechanism. */
typedef struct sasl_client_params {
    const char *service;              /**< the service, as in ::sasl_client_new */
    const char *pass;                 /**< reserved */
    const char *serverFQDN;           /**< the server's host; may be NULL */
    const char *clientFQDN;           /**< this host */
    sasl_utils_t *utils;              /**< what the library does for the mechanism */
    sasl_secret_t *secret;            /**< the secret of ::sasl_client_start; may be NULL */
    sasl_security_properties_t props; /**< what is asked for */
    sasl_ssf_t external_ssf;          /**< the strength of what is underneath */
    int param_version;                /**< the version of this structure */
} sasl_client_params_t;

/** A client mechanism. */
typedef struct sasl_client_plug {
    const char *mech_name; /**< its registered name, in capitals */
    sasl_ssf_t max_ssf;    /**< the strongest layer that it has */
    int security_flags;    /**< the SASL_SEC_ flags that it meets */
    /** The SASL_CB_ numbers without which it cannot work, ended by 0; NULL: AUTHNAME and PASS. */
    const long *required_prompts;
    void *glob_context; /**< handed to its functions */
    /** Starts an authentication. *context receives its state. Returns a result code. */
    int (*mech_new)(void *glob_context, sasl_client_params_t *params, void **context);
    /** Takes a message of the server (NULL at first) and makes the next one, for the caller to free. Returns
     *  SASL_CONTINUE, SASL_OK, SASL_INTERACT or an error. */
    int (*mech_step)(void *context, sasl_client_params_t *params, const char *serverin, int serverinlen,
                     sasl_interact_t **prompt_need, char **clientout, int *clientoutlen, sasl_out_params_t *oparams);
    void (*mech_dispose)(void *context, sasl_utils_t *utils);   /**< ends an authentication */
    void (*mech_free)(void *glob_context, sasl_utils_t *utils); /**< ends the mechanism; optional */
    /** Logs in for several connections. Never called; optional. */
    int (*auth_create)(void *glob_context, sasl_client_params_t *params, const char *user, const char *authid,
                       sasl_interact_t **prompts, sasl_secret_t **secret);
    /** Uses a quiet moment; context may be NULL. Returns 1 if there may be more to do. Optional. */
    int (*idle)(void *glob_context, void *context, sasl_client_params_t *params);
} sasl_client_plug_t;

/** The version of ::sasl_client_plug_t, which an entry point reports. */
#define SASL_CLIENT_PLUG_VERSION 3

/** The entry point of client mechanisms, "sasl_client_plug_init". utils: the library's functions; max_version: the
 *  newest version that the library knows; *out_version: the plugin's; *pluglist, *plugcount: its mechanisms. Returns
 *  SASL_OK or an error that drops the plugin. */
typedef int sasl_client_plug_init_t(sasl_utils_t *utils, int max_version, int *out_version,
                                    const sasl_client_plug_t **pluglist, int *plugcount);

/*
 * Server mechanisms.
 */
/** What the library tells a server mechanism. */
typedef struct sasl_server_params {
    const char *service;              /**< the service, as in ::sasl_server_new */
    const char *appname;              /**< the program, as in ::sasl_server_init */
    const char *serverFQDN;           /**< this host */
    const char *user_realm;           /**< the realm of the users; may be NULL, see ::sasl_server_new */
    sasl_utils_t *utils;              /**< what the library does for the mechanism */
    sasl_security_properties_t props; /**< what is asked for */
    sasl_ssf_t external_ssf;          /**< the strength of what is underneath */
    /** Makes the user known to all mechanisms, after a plaintext password proved right; NULL: not wanted. */
    int (*transition)(sasl_conn_t *conn, const char *pass, int passlen);
    const void *retain_users; /**< reserved */
    int param_version;        /**< the version of this structure */
} sasl_server_params_t;

/** For the flags of setpass in ::sasl_server_plug_t, with a password that is NULL: remove the user. */
#define SASL_SET_REMOVE SASL_SET_CREATE

/** A server mechanism. */
typedef struct sasl_server_plug {
    const char *mech_name; /**< its registered name, in capitals */
    sasl_ssf_t max_ssf;    /**< the strongest layer that it has */
    int security_flags;    /**< the SASL_SEC_ flags that it meets */
    void *glob_context;    /**< handed to its functions */
    /** Starts an authentication. challenge, challen: NULL and 0; *context receives its state. Returns a result code. */
    int (*mech_new)(void *glob_context, sasl_server_params_t *params, const char *challenge, int challen,
                    void **context, const char **errstr);
    /** Takes a message of the client and makes the next challenge, for the caller to free. Returns SASL_CONTINUE,
     *  SASL_OK or an error. */
    int (*mech_step)(void *context, sasl_server_params_t *params, const char *clientin, int clientinlen,
                     char **serverout, int *serveroutlen, sasl_out_params_t *oparams, const char **errstr);
    void (*mech_dispose)(void *context, sasl_utils_t *utils);   /**< ends an authentication */
    void (*mech_free)(void *glob_context, sasl_utils_t *utils); /**< ends the mechanism; optional */
    /** Stores what the mechanism needs of a password. The parameters are those of ::sasl_setpass. Optional. */
    int (*setpass)(void *glob_context, sasl_server_params_t *params, const char *user, const char *pass,
                   unsigned passlen, int flags, const char **errstr);
    /** Tells the realms of a user. Optional. */
    int (*user_query)(void *glob_context, sasl_server_params_t *params, const char *user, int maxrealm,
                      char **realms);
    /** Uses a quiet moment; context may be NULL. Returns 1 if there may be more to do. Optional. */
    int (*idle)(void *glob_context, void *context, sasl_server_params_t *params);
    int (*install_credentials)(sasl_conn_t *conn, sasl_credentials_t *credentials);   /**< acts with them; optional */
    int (*uninstall_credentials)(sasl_conn_t *conn, sasl_credentials_t *credentials); /**< undoes that; optional */
    int (*dispose_credentials)(sasl_conn_t *conn, sasl_credentials_t *credentials);   /**< frees them; optional */
} sasl_server_plug_t;

/** The version of ::sasl_server_plug_t, which an entry point reports. */
#define SASL_SERVER_PLUG_VERSION 3

/** The entry point of server mechanisms, "sasl_server_plug_init"; the parameters are those of
 *  ::sasl_client_plug_init_t. Returns SASL_OK; SASL_NOUSER: it has no users yet and is not offered; or an error that
 *  drops the plugin. */
typedef int sasl_server_plug_init_t(sasl_utils_t *utils, int max_version, int *out_version,
                                    const sasl_server_plug_t **pluglist, int *plugcount);

#ifdef __cplusplus
}
#endif

#endif /* SASLPLUG_H */
