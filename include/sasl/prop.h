/*
 * prop.h: property contexts, the list of named values (a password, a home directory, ...) that a server asks its
 * auxiliary property stores for.
 *
 * Part of oxisasl, MIT OR Apache-2.0. The names, types and values are those of the libsasl2 interface, version 2.1.28.
 */
#ifndef PROP_H
#define PROP_H 1

/** Storage class of every function of the interface. */
#define LIBSASL_API extern
/** Storage class of every variable of the interface. */
#define LIBSASL_VAR extern

/** The number of names that ::prop_new makes room for when it is asked for 0. */
#define PROP_DEFAULT 4

#ifdef __cplusplus
extern "C" {
#endif

/** One property and its values. Everything it points to belongs to the property context, except the name, which belongs
 *  to whoever called ::prop_request. */
struct propval {
    const char *name;    /**< the name; NULL marks the end of an array, and in ::prop_getnames a name not asked for */
    const char **values; /**< NUL-terminated values, the list ended by NULL; NULL: no value was found */
    unsigned nvalues;    /**< the number of values */
    unsigned valsize;    /**< the length of all values together in bytes, without the terminating NULs */
};

/** A property context: the names asked for, and the values found for them. It is opaque, and one thread at a time may
 *  use it. No function below except ::prop_clear minds NULL for the context unless it says so. */
struct propctx;

/** Makes an empty property context.
 *  @param estimate how many names are expected; a hint, 0 for ::PROP_DEFAULT
 *  @returns the context, to be given back with ::prop_dispose; NULL when memory ran out */
LIBSASL_API struct propctx *prop_new(unsigned estimate);

/** Copies a property context. The names are shared with the original, the values are copied as C strings.
 *  @param src the context to copy; NULL is SASL_BADPARAM
 *  @param dst receives the copy, to be given back with ::prop_dispose; NULL is SASL_BADPARAM
 *  @returns SASL_OK, SASL_BADPARAM or SASL_NOMEM */
LIBSASL_API int prop_dup(struct propctx *src, struct propctx **dst);

/** Adds names to those that a lookup fills in. A name already there is not added again. All values that the context
 *  holds are dropped as soon as one name is given.
 *  @param ctx the context; NULL is SASL_BADPARAM
 *  @param names the names, ended by NULL; the strings are kept by reference and must outlive the context (the array
 *         itself need not); NULL is SASL_BADPARAM. A name such as "*userPassword" is that of the authenticated user,
 *         one without the star that of the user to act as.
 *  @returns SASL_OK, SASL_BADPARAM or SASL_NOMEM */
LIBSASL_API int prop_request(struct propctx *ctx, const char **names);

/** Gives all properties of a context in the order in which they were asked for.
 *  @param ctx the context; NULL gives NULL
 *  @returns an array ended by an element whose name is NULL. It belongs to the context and is valid until the context
 *           is changed or disposed. */
LIBSASL_API const struct propval *prop_get(struct propctx *ctx);

/** Gives chosen properties of a context.
 *  @param ctx the context; NULL is SASL_BADPARAM
 *  @param names the names to look for, ended by NULL; NULL is SASL_BADPARAM
 *  @param vals receives one element for each name, in the same order; the element of a name that was never asked for is
 *         all zero. What the elements point to is valid until the context is changed or disposed. NULL is SASL_BADPARAM
 *  @returns how many of the names had been asked for, whether or not they have values; or SASL_BADPARAM */
LIBSASL_API int prop_getnames(struct propctx *ctx, const char **names, struct propval *vals);

/** Drops all values, and wipes them.
 *  @param ctx the context; must not be NULL
 *  @param requests not 0: forget the names too */
LIBSASL_API void prop_clear(struct propctx *ctx, int requests);

/** Wipes and drops the values of one property. Call it as soon as a password is no longer needed.
 *  @param ctx the context; NULL does nothing
 *  @param name the property; NULL or a name not asked for does nothing */
LIBSASL_API void prop_erase(struct propctx *ctx, const char *name);

/** Gives a context back and wipes its values.
 *  @param ctx where the pointer to it is, which becomes NULL; NULL, or a pointer to NULL, does nothing */
LIBSASL_API void prop_dispose(struct propctx **ctx);

/** Writes the names of a context, one after the other, into one string.
 *  @param ctx the context; NULL is SASL_BADPARAM
 *  @param sep what to put between two names; NULL for nothing
 *  @param seplen how many bytes of sep to use; negative: all of it
 *  @param outbuf receives the string and a NUL; NULL is SASL_BADPARAM
 *  @param outmax the size of outbuf in bytes, with the NUL
 *  @param outlen receives the length without the NUL; may be NULL
 *  @returns SASL_OK; a positive number: how many more bytes outbuf needs; or a negative code, among them SASL_BADPARAM
 *           for a NULL and SASL_NOMECH for a context without names */
LIBSASL_API int prop_format(struct propctx *ctx, const char *sep, int seplen, char *outbuf, unsigned outmax,
                            unsigned *outlen);

/** Adds one value to a property. This is for the stores that answer a lookup.
 *  @param ctx the context; NULL is SASL_BADPARAM
 *  @param name a name that was asked for, else SASL_BADPARAM; NULL: the property of the preceding call
 *  @param value the value, copied; it may hold NUL bytes when vallen is given. NULL marks the property as present
 *         without value when it has none yet, and changes nothing otherwise.
 *  @param vallen the length of value in bytes; 0 or less: it ends at its first NUL
 *  @returns SASL_OK, SASL_BADPARAM or SASL_NOMEM */
LIBSASL_API int prop_set(struct propctx *ctx, const char *name, const char *value, int vallen);

/** Adds several values to a property.
 *  @param ctx the context; NULL is SASL_BADPARAM
 *  @param name a name that was asked for, else SASL_BADPARAM; NULL: the property of the preceding call
 *  @param values NUL-terminated values, ended by NULL, copied; NULL adds nothing
 *  @returns SASL_OK, SASL_BADPARAM or SASL_NOMEM */
LIBSASL_API int prop_setvals(struct propctx *ctx, const char *name, const char **values);

#ifdef __cplusplus
}
#endif

#endif /* PROP_H */
