#!/bin/sh
# Makes a virtual environment with the official SDKs (and the LiteLLM proxy) from PyPI; prints its
# python. Exit 77: there is no python or no PyPI, and what needs it is to be skipped.
#   setup.sh FOLDER PACKAGE…
set -u
folder=$1
shift
if [ ! -x "$folder/bin/python" ]; then
    python3 -m venv "$folder" >&2 || exit 77
fi
"$folder/bin/pip" install --quiet --disable-pip-version-check "$@" >&2 || exit 77
echo "$folder/bin/python"
