#!/usr/bin/env bash
# What deploy/Dockerfile promises, without a container engine: the binary in a root that holds nothing but what
# distroless/cc has (glibc, libgcc, CA roots; no shell), as a user that is not root. As root.
# Usage: tests/deploy/image.sh BINARY
set -euo pipefail
binary=$(realpath "${1:?the coldstart binary}")
if [ "$(id -u)" != 0 ]; then
    echo "skipped: a root of its own needs root"
    exit 0
fi
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
chmod 755 "$root"
mkdir -p "$root"/{usr/local/bin,work,tmp,dev,etc/ssl/certs}
strip -o "$root/usr/local/bin/coldstart" "$binary"
chmod 755 "$root/usr/local/bin/coldstart"
for library in $(ldd "$binary" | grep -o '/[^ ]*'); do
    case $(basename "$library") in
    ld-linux-*.so.* | libc.so.6 | libm.so.6 | libgcc_s.so.1 | libdl.so.2 | libpthread.so.0 | librt.so.1) ;;
    *) echo "distroless/cc has no $library" && exit 1 ;;
    esac
    install -D "$(realpath "$library")" "$root$library"
done
cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
mknod -m 666 "$root/dev/null" c 1 3 && mknod -m 444 "$root/dev/urandom" c 1 9
chown 65532:65532 "$root/work" && chmod 1777 "$root/tmp"
chroot --userspec=65532:65532 "$root" /usr/local/bin/coldstart run --quiet --limit 10 --out /work/run >/dev/null 2>&1
glibc=$(objdump -T "$binary" | grep -o 'GLIBC_[0-9.]*' | sort -uV | tail -1)
echo "  not root, without a shell: the demo ran; binary $(($(stat -c %s "$root/usr/local/bin/coldstart") / 1024 / 1024)) MiB" \
    "stripped, wants $glibc"
