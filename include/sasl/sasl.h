/*
 * sasl.h: SASL authentication (RFC 4422) for clients and servers: the libsasl2 interface, version 2.1.28.
 *
 * A server calls sasl_server_init once, then for each connection sasl_server_new, sasl_listmech, sasl_server_start and
 * sasl_server_step until the result is no longer SASL_CONTINUE, and sasl_dispose; at its end sasl_server_done. A client
 * does the same with sasl_client_init, sasl_client_new, sasl_client_start, sasl_client_step and sasl_client_done.
 *
 * Unless an item says otherwise: strings are UTF-8 and end with NUL; lengths are in bytes and leave that NUL out; what
 * a function is given is copied or only looked at during the call; what it gives out belongs to the library, must not
 * be freed, and is valid until the same function is called again for the connection or the connection is disposed.
 * Connections are independent of each other; one connection is used by one thread at a time.
 *
 * Part of oxisasl, MIT OR Apache-2.0. The names, types and values are those of the interface; the words are our own.
 */
#ifndef SASL_H
#define SASL_H 1

#include <stddef.h>
#include <sys/types.h>

#include "prop.h"

/* Nothing follows the numbers: build scripts cut them out of these lines. */
/** The first number of the version of this interface. */
#define SASL_VERSION_MAJOR 2
/** The second number. */
#define SASL_VERSION_MINOR 1
/** The third number. */
#define SASL_VERSION_STEP 28
/** The version as one number that grows with it: 0x02011c. ::sasl_version shifts its parts otherwise. */
#define SASL_VERSION_FULL ((SASL_VERSION_MAJOR << 16) | (SASL_VERSION_MINOR << 8) | SASL_VERSION_STEP)

/** The longest name of a mechanism (RFC 4422, section 3.1). */
#define SASL_MECHNAMEMAX 20

/*
 * Result codes. Those below zero are errors; sasl_errstring has a sentence for each.
 */
#define SASL_CONTINUE 1           /**< one more message of the peer is needed */
#define SASL_OK 0                 /**< done; from the step functions: the peer is authenticated */
#define SASL_FAIL (-1)            /**< a failure that no other code describes */
#define SASL_NOMEM (-2)           /**< memory ran out */
#define SASL_BUFOVER (-3)         /**< a value is longer than the place for it */
#define SASL_NOMECH (-4)          /**< no mechanism fits, or the one asked for may not be used */
#define SASL_BADPROT (-5)         /**< the peer broke the protocol, or cancelled */
#define SASL_NOTDONE (-6)         /**< what was asked for is not known yet */
#define SASL_BADPARAM (-7)        /**< a parameter is missing or wrong */
#define SASL_TRYAGAIN (-8)        /**< a failure that may pass */
#define SASL_BADMAC (-9)          /**< a message failed its integrity check */
#define SASL_NOTINIT (-12)        /**< sasl_client_init or sasl_server_init has not been called */
#define SASL_INTERACT 2           /**< client: the user must be asked, see sasl_interact_t */
#define SASL_BADSERV (-10)        /**< client: the server did not prove that it knows the secret */
#define SASL_WRONGMECH (-11)      /**< client: the mechanism cannot do what was asked */
#define SASL_BADAUTH (-13)        /**< server: the credentials are wrong */
#define SASL_NOAUTHZ (-14)        /**< server: the credentials are right, the identity to act as is refused */
#define SASL_TOOWEAK (-15)        /**< the mechanism or its layer is weaker than the security properties ask */
#define SASL_ENCRYPT (-16)        /**< the mechanism needs encryption underneath */
#define SASL_TRANS (-17)          /**< one login with a plaintext mechanism would make this mechanism usable */
#define SASL_EXPIRED (-18)        /**< the passphrase has expired */
#define SASL_DISABLED (-19)       /**< the account is disabled */
#define SASL_NOUSER (-20)         /**< the user is unknown; tell the peer no more than SASL_BADAUTH */
#define SASL_BADVERS (-23)        /**< a plugin speaks another version of the plugin interface */
#define SASL_UNAVAIL (-24)        /**< the store or service that knows the users cannot be reached */
#define SASL_NOVERIFY (-26)       /**< the user exists, but nothing to check this mechanism against */
#define SASL_PWLOCK (-21)         /**< setting a password: it is locked */
#define SASL_NOCHANGE (-22)       /**< setting a password: nothing had to be changed */
#define SASL_WEAKPASS (-27)       /**< setting a password: too weak for the policy */
#define SASL_NOUSERPASS (-28)     /**< setting a password: users may not choose their own */
#define SASL_NEED_OLD_PASSWD (-29) /**< setting a password: the old one is needed */
#define SASL_CONSTRAINT_VIOLAT (-30) /**< storing a property: a rule of the store forbids the value */
#define SASL_BADBINDING (-32)     /**< the channel bindings of the two sides do not fit */
#define SASL_CONFIGERR (-100)     /**< the configuration file has an error */

/* Flags of sasl_client_new and sasl_server_new. */
#define SASL_SUCCESS_DATA 0x0004 /**< the protocol can carry a message of the server along with success */
#define SASL_NEED_PROXY 0x0008   /**< only mechanisms that can act for another user */
#define SASL_NEED_HTTP 0x0010    /**< only mechanisms that work over HTTP; needs ::SASL_HTTP_REQUEST */

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Basic types, and the hooks that replace memory and locks.
 */
/** One authentication, of either side. Opaque; made by ::sasl_client_new or ::sasl_server_new. */
typedef struct sasl_conn sasl_conn_t;

