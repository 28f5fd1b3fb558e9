/*
 * sasl.h: SASL authentication (RFC 4422) for clients and servers: the interface of SASL 1.5, version 1.5.28.
 *
 * A server calls sasl_server_init once, then for each connection sasl_server_new, sasl_listmech, sasl_server_start and
 * sasl_server_step until the result is no longer SASL_CONTINUE, and sasl_dispose; at its end sasl_done. A client does
 * the same with sasl_client_init, sasl_client_new, sasl_client_start and sasl_client_step. New programs are better
 * written for the 2.1 interface, <sasl/sasl.h>: the two have the same names and must not meet in one program.
 *
 * Unless an item says otherwise: strings end with NUL; lengths are in bytes and leave that NUL out; what a function is
 * given is copied or only looked at during the call. What belongs to whom is the main difference to 2.1: messages,
 * lists, and what is encoded or decoded are memory that the caller has to free, with the function that sasl_set_alloc
 * named (else free). Connections are independent of each other; one connection is used by one thread at a time.
 *
 * Part of oxisasl, MIT OR Apache-2.0. The names, types and values are those of the interface; the words are our own.
 */
#ifndef SASL_H
#define SASL_H 1

/* Nothing follows the numbers: build scripts cut them out of these lines. */
/** The first number of the version of this interface. */
#define SASL_VERSION_MAJOR 1
/** The second number. */
#define SASL_VERSION_MINOR 5
/** The third number. */
#define SASL_VERSION_STEP 28

/** The longest name of a mechanism (RFC 4422, section 3.1). */
#define SASL_MECHNAMEMAX 20

/*
 * Result codes. Those below zero are errors; sasl_errstring has a sentence for each.
 */
#define SASL_CONTINUE 1      /**< one more message of the peer is needed */
#define SASL_OK 0            /**< done; from the step functions: the peer is authenticated */
#define SASL_FAIL (-1)       /**< a failure that no other code describes */
#define SASL_NOMEM (-2)      /**< memory ran out */
#define SASL_BUFOVER (-3)    /**< a value is longer than the place for it */
#define SASL_NOMECH (-4)     /**< no mechanism fits, or the one asked for may not be used */
#define SASL_BADPROT (-5)    /**< the peer broke the protocol, or cancelled */
#define SASL_NOTDONE (-6)    /**< what was asked for is not known yet */
#define SASL_BADPARAM (-7)   /**< a parameter is missing or wrong */
#define SASL_TRYAGAIN (-8)   /**< a failure that may pass */
#define SASL_BADMAC (-9)     /**< a message failed its integrity check */
#define SASL_INTERACT 2      /**< client: the user must be asked, see sasl_interact_t */
#define SASL_BADSERV (-10)   /**< client: the server did not prove that it knows the secret */
#define SASL_WRONGMECH (-11) /**< client: the mechanism cannot do what was asked */
#define SASL_NEWSECRET (-12) /**< client: another secret is needed */
#define SASL_BADAUTH (-13)   /**< server: the credentials are wrong */
#define SASL_NOAUTHZ (-14)   /**< server: the credentials are right, the identity to act as is refused */
#define SASL_TOOWEAK (-15)   /**< the mechanism is weaker than the security properties ask */
#define SASL_ENCRYPT (-16)   /**< the mechanism needs encryption underneath */
#define SASL_TRANS (-17)     /**< one login with a plaintext mechanism would make this mechanism usable */
#define SASL_EXPIRED (-18)   /**< the passphrase has expired */
#define SASL_DISABLED (-19)  /**< the account is disabled */
#define SASL_NOUSER (-20)    /**< the user is unknown; tell the peer no more than SASL_BADAUTH */
#define SASL_PWLOCK (-21)    /**< setting a password: it is locked */
#define SASL_NOCHANGE (-22)  /**< setting a password: nothing had to be changed */
#define SASL_BADVERS (-23)   /**< a plugin speaks another version of the plugin interface */
#define SASL_NOPATH (-25)    /**< no path was set */

/** Flag of sasl_client_new and sasl_server_new: the program can use a security layer. It sets how strong a layer is
 *  wanted at most until ::SASL_SEC_PROPS says: any with the flag, none without. */
#define SASL_SECURITY_LAYER 0x0001

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
    unsigned long len; /**< the number of bytes in data */
    char data[1];      /**< the secret: len bytes, not ended by NUL */
} sasl_secret_t;

