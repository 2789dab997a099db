#!/usr/bin/env bash
# A SLURM cluster of one node on this machine, for tests: slurmctld and slurmd as root without systemd, two made-up GPUs.
# Usage: start.sh FOLDER. Writes /etc/slurm/slurm.conf, where jobs look for it, unless somebody else's is there. stop.sh FOLDER
# ends it all. The node says that it has 8 cores, so that jobs run side by side on any machine.
set -euo pipefail
folder=$(mkdir -p "$1" && cd "$1" && pwd)
host=$(hostname -s)
read -r port node_port < <(python3 -c '
import socket
free = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
print(*(server.getsockname()[1] for server in free))')
memory=$(awk '/MemTotal/ {print int($2 / 1024) - 500}' /proc/meminfo)
mkdir -p "$folder/state" "$folder/spool" /run/munge
for gpu in 0 1; do
    [ -e "$folder/gpu$gpu" ] || mknod "$folder/gpu$gpu" c 1 3 # what /dev/null is
done
mkdir -p /etc/slurm
if [ -f /etc/slurm/slurm.conf ] && ! grep -q '^ClusterName=talkflow$' /etc/slurm/slurm.conf; then
    echo "/etc/slurm/slurm.conf is another cluster's" >&2
    exit 1
fi

if ! munge -n >/dev/null 2>&1; then
    [ -s /etc/munge/munge.key ] || mungekey --create
    chown -R munge: /etc/munge /run/munge /var/log/munge /var/lib/munge
    chmod 755 /run/munge
    setpriv --reuid=munge --regid=munge --init-groups munged
    cp /run/munge/munged.pid "$folder"
fi

cat >/etc/slurm/slurm.conf <<CONF
ClusterName=talkflow
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
SlurmdUser=root
SlurmctldPort=$port
SlurmdPort=$node_port
AuthType=auth/munge
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
ReturnToService=2
SlurmdParameters=config_overrides
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,batch_sched_delay=0
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
GresTypes=gpu
NodeName=$host NodeAddr=127.0.0.1 CPUs=8 RealMemory=$memory Gres=gpu:2 State=UNKNOWN
PartitionName=main Nodes=$host Default=YES MaxTime=INFINITE State=UP
CONF
cat >/etc/slurm/gres.conf <<CONF
AutoDetect=off
NodeName=$host Name=gpu File=$folder/gpu[0-1]
CONF

slurmctld
slurmd
for _ in $(seq 60); do
    [ "$(sinfo --noheader --format %t 2>/dev/null)" = idle ] && exit 0
    sleep 0.5
done
echo "the node is not idle:" >&2
sinfo >&2 || true
tail -n 20 "$folder"/slurm*.log >&2
exit 1