/** A secret and its length. It is allocated with room for len bytes of data. */
typedef struct sasl_secret {
    unsigned long len;     /**< the number of bytes in data */
    unsigned char data[1]; /**< the secret: len bytes, not ended by NUL */
} sasl_secret_t;

/** A source of random bytes, see saslutil.h. Opaque. */
typedef struct sasl_rand_s sasl_rand_t;

/** In place of malloc. */
typedef void *sasl_malloc_t(size_t);
/** In place of calloc; its memory is all zero. */
typedef void *sasl_calloc_t(size_t, size_t);
/** In place of realloc. */
typedef void *sasl_realloc_t(void *, size_t);
/** In place of free. */
typedef void sasl_free_t(void *);

/** Names the functions for memory that passes between the library and the program or a plugin. Only the first call
 *  counts, and only before the first init call; later ones do nothing. None of the four may be NULL.
 *  @param alloc in place of malloc
 *  @param zalloc in place of calloc
 *  @param resize in place of realloc
 *  @param release in place of free */
LIBSASL_API void sasl_set_alloc(sasl_malloc_t *alloc, sasl_calloc_t *zalloc, sasl_realloc_t *resize,
                                sasl_free_t *release);

/** Makes a mutex; NULL: it could not. */
typedef void *sasl_mutex_alloc_t(void);
/** Locks a mutex, waiting for it; 0: done. */
typedef int sasl_mutex_lock_t(void *);
/** Unlocks a mutex; 0: done. */
typedef int sasl_mutex_unlock_t(void *);
/** Gives a mutex back. */
typedef void sasl_mutex_free_t(void *);

/** Names the functions that lock for plugins. Call it before init. None of the four may be NULL.
 *  @param make makes a mutex
 *  @param lock locks one
 *  @param unlock unlocks one
 *  @param release gives one back */
LIBSASL_API void sasl_set_mutex(sasl_mutex_alloc_t *make, sasl_mutex_lock_t *lock, sasl_mutex_unlock_t *unlock,
                                sasl_mutex_free_t *release);

/*
 * Security properties: what a mechanism must and may offer.
 */
/** Security strength factor (RFC 4422, section 5.2): 0 none, 1 integrity, more: the bits of an encryption key. */
typedef unsigned sasl_ssf_t;

#define SASL_SEC_NOPLAINTEXT 0x0001      /**< no mechanism that shows the password to an eavesdropper */
#define SASL_SEC_NOACTIVE 0x0002         /**< none that an active attacker can take over */
#define SASL_SEC_NODICTIONARY 0x0004     /**< none that lets a listener try out passwords */
#define SASL_SEC_FORWARD_SECRECY 0x0008  /**< only those where one broken session does not help against the next */
#define SASL_SEC_NOANONYMOUS 0x0010      /**< none that lets anyone in */
#define SASL_SEC_PASS_CREDENTIALS 0x0020 /**< only those that hand the client's credentials to the server */
#define SASL_SEC_MUTUAL_AUTH 0x0040      /**< only those where the server proves itself too */
#define SASL_SEC_MAXIMUM 0xFFFF          /**< all bits that such flags may use */

/** From a mechanism's flags: the strength of its hash as ::SASL_SET_HASH_STRENGTH_BITS put it there, in bytes. */
#define SASL_GET_HASH_STRENGTH(x) ((x) >> 16)
/** For a mechanism's flags: a hash of x bits. Stronger hashes are preferred among equals. */
#define SASL_SET_HASH_STRENGTH_BITS(x) (((x) / 8) << 16)

/** What is asked of a mechanism and of its security layer; set through ::SASL_SEC_PROPS. Initially all zero, which
 *  means: any mechanism, no layer. */
typedef struct sasl_security_properties {
    sasl_ssf_t min_ssf;           /**< least strength of layer and external security together */
    sasl_ssf_t max_ssf;           /**< greatest strength wanted of the layer, external security counted in */
    unsigned maxbufsize;          /**< the longest packet of the layer that we can receive; 0: no layer at all */
    unsigned security_flags;      /**< SASL_SEC_ flags, all of which a mechanism must meet */
    const char **property_names;  /**< reserved, may be NULL; kept by reference */
    const char **property_values; /**< reserved, may be NULL; kept by reference */
} sasl_security_properties_t;

/*
 * Callbacks: questions of the library to the program. A list of them is kept by reference: one given to an init
 * function until done, one given to sasl_client_new or sasl_server_new until sasl_dispose. The connection's list is
 * looked at first, then that of the init function.
 */
/** One entry of a list that ends with ::SASL_CB_LIST_END. */
typedef struct sasl_callback {
    unsigned long id;  /**< a SASL_CB_ number: which question */
    int (*proc)(void); /**< the function, of the type that belongs to id, cast to this one. NULL: ask with
                            ::SASL_INTERACT instead; in the list of ::sasl_server_init it is an error */
    void *context;     /**< handed to the function as its context, never looked at */
} sasl_callback_t;

#define SASL_CB_LIST_END 0 /**< ends a list */

#define SASL_CB_GETOPT 1 /**< the value of an option: ::sasl_getopt_t */
/** Gives the value of an option, in place of the configuration file.
 *  context: that of the entry; plugin_name: who asks, NULL for the library; option: its name; *result: the value, kept
 *  alive by the callback; *len: its length, len may be NULL. Returns SASL_OK, or SASL_FAIL to leave it to the file. */
typedef int sasl_getopt_t(void *context, const char *plugin_name, const char *option, const char **result,
                          unsigned *len);

