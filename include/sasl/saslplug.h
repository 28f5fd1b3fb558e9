/*
 * saslplug.h: the interface between libsasl2 and its plugins: client and server mechanisms, property stores, and
 * functions that give names their canonical form. Programs need it for sasl_callback_ft, for plugins of their own
 * (sasl_auxprop_add_plugin and its like), and to list what is loaded.
 *
 * A plugin is a shared object with one entry point for each kind of part that it has: sasl_client_plug_init,
 * sasl_server_plug_init, sasl_auxprop_plug_init, sasl_canonuser_init. It reaches the library through sasl_utils_t only.
 * The tables that it hands over are kept by reference and must stay until its free function is called. Members named
 * spare_ are reserved: a plugin leaves them 0 in its tables and alone elsewhere. A function pointer may be NULL where
 * its description says "optional".
 *
 * Part of oxisasl, MIT OR Apache-2.0. The names, types and values are those of the libsasl2 interface, version 2.1.28.
 */
#ifndef SASLPLUG_H
#define SASLPLUG_H 1

#include "hmac-md5.h"
#include "md5.h"
#include "md5global.h"
#include "prop.h"
#include "sasl.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Any callback function, to be cast to the type that belongs to its SASL_CB_ number. */
typedef int (*sasl_callback_ft)(void);

/** Finds the callback for a question: the connection's, else the side's, else the library's own. conn: for whom; id: a
 *  SASL_CB_ number; *pproc: receives the function; *pcontext: receives its context. Returns SASL_OK; SASL_INTERACT: ask
 *  through sasl_interact_t; SASL_FAIL: there is none. */
typedef int sasl_getcallback_t(sasl_conn_t *conn, unsigned long id, sasl_callback_ft *pproc, void **pcontext);

/** The version of ::sasl_utils_t. */
#define SASL_UTILS_VERSION 4

/** What the library does for a plugin. The functions without a description are those of the same name in sasl.h,
 *  saslutil.h, prop.h, md5.h and hmac-md5.h. None is NULL except checkpass on the client side and the spares. */