/** A source of random bytes, see saslutil.h. Opaque. */
typedef struct sasl_rand_s sasl_rand_t;

/** In place of malloc. */
typedef void *sasl_malloc_t(unsigned long);
/** In place of calloc; its memory is all zero. */
typedef void *sasl_calloc_t(unsigned long, unsigned long);
/** In place of realloc. */
typedef void *sasl_realloc_t(void *, unsigned long);
/** In place of free. */
typedef void sasl_free_t(void *);

/** Names the functions for memory that passes between the library and the program. Call it before anything else: memory
 *  must go back to where it came from. A call with a NULL among the four does nothing.
 *  @param alloc in place of malloc
 *  @param zalloc in place of calloc
 *  @param resize in place of realloc
 *  @param release in place of free */
extern void sasl_set_alloc(sasl_malloc_t *alloc, sasl_calloc_t *zalloc, sasl_realloc_t *resize, sasl_free_t *release);

/** Makes a mutex; NULL: it could not. */
typedef void *sasl_mutex_new_t(void);
/** Locks a mutex, waiting for it; 0: done. */
typedef int sasl_mutex_lock_t(void *);
/** Unlocks a mutex; 0: done. */
typedef int sasl_mutex_unlock_t(void *);
/** Gives a mutex back. */
typedef void sasl_mutex_dispose_t(void *);

/** Names the functions that lock for plugins. The library needs none itself. None of the four may be NULL.
 *  @param make makes a mutex
 *  @param lock locks one
 *  @param unlock unlocks one
 *  @param release gives one back */
extern void sasl_set_mutex(sasl_mutex_new_t *make, sasl_mutex_lock_t *lock, sasl_mutex_unlock_t *unlock,
                           sasl_mutex_dispose_t *release);

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
#define SASL_SEC_PASS_CREDENTIALS 0x0200 /**< only those that hand the client's credentials to the server */

/** What is asked of a mechanism and of its security layer; set through ::SASL_SEC_PROPS. */
typedef struct sasl_security_properties {
    sasl_ssf_t min_ssf;           /**< least strength of layer and external security together */
    sasl_ssf_t max_ssf;           /**< greatest strength wanted of the layer, external security counted in */
    unsigned maxbufsize;          /**< the longest packet of the layer that we can receive; 0: no layer at all */
    int security_flags;           /**< SASL_SEC_ flags, all of which a mechanism must meet */
    const char **property_names;  /**< reserved, may be NULL */
    const char **property_values; /**< reserved, may be NULL */
} sasl_security_properties_t;

/** What the layer underneath (TLS, say) provides; set through ::SASL_SSF_EXTERNAL. */
typedef struct sasl_external_properties {
    sasl_ssf_t ssf; /**< its strength; 0: there is none */
    char *auth_id;  /**< whom it proved the peer to be; NULL or "": nobody */
} sasl_external_properties_t;

/*
 * Callbacks: questions of the library to the program. A list of them is kept by reference: one given to an init
 * function until sasl_done, one given to sasl_client_new or sasl_server_new until sasl_dispose. The connection's list
 * is looked at first, then that of the init function.
 */
#if defined __GNUC__ && !defined __cplusplus
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wstrict-prototypes"
#endif
/** One entry of a list that ends with ::SASL_CB_LIST_END. */
typedef struct sasl_callback {
    unsigned long id; /**< a SASL_CB_ number: which question */
    int (*proc)();    /**< the function, of the type that belongs to id; in C before C23 no cast is needed. NULL: ask
                           with ::SASL_INTERACT instead; in the list of ::sasl_server_init it is an error */
    void *context;    /**< handed to the function as its context, never looked at */
} sasl_callback_t;
#if defined __GNUC__ && !defined __cplusplus
#pragma GCC diagnostic pop
#endif

#define SASL_CB_LIST_END 0 /**< ends a list */

#define SASL_CB_GETOPT 1 /**< the value of an option: ::sasl_getopt_t */
/** Gives the value of an option, in place of the configuration file.
 *  context: that of the entry; plugin_name: who asks, NULL for the library; option: its name; *result: the value, kept
 *  alive by the callback; *len: its length, len may be NULL. Returns SASL_OK, or SASL_FAIL to leave it to the file. */
typedef int sasl_getopt_t(void *context, const char *plugin_name, const char *option, const char **result,
                          unsigned *len);