#define SASL_CB_LOG 2   /**< a line for the log: ::sasl_log_t; without it the lines go to syslog */
#define SASL_LOG_NONE 0 /**< log_level: log nothing */
#define SASL_LOG_ERR 1  /**< errors that need an administrator; the level when none is set */
#define SASL_LOG_FAIL 2 /**< each authentication failure */
#define SASL_LOG_WARN 3 /**< warnings */
#define SASL_LOG_NOTE 4 /**< events, such as a password set */
#define SASL_LOG_DEBUG 5 /**< for finding faults */
#define SASL_LOG_TRACE 6 /**< protocol traces */
#define SASL_LOG_PASS 7  /**< protocol traces with passwords; this library never writes any */
/** Takes a line for the log. context: that of the entry; level: a SASL_LOG_ number; message: the line. The result is
 *  ignored. */
typedef int sasl_log_t(void *context, int level, const char *message);

#define SASL_CB_GETPATH 3 /**< where plugins are: ::sasl_getpath_t */
/** Gives the directories of the plugins. context: that of the entry; *path: directories joined by ":", kept alive by
 *  the callback until done. Returns SASL_OK, or an error that makes init fail. */
typedef int sasl_getpath_t(void *context, const char **path);

#define SASL_CB_VERIFYFILE 4 /**< whether a file may be used: ::sasl_verifyfile_t */
/** What a file is that ::SASL_CB_VERIFYFILE asks about. */
typedef enum {
    SASL_VRFY_PLUGIN = 0, /**< a plugin to load */
    SASL_VRFY_CONF = 1,   /**< a configuration file */
    SASL_VRFY_PASSWD = 2, /**< a password database */
    SASL_VRFY_OTHER = 3   /**< another file */
} sasl_verify_type_t;
/** Decides on a file before it is opened; it need not exist. context: that of the entry; file: its path; type: what it
 *  is. Returns SASL_OK: use it; SASL_CONTINUE: do without it; else the file is an error. */
typedef int sasl_verifyfile_t(void *context, const char *file, sasl_verify_type_t type);

#define SASL_CB_GETCONFPATH 5 /**< where the configuration file is: ::sasl_getconfpath_t */
/** Gives the directories of the configuration file. context: that of the entry; *path: directories joined by ":",
 *  allocated by the callback and not freed by the library. Returns SASL_OK or an error. */
typedef int sasl_getconfpath_t(void *context, char **path);

#define SASL_CB_USER 0x4001     /**< client: the identity to act as, "" for one's own: ::sasl_getsimple_t */
#define SASL_CB_AUTHNAME 0x4002 /**< client: the identity that is authenticated: ::sasl_getsimple_t */
#define SASL_CB_LANGUAGE 0x4003 /**< client: languages, as RFC 5646 tags joined by ",": ::sasl_getsimple_t */
#define SASL_CB_CNONCE 0x4007   /**< client: a nonce to use, for tests: ::sasl_getsimple_t */
/** Gives a simple string. context: that of the entry; id: which of the four above; *result: the string, kept alive by
 *  the callback until the connection is disposed; *len: its length, len may be NULL. Returns SASL_OK or an error. */
typedef int sasl_getsimple_t(void *context, int id, const char **result, unsigned *len);

#define SASL_CB_PASS 0x4004 /**< client: the password: ::sasl_getsecret_t */
/** Gives the password. conn: for whom; context: that of the entry; id: ::SASL_CB_PASS; *psecret: the password, owned
 *  by the callback, which the library neither frees nor wipes. Returns SASL_OK or an error. */
typedef int sasl_getsecret_t(sasl_conn_t *conn, void *context, int id, sasl_secret_t **psecret);

#define SASL_CB_ECHOPROMPT 0x4005   /**< client: a question whose answer may be shown: ::sasl_chalprompt_t */
#define SASL_CB_NOECHOPROMPT 0x4006 /**< client: a question whose answer is secret: ::sasl_chalprompt_t */
/** Asks the user. context: that of the entry; id: which of the two above; challenge: what the server said; prompt: the
 *  question; defresult: the answer if the user gives none, may be NULL; *result: the answer, kept alive by the callback
 *  until the connection is disposed; *len: its length, len may be NULL. Returns SASL_OK or an error. */
typedef int sasl_chalprompt_t(void *context, int id, const char *challenge, const char *prompt, const char *defresult,
                              const char **result, unsigned *len);

#define SASL_CB_GETREALM 0x4008 /**< client: which realm of several: ::sasl_getrealm_t */
/** Chooses a realm. context: that of the entry; id: ::SASL_CB_GETREALM; availrealms: those the server offers, ended by
 *  NULL; *result: the choice, kept alive by the callback. Returns SASL_OK or an error. */
typedef int sasl_getrealm_t(void *context, int id, const char **availrealms, const char **result);

#define SASL_CB_PROXY_POLICY 0x8001 /**< server: whether one user may act as another: ::sasl_authorize_t */
/** Decides after each authentication, also when both identities are the same. conn: for whom; context: that of the
 *  entry; requested_user, rlen: the identity to act as; auth_identity, alen: the one that was authenticated; def_realm,
 *  urlen: the realm of the connection, NULL and 0 for none; propctx: the properties found. Returns SASL_OK, or an error
 *  that becomes the result of the authentication. Without this callback both must be the same. */
typedef int sasl_authorize_t(sasl_conn_t *conn, void *context, const char *requested_user, unsigned rlen,
                             const char *auth_identity, unsigned alen, const char *def_realm, unsigned urlen,
                             struct propctx *propctx);

