#!/usr/bin/env bash
# Ends what start.sh FOLDER started: munge too, unless it ran before.
set -uo pipefail
for daemon in slurmd slurmctld munged; do
    [ -f "$1/$daemon.pid" ] && kill "$(cat "$1/$daemon.pid")" 2>/dev/null
done
grep -qs '^ClusterName=talkflow$' /etc/slurm/slurm.conf && rm -f /etc/slurm/slurm.conf /etc/slurm/gres.conf
exit 0