typedef struct sasl_utils {
    int version;          /**< ::SASL_UTILS_VERSION */
    sasl_conn_t *conn;    /**< the connection; NULL in what the entry points get */
    sasl_rand_t *rpool;   /**< random bytes for this connection */
    void *getopt_context; /**< the context for getopt */

    sasl_getopt_t *getopt; /**< looks an option up: callbacks first, then the configuration file */

    sasl_malloc_t *malloc;   /**< as ::sasl_set_alloc named it; for what passes to the library */
    sasl_calloc_t *calloc;   /**< likewise */
    sasl_realloc_t *realloc; /**< likewise */
    sasl_free_t *free;       /**< likewise */

    sasl_mutex_alloc_t *mutex_alloc;   /**< as ::sasl_set_mutex named it */
    sasl_mutex_lock_t *mutex_lock;     /**< likewise */
    sasl_mutex_unlock_t *mutex_unlock; /**< likewise */
    sasl_mutex_free_t *mutex_free;     /**< likewise */

    void (*MD5Init)(MD5_CTX *ctx);                                                      /**< ::_sasl_MD5Init */
    void (*MD5Update)(MD5_CTX *ctx, const unsigned char *in, unsigned int inlen);       /**< ::_sasl_MD5Update */
    void (*MD5Final)(unsigned char digest[16], MD5_CTX *ctx);                           /**< ::_sasl_MD5Final */
    /** ::_sasl_hmac_md5 */
    void (*hmac_md5)(const unsigned char *text, int text_len, const unsigned char *key, int key_len,
                     unsigned char digest[HMAC_MD5_SIZE]);
    void (*hmac_md5_init)(HMAC_MD5_CTX *hmac, const unsigned char *key, int key_len);   /**< ::_sasl_hmac_md5_init */
    void (*hmac_md5_final)(unsigned char digest[HMAC_MD5_SIZE], HMAC_MD5_CTX *hmac);    /**< ::_sasl_hmac_md5_final */
    void (*hmac_md5_precalc)(HMAC_MD5_STATE *hmac, const unsigned char *key, int key_len); /**< makes a state */
    void (*hmac_md5_import)(HMAC_MD5_CTX *hmac, HMAC_MD5_STATE *state);                 /**< starts from a state */

    int (*mkchal)(sasl_conn_t *conn, char *buf, unsigned maxlen, unsigned hostflag); /**< ::sasl_mkchal */
    int (*utf8verify)(const char *str, unsigned len);                                /**< ::sasl_utf8verify */
    void (*rand)(sasl_rand_t *rpool, char *buf, unsigned len);                       /**< ::sasl_rand */
    void (*churn)(sasl_rand_t *rpool, const char *data, unsigned len);               /**< ::sasl_churn */

    /** ::sasl_checkpass; NULL on the client side */
    int (*checkpass)(sasl_conn_t *conn, const char *user, unsigned userlen, const char *pass, unsigned passlen);

    int (*decode64)(const char *in, unsigned inlen, char *out, unsigned outmax, unsigned *outlen); /**< from base64 */
    int (*encode64)(const char *in, unsigned inlen, char *out, unsigned outmax, unsigned *outlen); /**< to base64 */
    void (*erasebuffer)(char *mem, unsigned len); /**< ::sasl_erasebuffer */

    int (*getprop)(sasl_conn_t *conn, int propnum, const void **pvalue); /**< ::sasl_getprop */
    int (*setprop)(sasl_conn_t *conn, int propnum, const void *value);   /**< ::sasl_setprop */
    sasl_getcallback_t *getcallback;                                     /**< finds a callback */

    /** Writes a line to the log. level: a SASL_LOG_ number; fmt: as in ::sasl_seterror, and %u, %o, %x, %X. */
    void (*log)(sasl_conn_t *conn, int level, const char *fmt, ...);
    void (*seterror)(sasl_conn_t *conn, unsigned flags, const char *fmt, ...); /**< ::sasl_seterror */

    int *(*spare_fptr)(void); /**< reserved */

    struct propctx *(*prop_new)(unsigned estimate);                                           /**< ::prop_new */
    int (*prop_dup)(struct propctx *src, struct propctx **dst);                               /**< ::prop_dup */
    int (*prop_request)(struct propctx *ctx, const char **names);                             /**< ::prop_request */
    const struct propval *(*prop_get)(struct propctx *ctx);                                   /**< ::prop_get */
    int (*prop_getnames)(struct propctx *ctx, const char **names, struct propval *vals);      /**< ::prop_getnames */
    void (*prop_clear)(struct propctx *ctx, int requests);                                    /**< ::prop_clear */
    void (*prop_dispose)(struct propctx **ctx);                                               /**< ::prop_dispose */
    /** ::prop_format */
    int (*prop_format)(struct propctx *ctx, const char *sep, int seplen, char *outbuf, unsigned outmax,
                       unsigned *outlen);
    int (*prop_set)(struct propctx *ctx, const char *name, const char *value, int vallen);    /**< ::prop_set */
    int (*prop_setvals)(struct propctx *ctx, const char *name, const char **values);          /**< ::prop_setvals */
    void (*prop_erase)(struct propctx *ctx, const char *name);                                /**< ::prop_erase */
    int (*auxprop_store)(sasl_conn_t *conn, struct propctx *ctx, const char *user);           /**< stores properties */

    int (*spare_fptr1)(void); /**< reserved */
    int (*spare_fptr2)(void); /**< reserved */
} sasl_utils_t;

/** What a mechanism reports once, or while, it authenticates. It belongs to the library; pointers that a mechanism puts
 *  in stay the mechanism's, and must last until its dispose function is called. */
typedef struct sasl_out_params {
    unsigned doneflag; /**< not 0: the exchange is complete */

    const char *user;   /**< the canonical identity to act as; set by canon_user */
    const char *authid; /**< the canonical identity that is authenticated; set by canon_user */
    unsigned ulen;      /**< the length of user */
    unsigned alen;      /**< the length of authid */

    unsigned maxoutbuf;  /**< the most bytes of text that fit one packet of the peer */
    sasl_ssf_t mech_ssf; /**< the strength of the layer; 0: there is none, and encode and decode are not called */
    void *encode_context; /**< set it to the mechanism's context, which is what encode is called with */
    /** Protects the bytes of n buffers. *output stays the mechanism's, until the next call. Returns a result code. */
    int (*encode)(void *context, const struct iovec *invec, unsigned numiov, const char **output, unsigned *outputlen);
    void *decode_context; /**< set it to the mechanism's context, which is what decode is called with */
    /** Opens what was received, maybe part of a packet. *output stays the mechanism's, until the next call. */
    int (*decode)(void *context, const char *input, unsigned inputlen, const char **output, unsigned *outputlen);

    void *client_creds;        /**< credentials that the client handed over: ::SASL_DELEGATEDCREDS */
    const void *gss_peer_name;  /**< ::SASL_GSS_PEER_NAME */
    const void *gss_local_name; /**< ::SASL_GSS_LOCAL_NAME */
    const char *cbindingname;  /**< the type of the channel binding that the client used */
    int (*spare_fptr1)(void);  /**< reserved */
    int (*spare_fptr2)(void);  /**< reserved */
    unsigned cbindingdisp;     /**< a ::sasl_cbinding_disp_t: what the client did about channel binding */
    int spare_int2;            /**< reserved */
    int spare_int3;            /**< reserved */
    int spare_int4;            /**< reserved */
    int param_version;         /**< set to the version of the plugin interface */
} sasl_out_params_t;