#define SASL_CB_SERVER_USERDB_CHECKPASS 0x8005 /**< server: check a password: ::sasl_server_userdb_checkpass_t */
/** Checks a plaintext password. conn: for whom; context: that of the entry; user: the canonical name, NUL-terminated;
 *  pass, passlen: the password; propctx: receives properties. Returns SASL_OK: it is right; anything else: ask the
 *  verifiers of the configuration. */
typedef int sasl_server_userdb_checkpass_t(sasl_conn_t *conn, void *context, const char *user, const char *pass,
                                           unsigned passlen, struct propctx *propctx);

#define SASL_CB_SERVER_USERDB_SETPASS 0x8006 /**< server: store a password: ::sasl_server_userdb_setpass_t */
/** Stores a password. conn: for whom; context: that of the entry; user: the canonical name; pass, passlen: the
 *  password; propctx: unused, may be NULL; flags: as in ::sasl_setpass. Returns SASL_OK or an error. */
typedef int sasl_server_userdb_setpass_t(sasl_conn_t *conn, void *context, const char *user, const char *pass,
                                         unsigned passlen, struct propctx *propctx, unsigned flags);

#define SASL_CU_NONE 0x00                /**< no flag */
#define SASL_CU_AUTHID 0x01              /**< the name is the one that is authenticated */
#define SASL_CU_AUTHZID 0x02             /**< the name is the one to act as */
#define SASL_CU_EXTERNALLY_VERIFIED 0x04 /**< another service vouches for the name: no local entry is needed */
#define SASL_CU_OVERRIDE 0x08            /**< a lookup replaces values that are already there */
#define SASL_CU_VERIFY_AGAINST_HASH 0x10 /**< a hashed password is enough */
#define SASL_CU_ASIS_MASK 0xFFF0         /**< the flags that reach the stores unchanged */
#define SASL_CB_CANON_USER 0x8007        /**< the canonical form of a name: ::sasl_canon_user_t */
/** Turns a name into its canonical form. conn: for whom; context: that of the entry; in, inlen: the name; flags:
 *  SASL_CU_ flags, at least one of AUTHID and AUTHZID; user_realm: the realm of the connection, may be NULL; out:
 *  receives the result, at most out_max bytes and a NUL (it may be where in is); *out_len: its length.
 *  Returns SASL_OK, SASL_BUFOVER or another error. */
typedef int sasl_canon_user_t(sasl_conn_t *conn, void *context, const char *in, unsigned inlen, unsigned flags,
                              const char *user_realm, char *out, unsigned out_max, unsigned *out_len);

/*
 * Functions of both sides.
 */
#define SASL_PATH_TYPE_PLUGIN 0 /**< ::sasl_set_path: the plugins */
#define SASL_PATH_TYPE_CONFIG 1 /**< ::sasl_set_path: the configuration file */

/** Sets the directories to look in, as if GETPATH or GETCONFPATH had given them. Call it before init; forgotten by the
 *  last done.
 *  @param path_type ::SASL_PATH_TYPE_PLUGIN or ::SASL_PATH_TYPE_CONFIG
 *  @param path directories joined by ":", copied; NULL is SASL_FAIL
 *  @returns SASL_OK, SASL_FAIL or SASL_NOMEM */
LIBSASL_API int sasl_set_path(int path_type, char *path);

/** Tells which library this is. It works before init.
 *  @param implementation receives its name, static; may be NULL
 *  @param version receives major << 24 | minor << 16 | step; may be NULL */
LIBSASL_API void sasl_version(const char **implementation, int *version);

/** Tells which library this is, in parts. It works before init. Every parameter may be NULL.
 *  @param implementation receives its name, static
 *  @param version_string receives the version as text, static: "2.1.28"
 *  @param version_major receives the first number
 *  @param version_minor receives the second number
 *  @param version_step receives the third number
 *  @param version_patch receives the fourth number, 0 */
LIBSASL_API void sasl_version_info(const char **implementation, const char **version_string, int *version_major,
                                   int *version_minor, int *version_step, int *version_patch);

/** Undoes one sasl_client_init and one sasl_server_init. ::sasl_client_done and ::sasl_server_done are clearer. Dispose
 *  of all connections first. */
LIBSASL_API void sasl_done(void);

/** Undoes one ::sasl_server_init; the last one frees all that the server side holds. Dispose of all connections first.
 *  @returns SASL_OK; SASL_CONTINUE: there are more to undo; SASL_NOTINIT */
LIBSASL_API int sasl_server_done(void);

/** Undoes one ::sasl_client_init; the last one frees all that the client side holds. Dispose of all connections first.
 *  @returns SASL_OK; SASL_CONTINUE: there are more to undo; SASL_NOTINIT */
LIBSASL_API int sasl_client_done(void);

/** Ends a connection, wipes its secrets and frees all that was given out for it.
 *  @param pconn where the pointer to it is, which becomes NULL; NULL, or a pointer to NULL, does nothing */
LIBSASL_API void sasl_dispose(sasl_conn_t **pconn);

/** Gives a sentence for a result code. It works before init.
 *  @param saslerr the code; an unknown one has a sentence too
 *  @param langlist languages wanted, as RFC 5646 tags joined by ","; NULL for any
 *  @param outlang receives the language of the sentence; may be NULL
 *  @returns the sentence, static, never NULL */
LIBSASL_API const char *sasl_errstring(int saslerr, const char *langlist, const char **outlang);

/** Gives the last error of a connection: its code, the sentence for it, and what exactly was wrong. For the log; the
 *  peer should see less.
 *  @param conn the connection; NULL gives NULL
 *  @returns the text, valid until the next call for this connection */
