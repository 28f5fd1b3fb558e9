#!/bin/sh
# Links the shared library from the static one with the C compiler and whatever linker it has: for toolchains without lld.
set -eu
cd "$(dirname "$0")/.."
stage=target/lib
script=target/link-cc.map
{
    echo 'SASL2 {'
    echo '  global:'
    sed 's/$/;/' capi/libsasl2/exports.txt
    echo '  local: *;'
    echo '};'
} >$script
mkdir -p target/link-cc
cc -shared -o target/link-cc/libsasl2.so.2 -Wl,-soname,libsasl2.so.2 -Wl,--version-script=$script \
    -Wl,--whole-archive $stage/libsasl2.a -Wl,--no-whole-archive -Wl,--gc-sections -lgcc_s -lc
echo "target/link-cc/libsasl2.so.2"