#define SASL_CB_LOG 2      /**< a line for the log: ::sasl_log_t; without it the lines go to syslog */
#define SASL_LOG_ERR 1     /**< errors that need an administrator */
#define SASL_LOG_WARNING 2 /**< warnings, and each authentication failure */
#define SASL_LOG_INFO 3    /**< events, such as a password set */
/** Takes a line for the log. context: that of the entry; priority: a SASL_LOG_ number; message: the line. The result is
 *  ignored. */
typedef int sasl_log_t(void *context, int priority, const char *message);

#define SASL_CB_GETPATH 3 /**< where plugins and the configuration file are: ::sasl_getpath_t */
/** Gives the directories of the plugins, the first of which also has the configuration file. context: that of the
 *  entry; *path: directories joined by ":", allocated by the callback and freed by the library. Returns SASL_OK, or an
 *  error that makes init fail. */
typedef int sasl_getpath_t(void *context, char **path);

#define SASL_CB_VERIFYFILE 4 /**< whether a file may be used: ::sasl_verifyfile_t */
/** What a file is that ::SASL_CB_VERIFYFILE asks about. */
typedef enum {
    SASL_VRFY_PLUGIN = 1, /**< a plugin to load */
    SASL_VRFY_CONF = 2,   /**< a configuration file */
    SASL_VRFY_PASSWD = 3, /**< a password database */
    SASL_VRFY_OTHER = 4   /**< another file */
} sasl_verify_type_t;
/** Decides on a file before it is opened; it need not exist. context: that of the entry; file: its path; type: what it
 *  is. Returns SASL_OK: use it; SASL_CONTINUE: do without it; else the file is an error. */
typedef int sasl_verifyfile_t(void *context, const char *file, sasl_verify_type_t type);

#define SASL_CB_USER 0x4001     /**< client: the identity to act as, "" for one's own: ::sasl_getsimple_t */
#define SASL_CB_AUTHNAME 0x4002 /**< client: the identity that is authenticated: ::sasl_getsimple_t */
#define SASL_CB_LANGUAGE 0x4003 /**< client: languages, as tags joined by ",": ::sasl_getsimple_t */
/** Gives a simple string. context: that of the entry; id: which of the three above; *result: the string, which is
 *  copied and stays the callback's; *len: its length, len may be NULL. Returns SASL_OK or an error. */
typedef int sasl_getsimple_t(void *context, int id, const char **result, unsigned *len);

#define SASL_CB_PASS 0x4004 /**< client: the password: ::sasl_getsecret_t */
/** Gives the password. conn: for whom; context: that of the entry; id: ::SASL_CB_PASS; *psecret: the password,
 *  allocated by the callback as ::sasl_set_alloc says; the library wipes and frees it. Returns SASL_OK or an error. */
typedef int sasl_getsecret_t(sasl_conn_t *conn, void *context, int id, sasl_secret_t **psecret);

#define SASL_CB_ECHOPROMPT 0x4005   /**< client: a question whose answer may be shown: ::sasl_chalprompt_t */
#define SASL_CB_NOECHOPROMPT 0x4006 /**< client: a question whose answer is secret: ::sasl_chalprompt_t */
/** Asks the user. context: that of the entry; id: which of the two above; challenge: what the server said; prompt: the
 *  question; defresult: the answer if the user gives none, may be NULL; *result: the answer, which is copied and stays
 *  the callback's; *len: its length. Returns SASL_OK or an error. */
typedef int sasl_chalprompt_t(void *context, int id, const char *challenge, const char *prompt, const char *defresult,
                              const char **result, unsigned *len);

#define SASL_CB_GETREALM 0x4007 /**< client: which realm: ::sasl_getrealm_t */
/** Chooses a realm. context: that of the entry; id: ::SASL_CB_GETREALM; availrealms: those the server offers, ended by
 *  NULL; *result: the choice, which is copied and stays the callback's. Returns SASL_OK or an error. */
typedef int sasl_getrealm_t(void *context, int id, const char **availrealms, const char **result);