LIBSASL_API const char *sasl_errdetail(sasl_conn_t *conn);

#define SASL_NOLOG 0x01 /**< ::sasl_seterror: do not write it to the log as well */

/** Sets the detail of the error of a connection, for callbacks and plugins.
 *  @param conn the connection; NULL does nothing
 *  @param flags 0 or ::SASL_NOLOG
 *  @param fmt a format: %s string, %c character, %d and %i int, %m the text for an errno value, %z the text for a SASL
 *         code, %% a percent sign, and nothing else; NULL does nothing */
LIBSASL_API void sasl_seterror(sasl_conn_t *conn, unsigned flags, const char *fmt, ...);

/*
 * Properties of a connection. "get" and "set" tell what may be done with each; the type is what the void pointer of
 * sasl_getprop becomes, or what that of sasl_setprop points to.
 */
#define SASL_USERNAME 0         /**< get, const char: the identity to act as; it proves nothing before SASL_OK */
#define SASL_SSF 1              /**< get, const sasl_ssf_t: the strength of the layer; 0: there is none */
#define SASL_MAXOUTBUF 2        /**< get, const unsigned: the most that one sasl_encode should be given, in bytes */
#define SASL_DEFUSERREALM 3     /**< server, get and set, const char: the realm of names without one */
#define SASL_GETOPTCTX 4        /**< get, const void: the context of GETOPT calls */
#define SASL_CALLBACK 7         /**< get, const sasl_callback_t: the connection's list of callbacks */
#define SASL_IPLOCALPORT 8      /**< get and set, const char: our address, "192.0.2.1;143" or "2001:db8::1;143" */
#define SASL_IPREMOTEPORT 9     /**< get and set, const char: the peer's address, written likewise */
#define SASL_PLUGERR 10         /**< get, const char: the detail of the last error, without code and sentence */
#define SASL_DELEGATEDCREDS 11  /**< server, get: a gss_cred_id_t that the client handed over, or NULL */
#define SASL_SERVICE 12         /**< get, const char: the service */
#define SASL_SERVERFQDN 13      /**< get, const char: the name of the server's host */
#define SASL_AUTHSOURCE 14      /**< get, const char: which plugin or part does the mechanism */
#define SASL_MECHNAME 15        /**< get, const char: the mechanism */
#define SASL_AUTHUSER 16        /**< get, const char: the identity that is authenticated; no proof before SASL_OK */
#define SASL_APPNAME 17         /**< server, get and set, const char: the name of the program */
#define SASL_GSS_CREDS 18       /**< get and set: a gss_cred_id_t to use, kept by reference */
#define SASL_GSS_PEER_NAME 19   /**< get: the gss_name_t of the peer */
#define SASL_GSS_LOCAL_NAME 20  /**< get: our own gss_name_t */
#define SASL_CHANNEL_BINDING 21 /**< set, sasl_channel_binding_t: kept by reference */
#define SASL_HTTP_REQUEST 22    /**< get and set, sasl_http_request_t: kept by reference */
#define SASL_SSF_EXTERNAL 100   /**< get and set, const sasl_ssf_t: the strength of TLS or the like underneath */
#define SASL_SEC_PROPS 101      /**< get and set, sasl_security_properties_t: copied */
#define SASL_AUTH_EXTERNAL 102  /**< get and set, const char: the identity that TLS or the like proved; NULL: none */

/** A channel binding (RFC 5056): data that both ends of one TLS channel share. */
typedef struct sasl_channel_binding {
    const char *name;          /**< its type, such as "tls-exporter" or "tls-server-end-point" */
    int critical;              /**< not 0: refuse a peer that does not use it */
    unsigned long len;         /**< the length of data in bytes */
    const unsigned char *data; /**< the data, without a prefix */
} sasl_channel_binding_t;

/** The HTTP request that an authentication belongs to (RFC 7616, section 3.4). */
typedef struct sasl_http_request {
    const char *method;          /**< such as "GET" */
    const char *uri;             /**< the request's target */
    const unsigned char *entity; /**< its body; NULL for none */
    unsigned long elen;          /**< the length of entity in bytes */
    unsigned non_persist;        /**< not 0: the connection is not kept */
} sasl_http_request_t;

/** Reads a property.
 *  @param conn the connection; NULL is SASL_BADPARAM
 *  @param propnum which, a number from the list above
 *  @param pvalue receives a pointer to the value, valid until the property changes or the connection is disposed; NULL
 *         is SASL_BADPARAM
 *  @returns SASL_OK; SASL_NOTDONE: not known yet; SASL_BADPROT: not on this side; SASL_BADPARAM */
LIBSASL_API int sasl_getprop(sasl_conn_t *conn, int propnum, const void **pvalue);

/** Sets a property.
 *  @param conn the connection; NULL is SASL_BADPARAM
 *  @param propnum which, a number from the list above
 *  @param value the value, copied unless the list says otherwise; NULL unsets strings, addresses and what is kept by
 *         reference; it must not be NULL for SASL_SSF_EXTERNAL and SASL_SEC_PROPS, and is SASL_BADPARAM for
 *         SASL_DEFUSERREALM
 *  @returns SASL_OK, SASL_BADPARAM, SASL_BADPROT, SASL_TOOWEAK or SASL_NOMEM */
LIBSASL_API int sasl_setprop(sasl_conn_t *conn, int propnum, const void *value);

/** Lets the library use a quiet moment, for work that it would otherwise do later.
 *  @param conn the connection; NULL for work that belongs to none
 *  @returns 1: call again, there may be more; 0: nothing to do */
