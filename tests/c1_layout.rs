//! A program compiled against our headers of the 1.5 interface has the numbers built in that programs of 1.5 had: sizes,
//! offsets and values as they are known, and the same as the library's own (`capi/libsasl/src/abi.rs` checks its sizes itself).

#[path = "support/cc.rs"]
mod cc;

use std::process::Command;

/// Structures: size, and each member with its offset.
const STRUCTURES: &[(&str, usize, &str)] = &[
    ("sasl_secret_t", 16, "len 0 data 8"),
    (
        "sasl_security_properties_t",
        32,
        "min_ssf 0 max_ssf 4 maxbufsize 8 security_flags 12 property_names 16 property_values 24",
    ),
    ("sasl_external_properties_t", 16, "ssf 0 auth_id 8"),
    ("sasl_callback_t", 24, "id 0 proc 8 context 16"),
    ("sasl_interact_t", 48, "id 0 challenge 8 prompt 16 defresult 24 result 32 len 40"),
    ("MD5_CTX", 88, "state 0 count 16 buffer 24"),
    ("HMAC_MD5_CTX", 176, "ictx 0 octx 88"),
    ("HMAC_MD5_STATE", 32, "istate 0 ostate 16"),
    (
        "sasl_utils_t",
        232,
        "version 0 conn 8 rpool 16 getopt_context 24 getopt 32 getprop 40 malloc 48 calloc 56 realloc 64 free 72 \
         mutex_new 80 mutex_lock 88 mutex_unlock 96 mutex_dispose 104 MD5Init 112 MD5Update 120 MD5Final 128 \
         hmac_md5 136 hmac_md5_init 144 hmac_md5_final 152 hmac_md5_precalc 160 hmac_md5_import 168 mkchal 176 \
         utf8verify 184 rand 192 churn 200 checkpass 208 getcallback 216 log 224",
    ),
    (
        "sasl_out_params_t",
        104,
        "doneflag 0 mech_ssf 4 maxoutbuf 8 encode_context 16 encode 24 getmic 32 decode_context 40 decode 48 \
         verifymic 56 user 64 authid 72 realm 80 param_version 88 credentials 96",
    ),
    (
        "sasl_client_params_t",
        88,
        "service 0 pass 8 serverFQDN 16 clientFQDN 24 utils 32 secret 40 props 48 external_ssf 80 param_version 84",
    ),
    (
        "sasl_client_plug_t",
        80,
        "mech_name 0 max_ssf 8 security_flags 12 required_prompts 16 glob_context 24 mech_new 32 mech_step 40 \
         mech_dispose 48 mech_free 56 auth_create 64 idle 72",
    ),
    (
        "sasl_server_params_t",
        104,
        "service 0 appname 8 serverFQDN 16 user_realm 24 utils 32 props 40 external_ssf 72 transition 80 \
         retain_users 88 param_version 96",
    ),
    (
        "sasl_server_plug_t",
        104,
        "mech_name 0 max_ssf 8 security_flags 12 glob_context 16 mech_new 24 mech_step 32 mech_dispose 40 mech_free 48 \
         setpass 56 user_query 64 idle 72 install_credentials 80 uninstall_credentials 88 dispose_credentials 96",
    ),
    ("sasl_ssf_t", 4, ""),
    ("sasl_verify_type_t", 4, ""),
];

/// Macros and enumerators.
const CONSTANTS: &str = "\
VERSION_MAJOR 1 VERSION_MINOR 5 VERSION_STEP 28 MECHNAMEMAX 20 \
CONTINUE 1 OK 0 FAIL -1 NOMEM -2 BUFOVER -3 NOMECH -4 BADPROT -5 NOTDONE -6 BADPARAM -7 TRYAGAIN -8 BADMAC -9 INTERACT 2 \
BADSERV -10 WRONGMECH -11 NEWSECRET -12 BADAUTH -13 NOAUTHZ -14 TOOWEAK -15 ENCRYPT -16 TRANS -17 EXPIRED -18 \
DISABLED -19 NOUSER -20 PWLOCK -21 NOCHANGE -22 BADVERS -23 NOPATH -25 \
SECURITY_LAYER 1 SEC_NOPLAINTEXT 1 SEC_NOACTIVE 2 SEC_NODICTIONARY 4 SEC_FORWARD_SECRECY 8 SEC_NOANONYMOUS 16 \
SEC_PASS_CREDENTIALS 512 \
USERNAME 0 SSF 1 MAXOUTBUF 2 REALM 3 GETOPTCTX 4 IP_LOCAL 5 IP_REMOTE 6 SSF_EXTERNAL 100 SEC_PROPS 101 \
CB_LIST_END 0 CB_GETOPT 1 CB_LOG 2 CB_GETPATH 3 CB_VERIFYFILE 4 CB_USER 0x4001 CB_AUTHNAME 0x4002 CB_LANGUAGE 0x4003 \
CB_PASS 0x4004 CB_ECHOPROMPT 0x4005 CB_NOECHOPROMPT 0x4006 CB_GETREALM 0x4007 CB_PROXY_POLICY 0x8001 \
CB_SERVER_GETSECRET 0x8002 CB_SERVER_PUTSECRET 0x8003 \
LOG_ERR 1 LOG_WARNING 2 LOG_INFO 3 VRFY_PLUGIN 1 VRFY_CONF 2 VRFY_PASSWD 3 VRFY_OTHER 4 \
SET_CREATE 1 SET_DISABLE 2 SET_REMOVE 1 CLIENT_PLUG_VERSION 3 SERVER_PLUG_VERSION 3";

