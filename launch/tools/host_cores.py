"""Which of the machine's cores each simulated host has."""

import os


def physical_cores():
    """The processors that this process may use, one list for each physical core."""
    cores = {}
    for processor in sorted(os.sched_getaffinity(0)):
        key = []
        for name in ("physical_package_id", "core_id"):
            try:
                with open(f"/sys/devices/system/cpu/cpu{processor}/topology/{name}", encoding="ascii") as file:
                    key.append(int(file.read()))
            except OSError:
                key.append(processor)
        cores.setdefault(tuple(key), []).append(processor)
    return [processors for _, processors in sorted(cores.items())]


def divide(cores, hosts, wanted):
    """The processors of each host: `wanted` consecutive cores ("all", or None for an equal share); from the beginning
    again where they do not suffice. ValueError where one host wants more than there are."""
    share = len(cores) if wanted == "all" else wanted or max(len(cores) // hosts, 1)
    if share > len(cores):
        raise ValueError(f"{share} cores for each host are wanted, and this machine gives {len(cores)}")
    return [sorted(processor for j in range(share) for processor in cores[(i * share + j) % len(cores)])
            for i in range(hosts)]