LIBSASL_API int sasl_idle(sasl_conn_t *conn);

/*
 * Client.
 */
/** One question that sasl_client_start or sasl_client_step cannot go on without. The list ends with an entry whose id
 *  is ::SASL_CB_LIST_END; fill in the answers and call the same function again. */
typedef struct sasl_interact {
    unsigned long id;      /**< which SASL_CB_ number is asked for */
    const char *challenge; /**< what is asked, as a label: "Authentication Name"; with ECHOPROMPT the server's words */
    const char *prompt;    /**< what is asked, as a sentence */
    const char *defresult; /**< the answer if the user gives none; may be NULL */
    const void *result;    /**< for the answer: a string owned by the caller, alive during the next call */
    unsigned len;          /**< for the length of the answer */
} sasl_interact_t;

/** Readies the client side. May be called again: then it counts, and the new list is ignored.
 *  @param callbacks a list kept by reference until done; may be NULL
 *  @returns SASL_OK, SASL_NOMEM, or what the GETPATH callback returned */
LIBSASL_API int sasl_client_init(const sasl_callback_t *callbacks);

/** Makes a client connection.
 *  @param service the registered name of the service, such as "smtp" or "imap"; NULL is SASL_BADPARAM
 *  @param serverFQDN the full name of the server's host; NULL leaves out the mechanisms that need it
 *  @param iplocalport our address as ::SASL_IPLOCALPORT, or NULL
 *  @param ipremoteport the peer's address as ::SASL_IPREMOTEPORT, or NULL
 *  @param prompt_supp callbacks, kept by reference until sasl_dispose; may be NULL
 *  @param flags ::SASL_SUCCESS_DATA, ::SASL_NEED_PROXY, ::SASL_NEED_HTTP, or 0
 *  @param pconn receives the connection, to be given back with ::sasl_dispose; NULL is SASL_BADPARAM
 *  @returns SASL_OK, SASL_NOTINIT, SASL_BADPARAM, SASL_NOMECH or SASL_NOMEM */
LIBSASL_API int sasl_client_new(const char *service, const char *serverFQDN, const char *iplocalport,
                                const char *ipremoteport, const sasl_callback_t *prompt_supp, unsigned flags,
                                sasl_conn_t **pconn);

/** Chooses the best mechanism, and makes the first message.
 *  @param conn the connection; NULL is SASL_BADPARAM
 *  @param mechlist the server's mechanisms, with anything that is no letter, digit, "-" or "_" between them; NULL is
 *         SASL_BADPARAM. It is ignored when answers in prompt_need continue an earlier call.
 *  @param prompt_need points to NULL at first; with SASL_INTERACT it receives the questions, and is left as it is for
 *         the next call, which frees them. NULL: never ask.
 *  @param clientout receives the message; NULL in it: send none, which differs from an empty one. NULL: the protocol
 *         cannot send a message along; then none is made.
 *  @param clientoutlen receives the length of the message; must not be NULL if clientout is not
 *  @param mech receives the name of the mechanism, static; may be NULL
 *  @returns SASL_CONTINUE: send the message and call ::sasl_client_step; SASL_OK: send it, the client has no more to
 *           say, and the server must now say that it is content; SASL_INTERACT, SASL_NOMECH, or another error */
LIBSASL_API int sasl_client_start(sasl_conn_t *conn, const char *mechlist, sasl_interact_t **prompt_need,
                                  const char **clientout, unsigned *clientoutlen, const char **mech);

/** Takes a message of the server, and makes the next one. SASL_OK ends the authentication for the client; the server
 *  must have said so too.
 *  @param conn a connection that ::sasl_client_start was called for; NULL is SASL_BADPARAM
 *  @param serverin the message, as raw bytes; NULL only if serverinlen is 0
 *  @param serverinlen its length
 *  @param prompt_need as in ::sasl_client_start
 *  @param clientout receives the message to send; NULL in it: none
 *  @param clientoutlen receives its length
 *  @returns SASL_OK, SASL_CONTINUE, SASL_INTERACT, or an error of the mechanism */
LIBSASL_API int sasl_client_step(sasl_conn_t *conn, const char *serverin, unsigned serverinlen,
                                 sasl_interact_t **prompt_need, const char **clientout, unsigned *clientoutlen);

/*
 * Server.
 */
/** Readies the server side, and reads appname.conf. May be called again: then it counts, list and name are ignored.
 *  @param callbacks a list kept by reference until done; may be NULL
 *  @param appname the name of the program, kept by reference; NULL: no configuration file
 *  @returns SASL_OK; SASL_CONFIGERR: the configuration file has an error; SASL_FAIL: an entry without function;
 *           SASL_BADPARAM: appname is too long; SASL_NOMEM; or what the GETPATH, GETCONFPATH or VERIFYFILE callback
 *           returned */
LIBSASL_API int sasl_server_init(const sasl_callback_t *callbacks, const char *appname);

/** Makes a server connection.
 *  @param service the registered name of the service, such as "smtp" or "imap"; NULL is SASL_FAIL
 *  @param serverFQDN the full name of this host; NULL: find it out
 *  @param user_realm the realm that is added to names without one; NULL: names stay as they are
 *  @param iplocalport our address as ::SASL_IPLOCALPORT, or NULL
 *  @param ipremoteport the peer's address as ::SASL_IPREMOTEPORT, or NULL
 *  @param callbacks kept by reference until sasl_dispose; may be NULL
 *  @param flags ::SASL_SUCCESS_DATA, ::SASL_NEED_PROXY, ::SASL_NEED_HTTP, or 0
 *  @param pconn receives the connection, to be given back with ::sasl_dispose; NULL is SASL_FAIL
 *  @returns SASL_OK, SASL_NOTINIT, SASL_FAIL, SASL_BADPARAM or SASL_NOMEM */
