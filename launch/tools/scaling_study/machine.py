"""What the machine is that starts the study, and what it does meanwhile."""

import datetime
import glob
import os
import platform
import re
import subprocess

from .study_file import ROOT


def read(path, default=""):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return default


def output_of(*words):
    """Of a command that may be missing: "" then."""
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def processor():
    match = re.search(r"^model name\s*:\s*(.*)$", read("/proc/cpuinfo"), re.M)
    return match[1] if match else platform.machine()


def cores():
    """Physical cores that this process may use."""
    found = set()
    for cpu in os.sched_getaffinity(0):
        topology = f"/sys/devices/system/cpu/cpu{cpu}/topology/"
        found.add((read(topology + "physical_package_id", "0"), read(topology + "core_id", str(cpu))))
    return len(found)


def megahertz():
    """Mean of what /proc/cpuinfo says now; None where it does not."""
    found = [float(value) for value in re.findall(r"^cpu MHz\s*:\s*([\d.]+)", read("/proc/cpuinfo"), re.M)]
    return sum(found) / len(found) if found else None


class ProcessorTime:
    """Ticks of all processors since the start: (all, stolen by the host)."""

    def __init__(self):
        ticks = [int(value) for value in read("/proc/stat").split("\n")[0].split()[1:9]]
        self.all, self.stolen = sum(ticks), ticks[7] if len(ticks) > 7 else 0

    def stolen_share_since(self, earlier):
        return (self.stolen - earlier.stolen) / max(1, self.all - earlier.all)


def load():
    return os.getloadavg()[0]


def caches():
    found = {}
    for index in sorted(glob.glob("/sys/devices/system/cpu/cpu0/cache/index*")):
        kind = {"Data": "d", "Instruction": "i"}.get(read(index + "/type"), "")
        found[f"L{read(index + '/level')}{kind}"] = f"{read(index + '/size')}, processors {read(index + '/shared_cpu_list')}"
    return found


def git_sha():
    """Of the checkout that holds this script, "-dirty" where files differ from it; "unknown" outside one."""
    git = ("git", "-C", ROOT, "-c", "safe.directory=*")
    sha = output_of(*git, "rev-parse", "--short=10", "HEAD")
    if not sha:
        return "unknown"
    return sha + ("-dirty" if output_of(*git, "status", "--porcelain", "--untracked-files=no") else "")


def now():
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")


def state():
    """What changes: written at the start and at the end of each part of a study."""
    return {"date": now(), "load": os.getloadavg(), "stolen_ticks": ProcessorTime().stolen,
            "all_ticks": ProcessorTime().all, "megahertz": megahertz(),
            "memory_available_kib": memory("MemAvailable")}


def memory(field):
    match = re.search(rf"^{field}:\s*(\d+)", read("/proc/meminfo"), re.M)
    return int(match[1]) if match else None


def environment(program):
    """What stays. The compiler, MPI and BLAS are gemring's own words."""
    governors = {read(path) for path in glob.glob("/sys/devices/system/cpu/cpu*/cpufreq/scaling_governor")}
    return {
        "host": platform.node(), "processor": processor(), "processors": os.cpu_count(), "physical_cores": cores(),
        "affinity": sorted(os.sched_getaffinity(0)), "caches": caches(), "memory_kib": memory("MemTotal"),
        "numa_nodes": len(glob.glob("/sys/devices/system/node/node[0-9]*")) or 1,
        "kernel": platform.release(), "system": pretty_system(),
        "governor": ", ".join(sorted(governors)) or "none told (a virtual machine, mostly)",
        "hypervisor": bool(re.search(r"^flags\s*:.*\bhypervisor\b", read("/proc/cpuinfo"), re.M)),
        "huge_pages": read("/sys/kernel/mm/transparent_hugepage/enabled"),
        "program": program, "program_version": output_of(program, "--version").split("\n"),
        "launcher_version": output_of("mpirun", "--version").split("\n")[0], "git_sha": git_sha(),
        "python": platform.python_version(),
        "variables": {name: value for name, value in sorted(os.environ.items())
                      if re.match(r"(OMP|OMPI|OPENBLAS|GEMRING|PMIX|UCX|SLURM_(JOB|N|CPUS)|PBS_)", name)},
    }


def pretty_system():
    match = re.search(r'^PRETTY_NAME="?([^"\n]*)', read("/etc/os-release"), re.M)
    return match[1] if match else platform.system()