#define SASL_CB_PROXY_POLICY 0x8001 /**< server: whether one user may act as another: ::sasl_authorize_t */
/** Decides after each authentication, also when both identities are the same. context: that of the entry;
 *  auth_identity: who was authenticated; requested_user: whom to act as, NULL or "" for the same; *user: receives the
 *  name that ::SASL_USERNAME shows from then on, allocated as ::sasl_set_alloc says and freed by the library, or is
 *  left alone; *errstr: may receive what was wrong, which stays the callback's. Returns SASL_OK, or an error that
 *  becomes the result of the authentication. Without this callback both must be the same. */
typedef int sasl_authorize_t(void *context, const char *auth_identity, const char *requested_user, const char **user,
                             const char **errstr);

#define SASL_CB_SERVER_GETSECRET 0x8002 /**< server: look a secret up: ::sasl_server_getsecret_t */
/** Finds what a mechanism needs to check a user. context: that of the entry; mechanism, auth_identity, realm: whose;
 *  *secret: receives it, allocated as ::sasl_set_alloc says; the library wipes and frees it. Returns SASL_OK,
 *  SASL_NOUSER or another error. */
typedef int sasl_server_getsecret_t(void *context, const char *mechanism, const char *auth_identity, const char *realm,
                                    sasl_secret_t **secret);

#define SASL_CB_SERVER_PUTSECRET 0x8003 /**< server: store a secret: ::sasl_server_putsecret_t */
/** Keeps what a mechanism needs to check a user. context: that of the entry; mechanism, auth_identity, realm: whose;
 *  secret: the secret, which stays the library's; NULL: remove what is there. Returns SASL_OK or an error. */
typedef int sasl_server_putsecret_t(void *context, const char *mechanism, const char *auth_identity, const char *realm,
                                    const sasl_secret_t *secret);

/*
 * Functions of both sides.
 */
/** Frees all that the library holds. Dispose of all connections first. */
extern void sasl_done(void);

/** Ends a connection and wipes its secrets.
 *  @param pconn where the pointer to it is, which becomes NULL; NULL, or a pointer to NULL, does nothing */
extern void sasl_dispose(sasl_conn_t **pconn);

/** Gives the code that a peer may be shown: a user that is unknown looks like a wrong password.
 *  @param saslerr a result code
 *  @returns SASL_BADAUTH for SASL_NOUSER; else saslerr */
extern int sasl_usererr(int saslerr);

/** Gives a sentence for a result code. It works before init.
 *  @param saslerr the code; an unknown one has a sentence too
 *  @param langlist languages wanted, as tags joined by ","; NULL for any
 *  @param outlang receives the language of the sentence; may be NULL
 *  @returns the sentence, static, never NULL */
extern const char *sasl_errstring(int saslerr, const char *langlist, const char **outlang);

/*
 * Properties of a connection. "get" and "set" tell what may be done with each; the type is what the void pointer of
 * sasl_getprop becomes, or what that of sasl_setprop points to.
 */
#define SASL_USERNAME 0       /**< get, char: the identity to act as, once authenticated */
#define SASL_SSF 1            /**< get, sasl_ssf_t: the strength of the layer; 0: there is none */
#define SASL_MAXOUTBUF 2      /**< get, unsigned: the most that one sasl_encode should be given, in bytes */
#define SASL_REALM 3          /**< get, char: the realm of who was authenticated */
#define SASL_GETOPTCTX 4      /**< never known: SASL_FAIL */
#define SASL_IP_LOCAL 5       /**< get and set, struct sockaddr_in: our address; another family is kept, not used */
#define SASL_IP_REMOTE 6      /**< get and set, struct sockaddr_in: the peer's address, likewise */
#define SASL_SSF_EXTERNAL 100 /**< set, sasl_external_properties_t: what the layer underneath provides; copied */
#define SASL_SEC_PROPS 101    /**< set, sasl_security_properties_t: copied */

/** Reads a property.
 *  @param conn the connection; NULL is SASL_FAIL
 *  @param propnum which, a number from the list above
 *  @param pvalue receives a pointer to the value, which stays the library's and valid until the property is read again,
 *         another authentication begins or the connection is disposed; NULL is SASL_FAIL
 *  @returns SASL_OK; SASL_NOTDONE: not known yet; SASL_BADPARAM: there is no such property; SASL_FAIL */
extern int sasl_getprop(sasl_conn_t *conn, int propnum, void **pvalue);

/** Sets a property.
 *  @param conn the connection; NULL is SASL_FAIL
 *  @param propnum which, a number from the list above
 *  @param value the value, copied; NULL forgets an address, and is SASL_BADPARAM for the others
 *  @returns SASL_OK, SASL_BADPARAM, SASL_TOOWEAK, SASL_NOMEM or SASL_FAIL */