LIBSASL_API int sasl_server_new(const char *service, const char *serverFQDN, const char *user_realm,
                                const char *iplocalport, const char *ipremoteport, const sasl_callback_t *callbacks,
                                unsigned flags, sasl_conn_t **pconn);

/** Lists the mechanisms that the library has, whether or not a connection could use them.
 *  @returns names, ended by NULL, valid until the next init or done; NULL before init */
LIBSASL_API const char **sasl_global_listmech(void);

/** Lists the mechanisms that this connection can use, as one string: prefix, names with sep between them, suffix.
 *  @param conn a connection of either side; NULL is SASL_BADPARAM
 *  @param user ignored; may be NULL
 *  @param prefix what comes first; NULL for nothing
 *  @param sep what comes between; NULL for a space
 *  @param suffix what comes last; NULL for nothing
 *  @param result receives the string, valid until the next call for this connection; NULL is SASL_BADPARAM
 *  @param plen receives its length; may be NULL
 *  @param pcount receives the number of mechanisms; may be NULL
 *  @returns SASL_OK, also with none; SASL_NOMECH: the library has none at all; SASL_NOTINIT, SASL_BADPARAM */
LIBSASL_API int sasl_listmech(sasl_conn_t *conn, const char *user, const char *prefix, const char *sep,
                              const char *suffix, const char **result, unsigned *plen, int *pcount);

/** Starts the mechanism that the client chose. What an earlier attempt left on this connection is forgotten.
 *  @param conn the connection; NULL is SASL_BADPARAM
 *  @param mech its name; capitals do not matter; NULL is SASL_BADPARAM
 *  @param clientin the client's first message, as raw bytes; NULL: it sent none, which differs from an empty one
 *  @param clientinlen its length
 *  @param serverout receives the challenge; NULL in it: send an empty one. With SASL_OK there is one only if
 *         ::SASL_SUCCESS_DATA was set, to be sent along with success.
 *  @param serveroutlen receives the length of the challenge
 *  @returns SASL_CONTINUE: send the challenge; SASL_OK: authenticated; SASL_NOMECH, SASL_ENCRYPT, SASL_TOOWEAK,
 *           SASL_BADPROT, SASL_BADAUTH, SASL_NOUSER, or another error: not authenticated */
LIBSASL_API int sasl_server_start(sasl_conn_t *conn, const char *mech, const char *clientin, unsigned clientinlen,
                                  const char **serverout, unsigned *serveroutlen);

/** Takes the next message of the client.
 *  @param conn a connection that ::sasl_server_start was called for; NULL is SASL_BADPARAM
 *  @param clientin the message, as raw bytes; NULL only if clientinlen is 0
 *  @param clientinlen its length
 *  @param serverout as in ::sasl_server_start
 *  @param serveroutlen receives the length of the challenge
 *  @returns as ::sasl_server_start */
LIBSASL_API int sasl_server_step(sasl_conn_t *conn, const char *clientin, unsigned clientinlen, const char **serverout,
                                 unsigned *serveroutlen);

/** Checks an APOP response (RFC 1939). Make the challenge with sasl_mkchal.
 *  @param conn the connection; NULL is SASL_BADPARAM unless challenge is NULL
 *  @param challenge the challenge that was sent, as a string; NULL only asks whether APOP is enabled
 *  @param challen ignored
 *  @param response "user digest", as a string
 *  @param resplen ignored
 *  @returns SASL_OK, SASL_BADAUTH, SASL_NOUSER, SASL_BADPROT, SASL_BADPARAM; SASL_NOMECH: not enabled */
LIBSASL_API int sasl_checkapop(sasl_conn_t *conn, const char *challenge, unsigned challen, const char *response,
                               unsigned resplen);

/** Checks a plaintext password, as the option pwcheck_method says, and then whether the user may act.
 *  @param conn the connection; NULL is SASL_BADPARAM unless user is NULL
 *  @param user the name; NULL only asks whether plaintext is enabled
 *  @param userlen its length; 0: it ends at its NUL
 *  @param pass the password; NULL is SASL_BADPARAM
 *  @param passlen its length
 *  @returns SASL_OK, SASL_BADAUTH, SASL_NOUSER, SASL_NOMECH, SASL_NOTINIT, SASL_BADPARAM, or what the verifier gave */
LIBSASL_API int sasl_checkpass(sasl_conn_t *conn, const char *user, unsigned userlen, const char *pass,
                               unsigned passlen);

/** Tells whether a user is known to the password verifiers.
 *  @param conn the connection; NULL is SASL_BADPARAM
 *  @param service the service; NULL: that of the connection
 *  @param user_realm the realm of a name without one; NULL: that of the connection
 *  @param user the name; NULL is SASL_BADPARAM
 *  @returns SASL_OK, SASL_NOUSER, SASL_NOMECH, SASL_BADPARAM, SASL_NOTINIT */
LIBSASL_API int sasl_user_exists(sasl_conn_t *conn, const char *service, const char *user_realm, const char *user);

#define SASL_SET_CREATE 0x01       /**< make the user if there is none */
#define SASL_SET_DISABLE 0x02      /**< remove the password */
#define SASL_SET_NOPLAIN 0x04      /**< do not store the password itself */
#define SASL_SET_CURMECH_ONLY 0x08 /**< only what the mechanism under way needs */