/** Which call of an information callback this is. */
typedef enum {
    SASL_INFO_LIST_START = 0, /**< the first; there is no entry */
    SASL_INFO_LIST_MECH,      /**< one for each entry */
    SASL_INFO_LIST_END        /**< the last; there is no entry */
} sasl_info_callback_stage_t;

/** What a client does about channel binding (RFC 5801, section 5). */
typedef enum {
    SASL_CB_DISP_NONE = 0, /**< "n": it cannot */
    SASL_CB_DISP_WANT,     /**< "y": it can, and believes that the server cannot */
    SASL_CB_DISP_USED      /**< "p": it does */
} sasl_cbinding_disp_t;

/** Whether client or server parameters come with a channel binding. */
#define SASL_CB_PRESENT(params) ((params)->cbinding != NULL)
/** Whether they come with one that the peer has to use. */
#define SASL_CB_CRITICAL(params) (SASL_CB_PRESENT(params) && (params)->cbinding->critical)

/* Features of mechanisms. */
#define SASL_FEAT_NEEDSERVERFQDN 0x0001     /**< client: needs the name of the server's host */
#define SASL_FEAT_WANT_CLIENT_FIRST 0x0002  /**< the client speaks first */
#define SASL_FEAT_SERVER_FIRST 0x0010       /**< the server speaks first */
#define SASL_FEAT_ALLOWS_PROXY 0x0020       /**< can act for another user */
#define SASL_FEAT_DONTUSE_USERPASSWD 0x0080 /**< server: does not check a password of the user */
#define SASL_FEAT_GSS_FRAMING 0x0100        /**< a GS2 mechanism (RFC 5801) */
#define SASL_FEAT_SERVICE 0x0200            /**< wants the name of the service */
#define SASL_FEAT_GETSECRET 0x0400          /**< server: wants a facility that no longer exists; never offered */
#define SASL_FEAT_CHANNEL_BINDING 0x0800    /**< can bind to a channel */
#define SASL_FEAT_SUPPORTS_HTTP 0x1000      /**< works over HTTP */

/*
 * Client mechanisms.
 */
/** What the library tells a client mechanism. It belongs to the library, and lasts as long as the connection. */
typedef struct sasl_client_params {
    const char *service;    /**< the service, as in ::sasl_client_new */
    const char *serverFQDN; /**< the server's host; may be NULL */
    const char *clientFQDN; /**< this host */
    const sasl_utils_t *utils; /**< what the library does for the mechanism */
    const sasl_callback_t *prompt_supp; /**< the connection's callbacks; may be NULL */
    const char *iplocalport;  /**< our address and port; may be NULL */
    const char *ipremoteport; /**< the peer's; may be NULL */

    unsigned servicelen; /**< the length of service */
    unsigned slen;       /**< the length of serverFQDN */
    unsigned clen;       /**< the length of clientFQDN */
    unsigned iploclen;   /**< the length of iplocalport */
    unsigned ipremlen;   /**< the length of ipremoteport */

    sasl_security_properties_t props; /**< what is asked for */
    sasl_ssf_t external_ssf;          /**< the strength of what is underneath */

    const void *gss_creds;                   /**< ::SASL_GSS_CREDS; may be NULL */
    const sasl_channel_binding_t *cbinding;  /**< ::SASL_CHANNEL_BINDING; may be NULL */
    const sasl_http_request_t *http_request; /**< ::SASL_HTTP_REQUEST; may be NULL */
    void *spare_ptr4;                        /**< reserved */

    /** Sets user, authid or both of oparams. in, len: the name, len 0: it ends at its NUL; flags: SASL_CU_ flags.
     *  Returns a result code. */
    int (*canon_user)(sasl_conn_t *conn, const char *in, unsigned len, unsigned flags, sasl_out_params_t *oparams);
    int (*spare_fptr1)(void); /**< reserved */

    unsigned cbindingdisp; /**< a ::sasl_cbinding_disp_t: what to do about channel binding */
    int log_level;         /**< the option log_level */
    int spare_int3;        /**< reserved */
    unsigned flags;        /**< the flags of ::sasl_client_new */
    int param_version;     /**< the version of this interface */
} sasl_client_params_t;

