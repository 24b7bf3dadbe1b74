#!/usr/bin/env bash
# The image of deploy/Dockerfile, built and run by buildah with no more isolation than a chroot: its last stage for
# real, over a base made of the Debian packages that distroless is made of; the binary is the one given here instead
# of one compiled in the first stage. As root. Usage: tests/deploy/image.sh BINARY
# MAX_BYTES bounds the image: a release binary keeps it under 60 MB, one with debug code does not.
set -euo pipefail
cd "$(dirname "$0")/../.."
binary=$(realpath "${1:?the coldstart binary}")
skip() { echo "skipped: $1" && exit 0; }
command -v buildah >/dev/null || skip "no buildah; tests/deploy/debian.sh installs it"
[ "$(id -u)" = 0 ] || skip "a chroot needs root"
work=$(mktemp -d)
export BUILDAH_ISOLATION=chroot
buildah() { command buildah --storage-driver vfs --root "$work/store" --runroot "$work/runroot" "$@"; }
pids=()
finish() {
    kill "${pids[@]}" 2>/dev/null || true
    buildah umount --all >/dev/null 2>&1 || true
    rm -rf "$work"
}
trap finish EXIT

# The base: what gcr.io/distroless/base-nossl-debian12:nonroot holds, from where it has it.
base=$work/base
mkdir -p "$work/packages" "$base"/{etc/ssl/certs,home/nonroot,tmp}
(cd "$work/packages" && apt-get download -qq base-files netbase media-types tzdata ca-certificates libc6 \
    >"$work/log" 2>&1) || skip "Debian's packages are away: $(tail -1 "$work/log")"
for package in "$work"/packages/*.deb; do dpkg-deb -x "$package" "$base"; done
find "$base/usr/share/ca-certificates" -name '*.crt' -exec cat {} + >"$base/etc/ssl/certs/ca-certificates.crt"
rm -rf "$base"/usr/share/{doc,man,lintian}
echo "nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin" >"$base/etc/passwd"
echo "nonroot:x:65532:" >"$base/etc/group"
chown 65532:65532 "$base/home/nonroot" && chmod 1777 "$base/tmp"
printf 'FROM scratch\nCOPY base /\nUSER 65532\nENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt\n' >"$work/Base"
buildah build -q -f "$work/Base" -t localhost/base "$work" >"$work/log" 2>&1 ||
    skip "buildah cannot work here: $(tail -1 "$work/log")"

mkdir -p "$work/built/src/target/dist"
strip -o "$work/built/src/target/dist/coldstart" "$binary"
cp /lib/*-linux-gnu/libgcc_s.so.1 "$work/built/src/target/dist/"
buildah build -q -f deploy/Dockerfile -t localhost/coldstart \
    --build-context gcr.io/distroless/base-nossl-debian12:nonroot=container-image://localhost/base \
    --build-context "build=$work/built" deploy >/dev/null
user=$(buildah inspect --type image --format '{{.OCIv1.Config.User}}' localhost/coldstart)
[ "$user" = 65532 ] || { echo "the image's user is '$user'" && exit 1; }
container=$(buildah from localhost/coldstart)
root=$(buildah mount "$container")
bytes=$(du -sb "$root" | cut -f1)
[ "$bytes" -lt "${MAX_BYTES:-1000000000}" ] || { echo "the image has $bytes bytes" && exit 1; }
[ ! -e "$root/bin/sh" ] || { echo "a shell is in the image" && exit 1; }
within() { buildah run "$container" -- /usr/local/bin/coldstart "$@"; }
within run --quiet --limit 10 --out run >/dev/null 2>&1
[ "$(stat -c %u "$root/work/run/manifest.json")" = 65532 ] || { echo "the program ran as root" && exit 1; }

# The CA roots are those of the image: a server with a certificate of another CA is refused until they hold that CA.
printf '[req]\ndistinguished_name = dn\n[dn]\n[own]\nbasicConstraints = CA:FALSE\nsubjectAltName = DNS:localhost\n' \
    >"$work/openssl.conf"
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -config "$work/openssl.conf" -extensions own \
    -keyout "$work/key" -out "$work/certificate" 2>/dev/null
"$binary" sim --port 0 >"$work/url" 2>/dev/null &
pids+=($!)
until [ -s "$work/url" ]; do sleep 0.1; done
python3 tests/deploy/tls.py "$(cat "$work/url")" "$work/certificate" "$work/key" >"$work/https" &
pids+=($!)
until [ -s "$work/https" ]; do sleep 0.1; done
"$binary" endpoints example --sim "$(cat "$work/https")" >"$root/work/endpoints.toml"
over_tls() { within run --quiet --limit 4 --endpoints endpoints.toml --out tls >"$work/log" 2>&1; }
refused() { if over_tls; then echo "a certificate of nobody was believed" && exit 1; fi && grep -qi certificate "$work/log"; }
# On a busy machine the last lines of what was said, which name the cause, were missing from the log once, with one of buildah's own.
refused || refused || refused || { cat "$work/log" && exit 1; }
cat "$work/certificate" >>"$root/etc/ssl/certs/ca-certificates.crt"
over_tls || { cat "$work/log" && exit 1; }

program=$(stat -c %s "$root/usr/local/bin/coldstart")
glibc=$(objdump -T "$binary" | grep -o 'GLIBC_[0-9.]*' | sort -uV | tail -1)
echo "  user 65532, no shell: the demo ran, and ran over TLS by the image's CA roots; $((bytes / 1000000)) MB, the binary" \
    "$((program / 1000000)) MB stripped, wants $glibc"