extern int sasl_setprop(sasl_conn_t *conn, int propnum, const void *value);

/** Lets the library use a quiet moment. This library never has anything to do then.
 *  @param conn the connection; NULL for work that belongs to none
 *  @returns 1: call again, there may be more; 0: nothing to do */
extern int sasl_idle(sasl_conn_t *conn);

/** Protects bytes for the peer, once the authentication is done. Without a layer they come out as they went in.
 *  @param conn the connection; NULL is SASL_FAIL
 *  @param input the bytes; NULL is SASL_FAIL
 *  @param inputlen their number; more than ::SASL_MAXOUTBUF come out as several packets
 *  @param output receives the bytes to send, with a NUL behind them, for the caller to free; NULL is SASL_FAIL. After
 *         an error it is NULL.
 *  @param outputlen receives their number; NULL is SASL_FAIL
 *  @returns SASL_OK, SASL_NOMEM, SASL_FAIL, or an error of the layer */
extern int sasl_encode(sasl_conn_t *conn, const char *input, unsigned inputlen, char **output, unsigned *outputlen);

/** Checks and opens bytes of the peer, as they arrive: parts of packets are kept until the rest comes.
 *  @param conn the connection; NULL is SASL_FAIL
 *  @param input the bytes received; NULL is SASL_FAIL
 *  @param inputlen their number
 *  @param output receives the bytes of all packets that are whole, with a NUL behind them, for the caller to free. NULL
 *         in it, with length 0: no packet is whole yet, read on. NULL is SASL_FAIL. After an error it is NULL.
 *  @param outputlen receives their number; NULL is SASL_FAIL
 *  @returns SASL_OK; after any error close the connection */
extern int sasl_decode(sasl_conn_t *conn, const char *input, unsigned inputlen, char **output, unsigned *outputlen);

/*
 * Client.
 */
/** One question that sasl_client_start or sasl_client_step cannot go on without. The list ends with an entry whose id
 *  is ::SASL_CB_LIST_END; fill in the answers and call the same function again with the list, which frees it. */
typedef struct sasl_interact {
    unsigned long id;      /**< which SASL_CB_ number is asked for */
    const char *challenge; /**< what is asked, as a label: "Authentication Name"; with ECHOPROMPT the server's words */
    const char *prompt;    /**< what is asked, as a sentence */
    const char *defresult; /**< the answer if the user gives none; may be NULL */
    void *result;          /**< for the answer: allocated as ::sasl_set_alloc says, wiped and freed by the library */
    unsigned len;          /**< for the length of the answer */
} sasl_interact_t;

/** Readies the client side. May be called again: the newest list counts for connections made from then on.
 *  @param callbacks a list kept by reference until sasl_done; may be NULL
 *  @returns SASL_OK or SASL_NOMEM */
extern int sasl_client_init(const sasl_callback_t *callbacks);

/** Makes a client connection.
 *  @param service the registered name of the service, such as "smtp" or "imap"; NULL is SASL_FAIL
 *  @param serverFQDN the full name of the server's host; NULL leaves out the mechanisms that need it
 *  @param prompt_supp callbacks, kept by reference until sasl_dispose; may be NULL
 *  @param secflags ::SASL_SECURITY_LAYER or 0
 *  @param pconn receives the connection, to be given back with ::sasl_dispose; NULL is SASL_FAIL
 *  @returns SASL_OK, SASL_NOMECH, SASL_NOMEM; SASL_FAIL: wrong parameters, or before ::sasl_client_init */
extern int sasl_client_new(const char *service, const char *serverFQDN, const sasl_callback_t *prompt_supp,
                           int secflags, sasl_conn_t **pconn);

/** Chooses the best mechanism, and makes the first message.
 *  @param conn the connection; NULL is SASL_FAIL
 *  @param mechlist the server's mechanisms, with anything that is no letter, digit, "-" or "_" between them; NULL is
 *         SASL_BADPARAM
 *  @param secret the password, which stays the caller's; NULL: ask for it
 *  @param prompt_need points to NULL at first; with SASL_INTERACT it receives the questions, and is left as it is for
 *         the next call, which frees them. NULL: never ask.
 *  @param clientout receives the message, for the caller to free; NULL in it: there is none, which differs from an empty
 *         one. It is set on every return. NULL: the protocol cannot send a message along; then none is made.
 *  @param clientoutlen receives the length of the message; must not be NULL if clientout is not
 *  @param mech receives the name of the mechanism, which lasts as long as the connection; may be NULL
 *  @returns SASL_CONTINUE or SASL_OK: send the message; then call ::sasl_client_step for what the server answers;
 *           SASL_INTERACT, SASL_NOMECH, or another error */
