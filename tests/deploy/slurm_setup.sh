#!/bin/sh
# Installs SLURM for tests/deploy/slurm.sh, as Debian has it.
set -eu
command -v slurmctld >/dev/null ||
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends slurmctld slurmd slurm-client munge