/** A client mechanism. */
typedef struct sasl_client_plug {
    const char *mech_name;   /**< its registered name, in capitals */
    sasl_ssf_t max_ssf;      /**< the strongest layer that it has */
    unsigned security_flags; /**< the SASL_SEC_ flags that it meets, and ::SASL_SET_HASH_STRENGTH_BITS */
    unsigned features;       /**< SASL_FEAT_ flags */
    /** The SASL_CB_ numbers without which it cannot work, ended by 0; NULL: AUTHNAME and PASS. */
    const unsigned long *required_prompts;
    void *glob_context; /**< handed to its functions */

    /** Starts an authentication. *context receives its state. Returns a result code. */
    int (*mech_new)(void *glob_context, sasl_client_params_t *cparams, void **context);
    /** Takes a message of the server (NULL at first) and makes the next one, which stays the mechanism's until the next
     *  call. *prompt_need: questions, allocated with utils and freed by the next call. Returns SASL_CONTINUE, SASL_OK,
     *  SASL_INTERACT or an error. */
    int (*mech_step)(void *context, sasl_client_params_t *cparams, const char *serverin, unsigned serverinlen,
                     sasl_interact_t **prompt_need, const char **clientout, unsigned *clientoutlen,
                     sasl_out_params_t *oparams);
    void (*mech_dispose)(void *context, const sasl_utils_t *utils);    /**< ends an authentication */
    void (*mech_free)(void *glob_context, const sasl_utils_t *utils);  /**< ends the mechanism; optional */
    /** Uses a quiet moment; context may be NULL. Returns 1 if there may be more to do. Optional. */
    int (*idle)(void *glob_context, void *context, sasl_client_params_t *cparams);

    int (*spare_fptr1)(void); /**< reserved */
    int (*spare_fptr2)(void); /**< reserved */
} sasl_client_plug_t;

/** The version of ::sasl_client_plug_t, which an entry point reports. */
#define SASL_CLIENT_PLUG_VERSION 4

/** The entry point of client mechanisms. utils: the library's functions, kept by reference; max_version: the newest
 *  version that the library knows; *out_version: the plugin's; *pluglist, *plugcount: its mechanisms. Returns SASL_OK
 *  or an error that drops the plugin. */
typedef int sasl_client_plug_init_t(const sasl_utils_t *utils, int max_version, int *out_version,
                                    sasl_client_plug_t **pluglist, int *plugcount);

/** Adds client mechanisms that the program itself has.
 *  @param plugname a name for the log; NULL is SASL_BADPARAM
 *  @param entry_point called at once; NULL is SASL_BADPARAM
 *  @returns SASL_OK, SASL_BADPARAM, SASL_BADVERS, SASL_NOMEM, or what entry_point returned */
LIBSASL_API int sasl_client_add_plugin(const char *plugname, sasl_client_plug_init_t *entry_point);

/** A client mechanism as ::sasl_client_plugin_info shows it. */
typedef struct client_sasl_mechanism {
    int version;                    /**< the version that its plugin reported */
    char *plugname;                 /**< the name of its plugin */
    const sasl_client_plug_t *plug; /**< the mechanism */
} client_sasl_mechanism_t;

/** Is shown one client mechanism. mech: valid during the call, NULL at start and end; stage: which call this is; rock:
 *  what ::sasl_client_plugin_info was given. */
typedef void sasl_client_info_callback_t(client_sasl_mechanism_t *mech, sasl_info_callback_stage_t stage, void *rock);

/** Shows the client mechanisms that are there.
 *  @param mech_list names with blanks between them; NULL for all
 *  @param info_cb called for each; NULL: write them to standard output
 *  @param info_cb_rock handed to info_cb
 *  @returns SASL_OK, SASL_NOTINIT or SASL_NOMEM */
