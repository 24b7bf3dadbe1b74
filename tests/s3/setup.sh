#!/bin/sh
# Installs the S3 server that tests/it/store.rs runs the store suite against: moto, which honours
# If-None-Match on PUT (serve.py runs it). Into target/s3 (a Python venv); does nothing when it is
# there.
set -eu
cd "$(dirname "$0")/../.."
venv=target/s3
if [ ! -x "$venv/bin/moto_server" ]; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check 'moto[server]==5.2.5'
fi
echo "$venv/bin/moto_server"