#[test]
fn sizes_offsets_and_values_are_those_of_1_5() {
    let mut asserts = String::new();
    for (name, size, members) in STRUCTURES {
        asserts += &format!("_Static_assert(sizeof({name}) == {size}, \"size of {name}\");\n");
        let words: Vec<&str> = members.split_whitespace().collect();
        for member in words.chunks(2) {
            let (field, offset) = (member[0], member[1]);
            asserts += &format!("_Static_assert(offsetof({name}, {field}) == {offset}, \"{name}.{field}\");\n");
        }
    }
    let words: Vec<&str> = CONSTANTS.split_whitespace().collect();
    for constant in words.chunks(2) {
        let (name, value) = (constant[0], constant[1]);
        asserts += &format!("_Static_assert(SASL_{name} == {value}, \"SASL_{name}\");\n");
    }
    // A pointer or a signed int where programs were compiled for one.
    asserts += "_Static_assert((__typeof__(((sasl_security_properties_t *)0)->security_flags))-1 < 0, \"signed\");\n\
                _Static_assert(__builtin_types_compatible_p(__typeof__(((sasl_interact_t *)0)->result), void *), \"result\");\n";
    let text = format!(
        "#include <stddef.h>\n#include <sasl.h>\n#include <saslutil.h>\n#include <saslplug.h>\n{asserts}int main(void) {{ return 0; }}\n"
    );
    let dir = cc::scratch("layout");
    let source = cc::write(&dir, "layout.c", &text);
    let mut command = Command::new("gcc");
    command.args(["-std=gnu11", "-fsyntax-only", "-I"]).arg(cc::include_dir().join("sasl1"));
    cc::run(command.arg(source));
    assert!(asserts.lines().count() > 190, "{}", asserts.lines().count());
}

/// Sendmail cuts the numbers out of the lines, and tells the interface by them.
#[test]
fn the_version_is_written_as_build_scripts_look_for_it() {
    let header = std::fs::read_to_string(cc::include_dir().join("sasl1/sasl.h")).expect("the header is there");
    for (name, number) in [("MAJOR", "1"), ("MINOR", "5"), ("STEP", "28")] {
        assert!(header.lines().any(|line| line == format!("#define SASL_VERSION_{name} {number}")), "{name}");
    }
    assert!(!header.contains("SASL_VERSION_FULL"), "2.1 has it, and programs tell the two by it");
}