LIBSASL_API int sasl_client_plugin_info(const char *mech_list, sasl_client_info_callback_t *info_cb,
                                        void *info_cb_rock);

/*
 * Server mechanisms.
 */
/** A function that writes to the log, as the member log of ::sasl_utils_t. */
typedef void sasl_logmsg_p(sasl_conn_t *conn, const char *fmt, ...);

/** What the library tells a server mechanism. It belongs to the library, and lasts as long as the connection. */
typedef struct sasl_server_params {
    const char *service;      /**< the service, as in ::sasl_server_new */
    const char *appname;      /**< the program, as in ::sasl_server_init; may be NULL */
    const char *serverFQDN;   /**< this host */
    const char *user_realm;   /**< the realm of names without one; may be NULL */
    const char *iplocalport;  /**< our address and port; may be NULL */
    const char *ipremoteport; /**< the peer's; may be NULL */

    unsigned servicelen; /**< the length of service */
    unsigned applen;     /**< the length of appname */
    unsigned slen;       /**< the length of serverFQDN */
    unsigned urlen;      /**< the length of user_realm */
    unsigned iploclen;   /**< the length of iplocalport */
    unsigned ipremlen;   /**< the length of ipremoteport */

    int log_level; /**< the option log_level */

    const sasl_utils_t *utils;        /**< what the library does for the mechanism */
    const sasl_callback_t *callbacks; /**< the connection's callbacks; may be NULL */

    sasl_security_properties_t props; /**< what is asked for */
    sasl_ssf_t external_ssf;          /**< the strength of what is underneath */

    /** Makes the user known to all mechanisms, after a plaintext password proved right; NULL: not wanted. pass,
     *  passlen: the password. Returns a result code. */
    int (*transition)(sasl_conn_t *conn, const char *pass, unsigned passlen);
    /** Sets user, authid or both of oparams, and looks their properties up. in, len: the name, len 0: it ends at its
     *  NUL; flags: SASL_CU_ flags. Returns a result code. */
    int (*canon_user)(sasl_conn_t *conn, const char *in, unsigned len, unsigned flags, sasl_out_params_t *oparams);

    struct propctx *propctx; /**< the properties of the connection */

    const void *gss_creds;                   /**< ::SASL_GSS_CREDS; may be NULL */
    const sasl_channel_binding_t *cbinding;  /**< ::SASL_CHANNEL_BINDING; may be NULL */
    const sasl_http_request_t *http_request; /**< ::SASL_HTTP_REQUEST; may be NULL */
    void *spare_ptr4;                        /**< reserved */
    int (*spare_fptr1)(void);                /**< reserved */
    int (*spare_fptr2)(void);                /**< reserved */
    int spare_int1;                          /**< reserved */
    int spare_int2;                          /**< reserved */
    int spare_int3;                          /**< reserved */
    unsigned flags;                          /**< the flags of ::sasl_server_new */
    int param_version;                       /**< the version of this interface */
} sasl_server_params_t;

/** For the flags of setpass in ::sasl_server_plug_t: remove the user. */
#define SASL_SET_REMOVE SASL_SET_CREATE

/** A server mechanism. */
typedef struct sasl_server_plug {
    const char *mech_name;   /**< its registered name, in capitals */
    sasl_ssf_t max_ssf;      /**< the strongest layer that it has */
    unsigned security_flags; /**< the SASL_SEC_ flags that it meets, and ::SASL_SET_HASH_STRENGTH_BITS */
    unsigned features;       /**< SASL_FEAT_ flags */
    void *glob_context;      /**< handed to its functions */

    /** Starts an authentication. challenge, challen: NULL and 0; *context receives its state. Returns a result code. */
    int (*mech_new)(void *glob_context, sasl_server_params_t *sparams, const char *challenge, unsigned challen,
                    void **context);
    /** Takes a message of the client and makes the next challenge, which stays the mechanism's until the next call.
     *  Returns SASL_CONTINUE, SASL_OK or an error. */
    int (*mech_step)(void *context, sasl_server_params_t *sparams, const char *clientin, unsigned clientinlen,
                     const char **serverout, unsigned *serveroutlen, sasl_out_params_t *oparams);
    void (*mech_dispose)(void *context, const sasl_utils_t *utils);   /**< ends an authentication */
    void (*mech_free)(void *glob_context, const sasl_utils_t *utils); /**< ends the mechanism; optional */
    /** Stores what the mechanism needs of a password. The parameters are those of ::sasl_setpass. Optional. */
    int (*setpass)(void *glob_context, sasl_server_params_t *sparams, const char *user, const char *pass,
                   unsigned passlen, const char *oldpass, unsigned oldpasslen, unsigned flags);
    /** Never called; optional. */
    int (*user_query)(void *glob_context, sasl_server_params_t *sparams, const char *user, int maxrealm,
                      const char **realms);
    /** Uses a quiet moment; context may be NULL. Returns 1 if there may be more to do. Optional. */
    int (*idle)(void *glob_context, void *context, sasl_server_params_t *sparams);
    /** Tells whether the mechanism can be offered to this connection; *context may receive its state early. Returns
     *  SASL_OK; SASL_NOTDONE: not now; SASL_NOMECH: not on this connection. Optional. */
    int (*mech_avail)(void *glob_context, sasl_server_params_t *sparams, void **context);
    int (*spare_fptr2)(void); /**< reserved */
} sasl_server_plug_t;