extern int sasl_client_start(sasl_conn_t *conn, const char *mechlist, sasl_secret_t *secret,
                             sasl_interact_t **prompt_need, char **clientout, unsigned *clientoutlen,
                             const char **mech);

/** Takes a message of the server, and makes the next one. SASL_OK ends the authentication for the client; the server
 *  must have said so too.
 *  @param conn a connection that ::sasl_client_start was called for; NULL is SASL_FAIL
 *  @param serverin the message, as raw bytes; NULL only if serverinlen is 0
 *  @param serverinlen its length
 *  @param prompt_need as in ::sasl_client_start
 *  @param clientout receives the message to send, for the caller to free, or NULL; it is set on every return
 *  @param clientoutlen receives its length
 *  @returns SASL_OK, SASL_CONTINUE, SASL_INTERACT, or an error of the mechanism */
extern int sasl_client_step(sasl_conn_t *conn, const char *serverin, unsigned serverinlen,
                            sasl_interact_t **prompt_need, char **clientout, unsigned *clientoutlen);

/** Would log a user in for several connections. Never could.
 *  @param conn ignored
 *  @param user ignored
 *  @param pass ignored
 *  @param passlen ignored
 *  @param prompts ignored
 *  @param keep receives NULL; may be NULL
 *  @returns SASL_FAIL */
extern int sasl_client_auth(sasl_conn_t *conn, const char *user, const char *pass, unsigned passlen,
                            sasl_interact_t *prompts, sasl_secret_t **keep);

/** Wipes and frees a secret that was allocated as ::sasl_set_alloc says.
 *  @param secret where the pointer to it is, which becomes NULL; NULL, or a pointer to NULL, does nothing */
extern void sasl_free_secret(sasl_secret_t **secret);

/*
 * Server.
 */
/** Readies the server side, and reads appname.conf from the first directory that GETPATH, the variable SASL_PATH, or
 *  else the library ("/usr/lib/sasl") names. May be called again: then everything is done anew.
 *  @param callbacks a list kept by reference until sasl_done; may be NULL
 *  @param appname the name of the program; NULL is SASL_BADPARAM
 *  @returns SASL_OK; SASL_FAIL: the configuration file has an error, or an entry no function; SASL_BADPARAM, SASL_NOMEM,
 *           or what the GETPATH or VERIFYFILE callback returned */
extern int sasl_server_init(const sasl_callback_t *callbacks, const char *appname);

/** Makes a server connection.
 *  @param service the registered name of the service, such as "smtp" or "imap"; NULL is SASL_FAIL
 *  @param serverFQDN the full name of this host; NULL: find it out
 *  @param user_realm the realm of all users; NULL: that is serverFQDN; "": what follows the first "@" of a user's name,
 *         or serverFQDN if there is none
 *  @param callbacks kept by reference until sasl_dispose; may be NULL
 *  @param secflags ::SASL_SECURITY_LAYER or 0
 *  @param pconn receives the connection, to be given back with ::sasl_dispose; NULL is SASL_FAIL
 *  @returns SASL_OK, SASL_NOMEM; SASL_FAIL: wrong parameters, or before ::sasl_server_init */
extern int sasl_server_new(const char *service, const char *serverFQDN, const char *user_realm,
                           const sasl_callback_t *callbacks, int secflags, sasl_conn_t **pconn);

/** Lists the mechanisms that this connection can use, as one string: prefix, names with sep between them, suffix.
 *  @param conn a server connection; NULL is SASL_FAIL
 *  @param user ignored; may be NULL
 *  @param prefix what comes first; NULL for nothing
 *  @param sep what comes between; NULL for a space
 *  @param suffix what comes last; NULL for nothing
 *  @param result receives the string, for the caller to free; NULL is SASL_FAIL. After an error it is NULL.
 *  @param plen receives its length; may be NULL
 *  @param pcount receives the number of mechanisms; may be NULL
 *  @returns SASL_OK, also with none; SASL_NOMEM, SASL_FAIL */