/// Every prototype, as programs of 1.5 call it: the types are compared by the compiler.
#[test]
fn functions_have_the_types_of_1_5() {
    let prototypes = "\
        void set_alloc(sasl_malloc_t *, sasl_calloc_t *, sasl_realloc_t *, sasl_free_t *);\
        void set_mutex(sasl_mutex_new_t *, sasl_mutex_lock_t *, sasl_mutex_unlock_t *, sasl_mutex_dispose_t *);\
        void done(void);\
        void dispose(sasl_conn_t **);\
        int usererr(int);\
        const char *errstring(int, const char *, const char **);\
        int getprop(sasl_conn_t *, int, void **);\
        int setprop(sasl_conn_t *, int, const void *);\
        int idle(sasl_conn_t *);\
        int encode(sasl_conn_t *, const char *, unsigned, char **, unsigned *);\
        int decode(sasl_conn_t *, const char *, unsigned, char **, unsigned *);\
        int client_init(const sasl_callback_t *);\
        int client_new(const char *, const char *, const sasl_callback_t *, int, sasl_conn_t **);\
        int client_start(sasl_conn_t *, const char *, sasl_secret_t *, sasl_interact_t **, char **, unsigned *, const char **);\
        int client_step(sasl_conn_t *, const char *, unsigned, sasl_interact_t **, char **, unsigned *);\
        int client_auth(sasl_conn_t *, const char *, const char *, unsigned, sasl_interact_t *, sasl_secret_t **);\
        void free_secret(sasl_secret_t **);\
        int server_init(const sasl_callback_t *, const char *);\
        int server_new(const char *, const char *, const char *, const sasl_callback_t *, int, sasl_conn_t **);\
        int listmech(sasl_conn_t *, const char *, const char *, const char *, const char *, char **, unsigned *, unsigned *);\
        int server_start(sasl_conn_t *, const char *, const char *, unsigned, char **, unsigned *, const char **);\
        int server_step(sasl_conn_t *, const char *, unsigned, char **, unsigned *, const char **);\
        int checkpass(sasl_conn_t *, const char *, unsigned, const char *, unsigned, const char **);\
        int setpass(sasl_conn_t *, const char *, const char *, unsigned, int, const char **);\
        int user_exists(const char *, const char *, const char *);\
        int cred_install(sasl_conn_t *);\
        int cred_uninstall(sasl_conn_t *);\
        int decode64(const char *, unsigned, char *, unsigned *);\
        int encode64(const char *, unsigned, char *, unsigned, unsigned *);\
        int mkchal(sasl_conn_t *, char *, unsigned, int);\
        int utf8verify(const char *, unsigned);\
        int randcreate(sasl_rand_t **);\
        void randfree(sasl_rand_t **);\
        void randseed(sasl_rand_t *, const char *, unsigned);\
        void rand(sasl_rand_t *, char *, unsigned);\
        void churn(sasl_rand_t *, const char *, unsigned);\
        sasl_getopt_t getopt_x; int getopt_x(void *, const char *, const char *, const char **, unsigned *);\
        sasl_log_t log_x; int log_x(void *, int, const char *);\
        sasl_getpath_t getpath_x; int getpath_x(void *, char **);\
        sasl_verifyfile_t verifyfile_x; int verifyfile_x(void *, const char *, sasl_verify_type_t);\
        sasl_getsimple_t simple_x; int simple_x(void *, int, const char **, unsigned *);\
        sasl_getsecret_t secret_x; int secret_x(sasl_conn_t *, void *, int, sasl_secret_t **);\
        sasl_chalprompt_t chal_x; int chal_x(void *, int, const char *, const char *, const char *, const char **, unsigned *);\
        sasl_getrealm_t realm_x; int realm_x(void *, int, const char **, const char **);\
        sasl_authorize_t policy_x; int policy_x(void *, const char *, const char *, const char **, const char **);\
        sasl_server_getsecret_t get_x; int get_x(void *, const char *, const char *, const char *, sasl_secret_t **);\
        sasl_server_putsecret_t put_x; int put_x(void *, const char *, const char *, const char *, const sasl_secret_t *);\
        sasl_malloc_t malloc_x; void *malloc_x(unsigned long);\
        sasl_calloc_t calloc_x; void *calloc_x(unsigned long, unsigned long);\
        sasl_realloc_t realloc_x; void *realloc_x(void *, unsigned long);\
        sasl_free_t free_x; void free_x(void *);";
    let mut lines = String::from("#include <sasl.h>\n#include <saslutil.h>\n");
    for prototype in prototypes.split_inclusive(';').map(str::trim).filter(|line| !line.is_empty()) {
        let (head, parameters) = prototype.split_once('(').unwrap_or((prototype, ""));
        match head.rsplit_once([' ', '*']) {
            Some((_, name)) if !parameters.is_empty() && !name.ends_with("_x") => {
                let kind = &head[..head.len() - name.len()];
                lines += &format!("{kind}sasl_{name}({parameters}\n");
            }
            _ => lines += &format!("{prototype}\n"),
        }
    }
    let dir = cc::scratch("prototypes");
    let source = cc::write(&dir, "prototypes.c", &lines);
    let mut command = Command::new("gcc");
    command.args(["-std=gnu11", "-Wall", "-Werror", "-fsyntax-only", "-I"]).arg(cc::include_dir().join("sasl1"));
    cc::run(command.arg(source));
}
