#!/bin/sh
# What the demo and the checks need on Debian 12: says what is missing, installs it, and is silent when all is there.
#
#   scripts/packages.sh demo     what `make demo` needs, and Sendmail unpacked under target/rig
#   scripts/packages.sh check    what `make check` needs: more programs, Sendmail's source package, and an empty Debian 12
#                                under target/rig/debian, in which docs/sendmail.md is tried
#   scripts/packages.sh list demo|check    only prints the list
#
# Run as root or where sudo works. Services that come with the packages are not started. Sendmail itself is never
# installed, for it would push out Postfix: its packages are only downloaded and unpacked.
set -eu
cd "$(dirname "$0")/.."

# Sendmail's runtime libraries, the compiler, m4 for its configuration, and the stock library with its tools: they are
# the measuring stick, and its saslpasswd2 runs on our library.
demo='gcc libc6-dev lld make pkg-config m4 util-linux
sasl2-bin libsasl2-2 libsasl2-modules libsasl2-modules-db
libdb5.3 libldap-2.5-0 libnsl2 libssl3 libwrap0 liblockfile1'
check="$demo
g++ clang valgrind dpkg-dev xz-utils patch binutils openssl
libsasl2-dev libpam0g-dev libsasl2-modules-gssapi-mit slapd ldap-utils postfix
libsasl2-modules-otp libsasl2-modules-sql libsasl2-modules-ldap postgresql mariadb-server sqlite3
libgssapi-krb5-2 krb5-kdc krb5-admin-server krb5-user faketime
libjansson4 libpq5 libmariadb3 libsqlite3-0 libxml2
 db5.3-util libdb-dev liblmdb-dev lmdb-utils libgdbm-dev strace groff-base util-linux-extra
 debootstrap debian-archive-keyring iproute2 courier-authdaemon libcap2-bin"

rig=target/rig

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# Installs what is missing of the packages named.
install_missing() {
    missing=
    for package in "$@"; do
        case $(dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null || :) in
            ii*) ;;
            *) missing="$missing $package" ;;
        esac
    done
    [ -n "$missing" ] || return 0
    echo "Installing:$missing"
    policy=/usr/sbin/policy-rc.d
    if [ ! -e $policy ]; then
        # The packaging system asks this file before it starts a service: 101 means no.
        trap 'as_root rm -f $policy' EXIT
        printf '#!/bin/sh\nexit 101\n' | as_root tee $policy >/dev/null
        as_root chmod 755 $policy
    fi
    # shellcheck disable=SC2086 # a list of names
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 install -qq -y \
        --no-install-recommends $missing >/dev/null 2>"$rig/apt.log" || {
        as_root apt-get -o DPkg::Lock::Timeout=120 update -qq
        as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 install -qq -y \
            --no-install-recommends $missing >/dev/null
    }
}