/** The version of ::sasl_server_plug_t, which an entry point reports. */
#define SASL_SERVER_PLUG_VERSION 4

/** The entry point of server mechanisms; the parameters are those of ::sasl_client_plug_init_t. Returns SASL_OK;
 *  SASL_CONTINUE; SASL_NOUSER: it has no users and cannot be offered; or an error that drops the plugin. */
typedef int sasl_server_plug_init_t(const sasl_utils_t *utils, int max_version, int *out_version,
                                    sasl_server_plug_t **pluglist, int *plugcount);

/** Adds server mechanisms that the program itself has.
 *  @param plugname a name for the log; NULL is SASL_BADPARAM
 *  @param entry_point called at once; NULL is SASL_BADPARAM
 *  @returns SASL_OK, SASL_BADPARAM, SASL_BADVERS, SASL_NOMEM, or what entry_point returned */
LIBSASL_API int sasl_server_add_plugin(const char *plugname, sasl_server_plug_init_t *entry_point);

/** A server mechanism as ::sasl_server_plugin_info shows it. */
typedef struct server_sasl_mechanism {
    int version;                    /**< the version that its plugin reported */
    int condition;                  /**< SASL_OK: ready; SASL_CONTINUE: loaded when needed; SASL_NOUSER: no users */
    char *plugname;                 /**< the name of its plugin */
    const sasl_server_plug_t *plug; /**< the mechanism */
    char *f;                        /**< the file to load it from; NULL when that is done */
} server_sasl_mechanism_t;

/** Is shown one server mechanism. mech: valid during the call, NULL at start and end; stage: which call this is; rock:
 *  what ::sasl_server_plugin_info was given. */
typedef void sasl_server_info_callback_t(server_sasl_mechanism_t *mech, sasl_info_callback_stage_t stage, void *rock);

/** Shows the server mechanisms that are there.
 *  @param mech_list names with blanks between them; NULL for all
 *  @param info_cb called for each; NULL: write them to standard output
 *  @param info_cb_rock handed to info_cb
 *  @returns SASL_OK, SASL_NOTINIT or SASL_NOMEM */
LIBSASL_API int sasl_server_plugin_info(const char *mech_list, sasl_server_info_callback_t *info_cb,
                                        void *info_cb_rock);

/*
 * Canonical names.
 */
/** A way to give names their canonical form; the option canon_user_plugin chooses one. */
typedef struct sasl_canonuser {
    int features;       /**< 0 */
    int spare_int1;     /**< reserved */
    void *glob_context; /**< handed to its functions */
    char *name;         /**< its name; may be NULL */

    void (*canon_user_free)(void *glob_context, const sasl_utils_t *utils); /**< ends the plugin; optional */
    /** On a server. user, len: the name; flags: SASL_CU_ flags; out: receives the result, at most out_max bytes and a
     *  NUL; *out_len: its length. Returns a result code. Optional if there is one for clients. */
    int (*canon_user_server)(void *glob_context, sasl_server_params_t *sparams, const char *user, unsigned len,
                             unsigned flags, char *out, unsigned out_max, unsigned *out_len);
    /** On a client, likewise. Optional if there is one for servers. */
    int (*canon_user_client)(void *glob_context, sasl_client_params_t *cparams, const char *user, unsigned len,
                             unsigned flags, char *out, unsigned out_max, unsigned *out_len);

    int (*spare_fptr1)(void); /**< reserved */
    int (*spare_fptr2)(void); /**< reserved */
    int (*spare_fptr3)(void); /**< reserved */
} sasl_canonuser_plug_t;

