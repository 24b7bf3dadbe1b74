#!/bin/sh
# Installs what Debian has for these tests: SLURM, and buildah for the image. As root, after `apt-get update`.
set -eu
export DEBIAN_FRONTEND=noninteractive
command -v slurmctld >/dev/null ||
    apt-get install -y --no-install-recommends slurmctld slurmd slurm-client munge
command -v buildah >/dev/null || apt-get install -y --no-install-recommends buildah