/** Sets the password of a user in every store and mechanism that can keep one.
 *  @param conn a server connection; NULL is SASL_BADPARAM
 *  @param user the name; NULL is SASL_BADPARAM
 *  @param pass the new password; NULL only with ::SASL_SET_DISABLE
 *  @param passlen its length; 0 is SASL_BADPARAM unless ::SASL_SET_DISABLE is set
 *  @param oldpass the old password; NULL if unknown
 *  @param oldpasslen its length
 *  @param flags ::SASL_SET_CREATE or ::SASL_SET_DISABLE but not both, ::SASL_SET_NOPLAIN, ::SASL_SET_CURMECH_ONLY
 *  @returns SASL_OK, SASL_BADPARAM, or the last error of a store or mechanism */
LIBSASL_API int sasl_setpass(sasl_conn_t *conn, const char *user, const char *pass, unsigned passlen,
                             const char *oldpass, unsigned oldpasslen, unsigned flags);

/* Names of properties that a store may hold, after their LDAP attributes. */
#define SASL_AUX_END NULL                            /**< ends a list of names */
#define SASL_AUX_ALL "*"                             /**< all of them */
#define SASL_AUX_PASSWORD_PROP "userPassword"        /**< the password, as the store names it */
#define SASL_AUX_PASSWORD "*" SASL_AUX_PASSWORD_PROP /**< the password of the authenticated user */
#define SASL_AUX_UIDNUM "uidNumber"                  /**< the number of the user */
#define SASL_AUX_GIDNUM "gidNumber"                  /**< the number of the group */
#define SASL_AUX_FULLNAME "gecos"                    /**< the full name */
#define SASL_AUX_HOMEDIR "homeDirectory"             /**< the home directory */
#define SASL_AUX_SHELL "loginShell"                  /**< the shell */
#define SASL_AUX_MAILADDR "mail"                     /**< the mail address */
#define SASL_AUX_UNIXMBX "mailMessageStore"          /**< the mailbox file */
#define SASL_AUX_MAILCHAN "mailSMTPSubmitChannel"    /**< the channel for submitted mail */

/** Adds names to the properties that are looked up for the user.
 *  @param conn a server connection, else SASL_BADPARAM
 *  @param propnames as in ::prop_request, kept by reference; NULL forgets all names
 *  @returns SASL_OK, SASL_BADPARAM or SASL_NOMEM */
LIBSASL_API int sasl_auxprop_request(sasl_conn_t *conn, const char **propnames);

/** Gives the properties of a connection.
 *  @param conn a server connection; else NULL comes back
 *  @returns the context, owned by the connection: do not dispose of it */
LIBSASL_API struct propctx *sasl_auxprop_getctx(sasl_conn_t *conn);

/** Stores properties, or tells whether any store can.
 *  @param conn a server connection, else SASL_BADPARAM; may be NULL when ctx is
 *  @param ctx what to store; a property without value is removed. NULL only asks.
 *  @param user whose; NULL is SASL_BADPARAM unless ctx is NULL
 *  @returns SASL_OK, SASL_FAIL: nothing can store; SASL_NOMEM, SASL_CONSTRAINT_VIOLAT, or an error of the store */
LIBSASL_API int sasl_auxprop_store(sasl_conn_t *conn, struct propctx *ctx, const char *user);

/*
 * The security layer, once the authentication is done. With SASL_SSF 0 there is none and the bytes come out as they
 * went in; both functions need SASL_SEC_PROPS with a maxbufsize that is not 0, else they answer SASL_TOOWEAK.
 */
struct iovec;

/** Protects bytes for the peer.
 *  @param conn the connection; NULL is SASL_BADPARAM
 *  @param input the bytes; NULL is SASL_BADPARAM
 *  @param inputlen their number, not 0; more than ::SASL_MAXOUTBUF come out as several packets
 *  @param output receives the bytes to send, valid until the next sasl_encode or sasl_encodev; NULL is SASL_BADPARAM
 *  @param outputlen receives their number; NULL is SASL_BADPARAM
 *  @returns SASL_OK, SASL_BADPARAM, SASL_TOOWEAK, SASL_NOMEM, or an error of the layer */
LIBSASL_API int sasl_encode(sasl_conn_t *conn, const char *input, unsigned inputlen, const char **output,
                            unsigned *outputlen);

/** Protects the bytes of several buffers, as ::sasl_encode.
 *  @param conn the connection; NULL is SASL_BADPARAM
 *  @param invec the buffers; NULL is SASL_BADPARAM
 *  @param numiov their number, not 0
 *  @param output as in ::sasl_encode
 *  @param outputlen as in ::sasl_encode
 *  @returns as ::sasl_encode */
LIBSASL_API int sasl_encodev(sasl_conn_t *conn, const struct iovec *invec, unsigned numiov, const char **output,
                             unsigned *outputlen);

/** Checks and opens bytes of the peer, as they arrive: parts of packets are kept until the rest comes.
 *  @param conn the connection; NULL is SASL_BADPARAM
 *  @param input the bytes received; NULL is SASL_BADPARAM
 *  @param inputlen their number
 *  @param output receives the bytes of all packets that are whole; NULL in it: none is, read on. Valid until the next
 *         call; NULL is SASL_BADPARAM
 *  @param outputlen receives their number; NULL is SASL_BADPARAM
 *  @returns SASL_OK; after any error close the connection */
LIBSASL_API int sasl_decode(sasl_conn_t *conn, const char *input, unsigned inputlen, const char **output,
                            unsigned *outputlen);

#ifdef __cplusplus
}
#endif

#endif /* SASL_H */
