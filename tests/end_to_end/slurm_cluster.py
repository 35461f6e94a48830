"""A private Slurm on simulated hosts: run it there, it submits job scripts and ends.

    launch/tools/simulated-hosts 2 --cores-per-host all --once -- python3 slurm_cluster.py DIRECTORY SCRIPT...

Configuration, key, state and logs are in DIRECTORY and in the hosts' own /dev/shm; the daemons die with the hosts. Each
script is submitted in DIRECTORY by sbatch; `codes.json` there then holds their exit codes. Jobs find `gemring`
and the rest where this program does. Nothing is read from /etc/slurm.
"""

import json
import os
import re
import socket
import subprocess
import sys
import time

SECONDS_TO_START = 60
SECONDS_OF_A_JOB = 120
HOSTS = 2
CPUS = 2  # that a host has at least: where the machine has fewer, Slurm is told so and cannot bind

CONFIGURATION = """
ClusterName=simulated
SlurmctldHost={first}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=/dev/shm/munge/socket
StateSaveLocation={directory}/state
SlurmdSpoolDir=/dev/shm/slurmd
SlurmctldPidFile=/dev/shm/slurmctld.pid
SlurmdPidFile=/dev/shm/slurmd.pid
SlurmctldLogFile={directory}/slurmctld.log
SlurmdLogFile={directory}/slurmd-%h.log
TmpFS=/dev/shm
ProctrackType=proctrack/linuxproc
TaskPlugin={tasks}
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerParameters=sched_min_interval=100000
MpiDefault=none
ReturnToService=2
KillWait=2
SlurmdParameters=config_overrides
NodeName={names} {processors} RealMemory=8000
PartitionName=p Nodes=ALL Default=YES MaxTime=INFINITE
"""


def write(path, content, mode=0o644):
    with open(path, "wb") as file:
        file.write(content)
    os.chmod(path, mode)


class Cluster:
    def __init__(self, directory):
        self.directory = directory
        self.names = [f"host{i}" for i in range(HOSTS)]
        self.daemons = []
        os.makedirs(os.path.join(directory, "state"), exist_ok=True)
        write(os.path.join(directory, "munge.key"), os.urandom(1024), 0o400)
        found = dict(re.findall(r"(\w+)=(\d+)", subprocess.run(["slurmd", "-C"], capture_output=True, text=True,
                                                               check=True).stdout))
        binds = int(found["CPUs"]) >= CPUS
        processors = [f"{name}={found[name]}" for name in ("CPUs", "Boards", "SocketsPerBoard", "CoresPerSocket",
                                                           "ThreadsPerCore")] if binds else [f"CPUs={CPUS}"]
        write(os.path.join(directory, "slurm.conf"), CONFIGURATION.format(
            first=self.names[0], directory=directory, names=",".join(self.names), processors=" ".join(processors),
            tasks="task/affinity" if binds else "task/none").encode())
        for name in ("orte_default_hostfile", "plm_rsh_agent", "hwloc_base_binding_policy", "rmaps_base_mapping_policy"):
            os.environ.pop(f"OMPI_MCA_{name}", None)  # it is Slurm that tells mpirun the nodes, and reaches them
        os.environ["SLURM_CONF"] = os.path.join(directory, "slurm.conf")

    def on(self, host, line):
        """Starts a line of shell on a host, in the background; what it says goes into a log."""
        with open(os.path.join(self.directory, "daemons.log"), "ab") as log:
            words = [os.environ["SIMULATED_HOSTS_RSH"], host, line]
            self.daemons.append(subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log))

    def start(self):
        for host in self.names:
            munge = "/dev/shm/munge"
            self.on(host, f"mkdir -p {munge} /dev/shm/slurmd && exec munged --foreground --force --num-threads=1 "
                          f"--key-file={self.directory}/munge.key --socket={munge}/socket --pid-file={munge}/pid "
                          f"--log-file={munge}/log --seed-file={munge}/seed")
        self.wait_for("munged", lambda: os.path.exists("/dev/shm/munge/socket"))
        self.on(self.names[0], "exec slurmctld -c -D")
        for host in self.names:
            self.on(host, f"exec slurmd -N {host} -D")
        self.wait_for("idle nodes", lambda: self.idle() == HOSTS)

    def idle(self):
        done = subprocess.run(["sinfo", "--noheader", "--Node", "--format=%T"], capture_output=True, text=True, check=False)
        return done.stdout.split().count("idle")

    def wait_for(self, what, condition):
        end = time.monotonic() + SECONDS_TO_START
        while not condition():
            dead = [daemon.args[2] for daemon in self.daemons if daemon.poll() is not None]
            if dead or time.monotonic() > end:
                sys.exit(f"no {what}: {'; '.join(dead) or 'time is over'}")
            time.sleep(0.1)

    def run(self, script):
        """The exit code of the job; 128 + n where a signal ended it."""
        told = subprocess.run(["sbatch", "--parsable", script], cwd=self.directory, capture_output=True, text=True, check=False)
        if told.returncode != 0:
            sys.exit(f"sbatch {script}: {told.stderr}")
        job = told.stdout.strip()
        end = time.monotonic() + SECONDS_OF_A_JOB
        while time.monotonic() < end:
            shown = subprocess.run(["scontrol", "--oneliner", "show", "job", job], capture_output=True, text=True, check=True)
            found = dict(re.findall(r"(\w+)=(\S+)", shown.stdout))
            if found["JobState"] not in ("PENDING", "CONFIGURING", "RUNNING", "COMPLETING"):
                code, number = map(int, found["ExitCode"].split(":"))
                return code or (128 + number if number else 0)
            time.sleep(0.1)
        sys.exit(f"{script} still {found['JobState']} ({found['Reason']}) after {SECONDS_OF_A_JOB} s")


def main():
    if socket.gethostname() != "host0":
        sys.exit("start it through launch/tools/simulated-hosts --once")
    cluster = Cluster(os.path.realpath(sys.argv[1]))
    cluster.start()
    codes = {script: cluster.run(script) for script in sys.argv[2:]}
    write(os.path.join(cluster.directory, "codes.json"), json.dumps(codes).encode())


if __name__ == "__main__":
    main()
