/*
 * md5global.h: the short type names that the MD5 headers use.
 *
 * Part of oxisasl, MIT OR Apache-2.0. The names, types and values are those of the SASL 1.5 interface, version 1.5.28.
 */
#ifndef MD5GLOBAL_H
#define MD5GLOBAL_H

#include <limits.h>

#ifndef PROTOTYPES
/** 0: ::PROTO_LIST gives an empty parameter list. Nothing in these headers depends on it. */
#define PROTOTYPES 0
#endif

#if PROTOTYPES
/** A parameter list in parentheses, or nothing, as PROTOTYPES says. */
#define PROTO_LIST(list) list
#else
/** A parameter list in parentheses, or nothing, as PROTOTYPES says. */
#define PROTO_LIST(list) ()
#endif

/** A pointer to bytes. */
typedef unsigned char *POINTER;

/** A signed integer of 8 bits. */
typedef signed char INT1;
/** A signed integer of 16 bits. */
typedef short INT2;
/** A signed integer of 32 bits. */
typedef int INT4;
/** An unsigned integer of 8 bits. */
typedef unsigned char UINT1;
/** An unsigned integer of 16 bits. */
typedef unsigned short UINT2;
/** An unsigned integer of 32 bits. */
typedef unsigned int UINT4;

#if ULONG_MAX > 0xffffffffUL
/** A signed integer of 64 bits. */
typedef long INT8;
/** An unsigned integer of 64 bits. */
typedef unsigned long UINT8;
#elif defined(__GNUC__)
__extension__ typedef long long INT8;
__extension__ typedef unsigned long long UINT8;
#else
typedef long long INT8;
typedef unsigned long long UINT8;
#endif

#endif /* MD5GLOBAL_H */
