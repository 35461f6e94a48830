#!/bin/bash
# Two hosts on one machine: network namespaces joined by a bridge, each with a hostname of its own, so that ranks on
# different hosts talk through TCP and ranks of one host through shared memory.
#   simulated_hosts.sh RANKS_PER_HOST PROGRAM...     runs the program through mpirun on both; all is removed at the end
# Exit code 77 with the reason where the machine cannot do it (no root, no namespaces).
set -euo pipefail

hosts=2
ranks_per_host=$1
shift
name=gr$$               # unique per process; a network interface has at most 15 characters
octet=$(($$ % 250 + 2)) # so that two of these at once have networks of their own
network=10.77.$octet

cannot() {
  echo "skipped: no simulated hosts: $1"
  exit 77
}
[[ $EUID -eq 0 ]] || cannot "network namespaces need root"
command -v ip >/dev/null || cannot "no ip (package iproute2)"
command -v unshare >/dev/null || cannot "no unshare (package util-linux)"

scratch=$(mktemp -d)
cleanup() {
  for ((i = 0; i < hosts; i++)); do
    ip netns pids "$name$i" 2>/dev/null | xargs --no-run-if-empty kill -9 2>/dev/null || true
    ip netns del "$name$i" 2>/dev/null || true # its end of the cable goes with it
  done
  ip link del "$name-br" 2>/dev/null || true
  rm -rf "$scratch"
}
trap cleanup EXIT
trap 'exit 143' TERM INT HUP

ip netns add "${name}0" 2>/dev/null || cannot "this machine allows no network namespaces"
ip netns del "${name}0"
ip link add "$name-br" type bridge 2>/dev/null || cannot "this kernel has no bridge"
ip link set "$name-br" up
for ((i = 0; i < hosts; i++)); do
  ip netns add "$name$i"
  ip link add "$name-v$i" type veth peer name eth0 netns "$name$i"
  ip link set "$name-v$i" master "$name-br" up
  ip -n "$name$i" link set lo up
  ip -n "$name$i" address add "$network.$((i + 1))/24" dev eth0
  ip -n "$name$i" link set eth0 up
  echo "$network.$((i + 1)) slots=$ranks_per_host" >>"$scratch/hosts"
done

# Stands in for ssh:  rsh [options] ADDRESS COMMAND...
cat >"$scratch/rsh" <<SCRIPT
#!/bin/bash
while [[ \$1 == -* ]]; do shift; done
host=$name\$((\${1##*.} - 1))
shift
exec ip netns exec "\$host" unshare --uts -- sh -c 'hostname "\$0"; exec sh -c "\$1"' "\$host" "\$*"
SCRIPT
chmod +x "$scratch/rsh"

export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_mpi_yield_when_idle=1
ip netns exec "${name}0" unshare --uts -- sh -c 'hostname "$0"; exec "$@"' "${name}0" \
  mpirun --bind-to none --hostfile "$scratch/hosts" --mca plm_rsh_agent "$scratch/rsh" \
  --mca oob_tcp_if_include "$network.0/24" --mca btl self,vader,tcp --mca btl_tcp_if_include "$network.0/24" --mca pml ob1 \
  -n $((hosts * ranks_per_host)) --map-by "ppr:$ranks_per_host:node" "$@"
