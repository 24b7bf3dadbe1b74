#!/bin/sh
# Installs what the browser test needs: Debian's chromium and playwright-core from npm.
set -eu
cd "$(dirname "$0")"
command -v chromium >/dev/null || apt-get install -y --no-install-recommends chromium fonts-dejavu-core
[ -d node_modules/playwright-core ] || npm ci --no-audit --no-fund