/** The version of ::sasl_canonuser_plug_t, which an entry point reports. */
#define SASL_CANONUSER_PLUG_VERSION 5

/** The entry point of such a plugin. utils, max_version, *out_version: as in ::sasl_client_plug_init_t; *plug: receives
 *  the table; plugname: the name of the plugin. Returns SASL_OK or an error that drops it. */
typedef int sasl_canonuser_init_t(const sasl_utils_t *utils, int max_version, int *out_version,
                                  sasl_canonuser_plug_t **plug, const char *plugname);

/** Adds such a plugin that the program itself has.
 *  @param plugname its name, for the option canon_user_plugin; NULL is SASL_BADPARAM
 *  @param canonuserfunc called at once; NULL is SASL_BADPARAM
 *  @returns SASL_OK, SASL_BADPARAM, SASL_BADPROT: it has no function; SASL_NOMEM, or what canonuserfunc returned */
LIBSASL_API int sasl_canonuser_add_plugin(const char *plugname, sasl_canonuser_init_t *canonuserfunc);

/*
 * Property stores.
 */
#define SASL_AUXPROP_OVERRIDE 0x01            /**< replace values that are already there */
#define SASL_AUXPROP_AUTHZID 0x02             /**< look up the user to act as, else the one that is authenticated */
#define SASL_AUXPROP_VERIFY_AGAINST_HASH 0x10 /**< a hashed password is enough */

/** A property store; the option auxprop_plugin chooses some. */
typedef struct sasl_auxprop_plug {
    int features;       /**< 0 */
    int spare_int1;     /**< reserved */
    void *glob_context; /**< handed to its functions */

    void (*auxprop_free)(void *glob_context, const sasl_utils_t *utils); /**< ends the store; optional */
    /** Looks a user up, and sets what it finds of the properties that sparams->propctx asks for. flags: SASL_AUXPROP_
     *  flags; user, ulen: the canonical name. Returns SASL_OK, SASL_NOUSER or another code. */
    int (*auxprop_lookup)(void *glob_context, sasl_server_params_t *sparams, unsigned flags, const char *user,
                          unsigned ulen);
    char *name; /**< its name, for the option */
    /** Stores properties. ctx: them, NULL: only tell whether storing is possible; user, ulen: whose. Returns a result
     *  code. Optional. */
    int (*auxprop_store)(void *glob_context, sasl_server_params_t *sparams, struct propctx *ctx, const char *user,
                         unsigned ulen);
} sasl_auxprop_plug_t;

/** The version of ::sasl_auxprop_plug_t, which an entry point reports. */
#define SASL_AUXPROP_PLUG_VERSION 8

/** The entry point of a store. utils, max_version, *out_version: as in ::sasl_client_plug_init_t; *plug: receives the
 *  table; plugname: the name of the plugin. Returns SASL_OK or an error that drops it. */
typedef int sasl_auxprop_init_t(const sasl_utils_t *utils, int max_version, int *out_version,
                                sasl_auxprop_plug_t **plug, const char *plugname);

/** Adds a store that the program itself has.
 *  @param plugname its name for the log; NULL is SASL_BADPARAM
 *  @param auxpropfunc called at once; NULL is SASL_BADPARAM
 *  @returns SASL_OK, SASL_BADPARAM, SASL_BADVERS, SASL_BADPROT: it cannot look up; SASL_NOMEM, or what auxpropfunc
 *           returned */
LIBSASL_API int sasl_auxprop_add_plugin(const char *plugname, sasl_auxprop_init_t *auxpropfunc);

/** Is shown one store. store: valid during the call, NULL at start and end; stage: which call this is; rock: what
 *  ::auxprop_plugin_info was given. */
typedef void auxprop_info_callback_t(sasl_auxprop_plug_t *store, sasl_info_callback_stage_t stage, void *rock);

/** Shows the stores that are there.
 *  @param mech_list their names with blanks between them; NULL for all
 *  @param info_cb called for each; NULL: write them to standard output
 *  @param info_cb_rock handed to info_cb
 *  @returns SASL_OK, SASL_NOTINIT or SASL_NOMEM */
LIBSASL_API int auxprop_plugin_info(const char *mech_list, auxprop_info_callback_t *info_cb, void *info_cb_rock);

#ifdef __cplusplus
}
#endif

#endif /* SASLPLUG_H */