# Unpacks sendmail-bin and sendmail-cf into target/rig/sendmail.
unpack_sendmail() {
    [ ! -e $rig/sendmail/ready ] || return 0
    echo "Unpacking sendmail-bin and sendmail-cf (not installed) into $rig/sendmail"
    rm -rf $rig/sendmail $rig/debs
    mkdir -p $rig/debs
    (cd $rig/debs && apt-get -qq -o APT::Sandbox::User=root download sendmail-bin sendmail-cf 2>../apt.log) || {
        as_root apt-get -o DPkg::Lock::Timeout=120 update -qq
        (cd $rig/debs && apt-get -qq -o APT::Sandbox::User=root download sendmail-bin sendmail-cf)
    }
    for deb in $rig/debs/*.deb; do dpkg-deb -x "$deb" $rig/sendmail; done
    rm -rf $rig/debs
    # A set-gid program ignores LD_LIBRARY_PATH.
    chmod 755 $rig/sendmail/usr/libexec/sendmail/sendmail
    touch $rig/sendmail/ready
}

# Unpacks Cyrus imapd, its test client and the libraries of theirs that nothing else here needs into target/rig/cyrus. They are
# not installed: imapd wants a mail server, a user and directories of its own.
unpack_cyrus() {
    [ ! -e $rig/cyrus/ready ] || return 0
    echo "Unpacking cyrus-imapd and cyrus-clients (not installed) into $rig/cyrus"
    rm -rf $rig/cyrus $rig/cyrus-debs
    mkdir -p $rig/cyrus-debs
    set -- cyrus-common cyrus-imapd cyrus-clients libxapian30 libpcre3 libical3
    (cd $rig/cyrus-debs && apt-get -qq -o APT::Sandbox::User=root download "$@" 2>../apt.log) || {
        as_root apt-get -o DPkg::Lock::Timeout=120 update -qq
        (cd $rig/cyrus-debs && apt-get -qq -o APT::Sandbox::User=root download "$@")
    }
    for deb in $rig/cyrus-debs/*.deb; do dpkg-deb -x "$deb" $rig/cyrus; done
    rm -rf $rig/cyrus-debs
    touch $rig/cyrus/ready
}

# Unpacks the upstream source of Debian's Sendmail package, Debian's patches left out, into target/rig/sendmail-source.
# The source index is fetched into a private directory: the system's own lists stay as they are.
unpack_source() {
    [ ! -e $rig/sendmail-source/ready ] || return 0
    echo "Unpacking Sendmail's source package into $rig/sendmail-source"
    rm -rf $rig/sendmail-source $rig/apt
    mkdir -p $rig/sendmail-source $rig/apt/lists/partial
    apt-get indextargets --format \
        'deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $(SITE) $(RELEASE) $(COMPONENT)' \
        'Created-By: Packages' 'Origin: Debian' | sort -u >$rig/apt/sources.list
    here=$PWD/$rig/apt
    set -- -qq -o APT::Sandbox::User=root -o Dir::Etc::SourceList="$here/sources.list" -o Dir::Etc::SourceParts=/dev/null \
        -o Dir::State::Lists="$here/lists" -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache=
    apt-get "$@" update
    (cd $rig/sendmail-source && apt-get "$@" source --download-only sendmail >/dev/null)
    tar -C $rig/sendmail-source --strip-components=1 -xf "$(ls $rig/sendmail-source/sendmail_*.orig.tar.*[z2])"
    rm -rf $rig/apt
    touch $rig/sendmail-source/ready
}

# Makes a Debian 12 with nothing but its essential packages in target/rig/debian, and fetches into its cache every package
# that docs/sendmail.md installs: the test of the document then needs no network.
make_debian() {
    debian=$PWD/$rig/debian
    wanted=$(sed -n 's/^apt-get install -y --no-install-recommends //p' docs/sendmail.md)
    [ "$(cat "$debian.ready" 2>/dev/null)" != "$wanted" ] || return 0
    if [ ! -e "$debian.ready" ]; then
        echo "Making an empty Debian 12 in $rig/debian"
        as_root rm -rf "$debian"
        as_root debootstrap --variant=minbase bookworm "$debian" http://deb.debian.org/debian >$rig/debootstrap.log
        as_root chroot "$debian" apt-get clean
    fi
    echo "Fetching the packages that docs/sendmail.md installs into $rig/debian"
    as_root cp /etc/resolv.conf "$debian/etc/resolv.conf"
    list=$debian/etc/apt/sources.list.d/source.list
    echo 'deb-src http://deb.debian.org/debian bookworm main' | as_root tee "$list" >/dev/null
    as_root chroot "$debian" apt-get -qq update
    # Package by package: what one way of the document installs may exclude what another does.
    for package in $wanted; do
        as_root chroot "$debian" apt-get -qq -y --no-install-recommends --download-only install "$package" >/dev/null
    done
    as_root rm "$list" "$debian/etc/resolv.conf"
    echo "$wanted" | as_root tee "$debian.ready" >/dev/null
}

case ${1-} in
    list)
        case ${2-} in
            demo) list=$demo ;;
            check) list=$check ;;
            *) echo "usage: $0 list demo|check" >&2; exit 2 ;;
        esac
        # shellcheck disable=SC2086
        printf '%s\n' $list
        ;;
    demo | check)
        mkdir -p $rig
        # shellcheck disable=SC2086
        if [ "$1" = demo ]; then install_missing $demo; else install_missing $check; fi
        unpack_sendmail
        if [ "$1" = check ]; then
            unpack_source
            unpack_cyrus
            make_debian
        fi
        ;;
    *)
        echo "usage: $0 demo|check|list demo|list check" >&2
        exit 2
        ;;
esac