extern int sasl_listmech(sasl_conn_t *conn, const char *user, const char *prefix, const char *sep, const char *suffix,
                         char **result, unsigned *plen, unsigned *pcount);

/** Starts the mechanism that the client chose. What an earlier attempt left on this connection is forgotten.
 *  @param conn the connection; NULL is SASL_FAIL
 *  @param mech its name; capitals do not matter; NULL is SASL_BADPARAM
 *  @param clientin the client's first message, as raw bytes; NULL: it sent none, which differs from an empty one
 *  @param clientinlen its length
 *  @param serverout receives the challenge, for the caller to free; NULL in it: there is none
 *  @param serveroutlen receives the length of the challenge
 *  @param errstr receives NULL, or what was wrong: a text that lasts until the next call for this connection or its end;
 *         may be NULL
 *  @returns SASL_CONTINUE: send the challenge; SASL_OK: authenticated; SASL_NOMECH, SASL_BADPROT, SASL_BADAUTH,
 *           SASL_NOUSER, or another error: not authenticated */
extern int sasl_server_start(sasl_conn_t *conn, const char *mech, const char *clientin, unsigned clientinlen,
                             char **serverout, unsigned *serveroutlen, const char **errstr);

/** Takes the next message of the client.
 *  @param conn a connection that ::sasl_server_start was called for; NULL is SASL_FAIL
 *  @param clientin the message, as raw bytes; NULL only if clientinlen is 0
 *  @param clientinlen its length
 *  @param serverout as in ::sasl_server_start
 *  @param serveroutlen receives the length of the challenge
 *  @param errstr as in ::sasl_server_start
 *  @returns as ::sasl_server_start */
extern int sasl_server_step(sasl_conn_t *conn, const char *clientin, unsigned clientinlen, char **serverout,
                            unsigned *serveroutlen, const char **errstr);

/** Checks a plaintext password, as the option pwcheck_method says. The user is then authenticated.
 *  @param conn a server connection; NULL is SASL_FAIL
 *  @param user the name, as a string; NULL is SASL_BADPARAM
 *  @param userlen ignored
 *  @param pass the password; NULL is SASL_BADPARAM
 *  @param passlen its length
 *  @param errstr as in ::sasl_server_start
 *  @returns SASL_OK, SASL_BADAUTH, SASL_NOUSER, SASL_NOMECH, SASL_BADPARAM, SASL_FAIL, or what the verifier gave */
extern int sasl_checkpass(sasl_conn_t *conn, const char *user, unsigned userlen, const char *pass, unsigned passlen,
                          const char **errstr);

/** Would tell whether a user exists, which takes a connection.
 *  @param service ignored
 *  @param user_realm ignored
 *  @param user ignored
 *  @returns SASL_FAIL */
extern int sasl_user_exists(const char *service, const char *user_realm, const char *user);

#define SASL_SET_CREATE 0x01  /**< make the user if there is none */
#define SASL_SET_DISABLE 0x02 /**< remove the password */

/** Sets the password of a user for every mechanism that can keep one.
 *  @param conn a server connection; NULL is SASL_FAIL
 *  @param user the name, as a string; NULL is SASL_BADPARAM
 *  @param pass the new password; NULL only with ::SASL_SET_DISABLE
 *  @param passlen its length; 0 is SASL_BADPARAM unless ::SASL_SET_DISABLE is set
 *  @param flags ::SASL_SET_CREATE or ::SASL_SET_DISABLE but not both, or 0
 *  @param errstr as in ::sasl_server_start
 *  @returns SASL_OK, SASL_BADPARAM, SASL_NOUSER, SASL_NOMECH, or the last error of a mechanism */
extern int sasl_setpass(sasl_conn_t *conn, const char *user, const char *pass, unsigned passlen, int flags,
                        const char **errstr);

/** Would act with the credentials that the client handed over. No mechanism here takes any.
 *  @param conn ignored
 *  @returns SASL_FAIL */
extern int sasl_cred_install(sasl_conn_t *conn);

/** Would undo ::sasl_cred_install.
 *  @param conn ignored
 *  @returns SASL_FAIL */
extern int sasl_cred_uninstall(sasl_conn_t *conn);

#ifdef __cplusplus
}
#endif

#endif /* SASL_H */
