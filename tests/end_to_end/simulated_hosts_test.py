"""launch/tools/simulated-hosts: hosts that are apart, links of the rate that was asked for, the command's exit code,
and nothing left behind however it ends. gemring on such hosts: hosts_test.py."""

import os
import re
import shlex
import signal
import subprocess
import sys
import time
import unittest

import gemring_run
from gemring_run import EndToEnd, Run

sys.path.insert(0, os.path.join(gemring_run.ROOT, "launch", "tools"))
import host_cores  # pylint: disable=wrong-import-position

CANNOT = 77

# Sends some megabytes to a process on the other host and waits until it has them all: prints the seconds.
TRANSFER = """
import os, socket, subprocess, sys, time
size, receiver = int(sys.argv[1]), sys.argv[2]
words = [os.environ["SIMULATED_HOSTS_RSH"], "host1", f"{sys.executable} {receiver} {size}"]
peer = subprocess.Popen(words, stdout=subprocess.PIPE)
peer.stdout.readline()
with socket.create_connection(("host1", 5000)) as link:
    for _ in range(2):
        begin = time.monotonic()
        link.sendall(bytes(size))
        link.recv(1)
        print(time.monotonic() - begin)
    begin = time.monotonic()
    for _ in range(10):
        link.sendall(b"?")
        link.recv(1)
    print((time.monotonic() - begin) / 10)
"""
RECEIVER = """
import socket, sys
size = int(sys.argv[1])
with socket.create_server(("0.0.0.0", 5000)) as server:
    print("ready", flush=True)
    link, _ = server.accept()
    for message in [size, size] + [1] * 10:
        while message > 0:
            message -= len(link.recv(min(message, 1 << 20)))
        link.sendall(b"!")
"""


def devices():
    return sorted(os.listdir("/sys/class/net"))


class SimulatedHosts(EndToEnd):
    def hosts(self, *words, **more):
        return Run([gemring_run.SIMULATED_HOSTS, *map(str, words)], **more)

    def lines(self, *words, **more):
        run = self.hosts(*words, **more).finish(60)
        self.assertEqual(run.code, 0, run.describe())
        return sorted(run.stdout.split("\n")[:-1])

    def test_each_host_has_its_name_and_ranks_and_the_callers_directory(self):
        show = 'echo "$(hostname) $OMPI_COMM_WORLD_RANK $OMP_NUM_THREADS $PWD"'
        found = self.lines(3, "--ranks-per-host", 2, "--threads", 5, "--", "sh", "-c", show, cwd=self.directory)
        self.assertEqual(found, [f"host{rank // 2} {rank} 5 {self.directory}" for rank in range(6)])

    def test_hosts_may_have_different_numbers_of_ranks(self):
        show = 'echo "$(hostname) $OMPI_COMM_WORLD_RANK"'
        self.assertEqual(self.lines(2, "--ranks-per-host", "1,2", "--", "sh", "-c", show), ["host0 0", "host1 1", "host1 2"])

    def test_options_of_mpirun_and_standard_input_arrive(self):
        found = self.lines(2, "--mpirun=-x 'GREETING=two  words' --tag-output", "--", "sh", "-c",
                           'echo "$GREETING$(cat)"', stdin=b"!")
        self.assertEqual(found, ["[1,0]<stdout>:two  words!", "[1,1]<stdout>:two  words"])

    def test_an_mpirun_of_the_commands_own_reaches_all_hosts(self):
        found = self.lines(3, "--once", "--", "mpirun", "-n", 3, "hostname")
        self.assertEqual(found, ["host0", "host1", "host2"])

    def test_hosts_share_neither_processors_nor_shared_memory_where_there_are_enough(self):
        show = 'echo x > /dev/shm/of-$(hostname); sleep 0.3; echo $(ls /dev/shm | grep of-) $(taskset -cp $$)'
        found = self.lines(2, "--", "sh", "-c", show)
        self.assertEqual([line.split()[0] for line in found], ["of-host0", "of-host1"])
        self.assertFalse([name for name in os.listdir("/dev/shm") if name.startswith("of-")])
        if len(os.sched_getaffinity(0)) > 1 and os.path.exists("/sys/devices/system/cpu/cpu0/topology/core_id"):
            processors = [line.split()[-1] for line in found]
            self.assertNotEqual(*processors)

    def test_cores_are_divided_and_shared_only_where_they_do_not_suffice(self):
        cores = [[0, 4], [1, 5], [2, 6], [3, 7]]  # two hyperthreads each
        for hosts, wanted, expected in [(2, None, [[0, 1, 4, 5], [2, 3, 6, 7]]), (3, None, [[0, 4], [1, 5], [2, 6]]),
                                        (5, None, [[0, 4], [1, 5], [2, 6], [3, 7], [0, 4]]), (2, 1, [[0, 4], [1, 5]]),
                                        (2, 3, [[0, 1, 2, 4, 5, 6], [0, 1, 3, 4, 5, 7]]), (1, "all", [[0, 1, 2, 3, 4, 5, 6, 7]])]:
            self.assertEqual(host_cores.divide(cores, hosts, wanted), expected)
        with self.assertRaisesRegex(ValueError, "5 cores"):
            host_cores.divide(cores, 2, 5)

    def test_the_ready_hostfiles_work_as_they_say(self):
        if len(os.sched_getaffinity(0)) < 2:
            self.skipTest("two ranks of a host, each bound to a core, want two cores")
        folder = os.path.join(gemring_run.CLUSTER_CONFIGS, "hostfiles")
        for name in sorted(os.listdir(folder)):
            with self.subTest(name), open(os.path.join(folder, name), encoding="utf-8") as file:
                text = file.read()
                said = shlex.split(re.search(r"^#   (mpirun .*) gemring generate \.\.\.$", text, re.M)[1])
                said[said.index(name)] = self.path(name, re.sub(r"^node(\d)", lambda node: f"host{int(node[1]) - 1}", text,
                                                                flags=re.M))
                said = [re.sub(r"pe=16", "pe=1", word) for word in said]
                slots = [int(number) for number in re.findall(r"^node\d slots=(\d)", text, re.M)]
                found = self.lines(2, "--ranks-per-host", 2, "--cores-per-host", "all", "--once", "--", *said, "hostname")
                self.assertEqual(found, [f"host{i}" for i, count in enumerate(slots) for _ in range(count)])

    def test_the_exit_code_is_the_commands(self):
        self.assertEqual(self.hosts(2, "--", "sh", "-c", "exit 5").finish().code, 5)
        self.assertEqual(self.hosts(2, "--once", "--", "sh", "-c", "kill -9 $$").finish().code, 137)

    def test_a_mistake_is_told_with_code_2(self):
        for words, problem in [(["2"], "no command"), (["0", "--", "true"], "'0' is no number"),
                               (["2", "--rate", "fast", "--", "true"], "'fast' is no rate"),
                               (["3", "--rate", "1gbit,1gbit", "--", "true"], "2 values for 3 hosts"),
                               (["2", "--once", "--mpirun=-v", "--", "true"], "--once"),
                               (["2", "--mpirun='", "--", "true"], "--mpirun")]:
            with self.subTest(problem):
                run = self.hosts(*words).finish()
                self.assertEqual(run.code, 2, run.describe())
                self.assertIn(problem, run.stderr)

    def transfer(self, megabytes, *options):
        """Bits per second of a transfer that met an open window, and the seconds that a byte takes there and back."""
        receiver = self.path("receiver.py", RECEIVER)
        run = self.hosts(2, *options, "--once", "--", sys.executable, self.path("transfer.py", TRANSFER),
                         int(megabytes * 1e6), receiver).finish(60)
        self.assertEqual(run.code, 0, run.describe())
        _, seconds, there_and_back = map(float, run.stdout.split())
        return megabytes * 8e6 / seconds, there_and_back

    def test_a_link_is_as_fast_as_was_asked_for_and_not_faster(self):
        unlimited, _ = self.transfer(50)
        slow, _ = self.transfer(5, "--rate", "200mbit")
        fast, _ = self.transfer(25, "--rate", "1gbit")
        print(f"rates: 200 Mbit/s {slow / 1e6:.0f}, 1000 Mbit/s {fast / 1e6:.0f}, unlimited {unlimited / 1e6:.0f}")
        # The bucket lets 128 KiB through at once, a fortieth of the slower transfer. How much slower it may be is left
        # to the machine: others may be using it.
        self.assertLess(slow, 1.03 * 200e6)
        self.assertLess(fast, 1.03 * 1e9)
        self.assertGreater(slow, 0.3 * 200e6)
        self.assertGreater(unlimited, 1.5 * fast)

    def test_a_delay_is_added_or_refused_never_ignored(self):
        run = self.hosts(2, "--delay", "20ms", "--once", "--", "true").finish()
        if run.code == CANNOT:
            self.assertIn("netem", run.stderr)
            self.assertEqual(run.stdout, "")
            return
        for rate in ([], ["--rate", "1gbit"]):
            _, there_and_back = self.transfer(1, "--delay", "20ms", *rate)
            self.assertGreater(there_and_back, 0.040)
            self.assertLess(there_and_back, 0.150)

    def test_nothing_is_left_after_a_signal(self):
        before = devices()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            with self.subTest(signal.Signals(number).name):
                run = self.hosts(2, "--", "sh", "-c", "echo up; sleep 1000")
                run.wait_until(lambda run=run: run.stdout.count("up") == 2)
                run.process.send_signal(number)
                run.finish(20)
                self.assertEqual(run.code, -9 if number == signal.SIGKILL else 128 + number, run.describe())
                self.assertEqual(run.left_over(), [])
        self.assertEqual(devices(), before)

    def test_two_at_once_do_not_meet(self):
        both = [self.hosts(2, "--", "sh", "-c", "sleep 0.5; hostname") for _ in range(2)]
        for run in both:
            run.finish(30)
            self.assertEqual(run.code, 0, run.describe())
            self.assertEqual(sorted(run.stdout.split()), ["host0", "host1"])

    def test_an_ordinary_user_may_have_hosts_or_is_told_why_not(self):
        if os.geteuid() != 0:
            self.skipTest("every test here is run by an ordinary user")
        words = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "env", "HOME=/", gemring_run.SIMULATED_HOSTS,
                 "2", "--", "hostname"]
        done = subprocess.run(words, cwd="/", capture_output=True, text=True, timeout=60, check=False)
        if done.returncode == CANNOT or "Permission denied" in done.stderr:  # a checkout that only root may read
            self.assertRegex(done.stderr, r"cannot: |Permission denied")
        else:
            self.assertEqual((done.returncode, sorted(done.stdout.split())), (0, ["host0", "host1"]), done.stderr)


if __name__ == "__main__":
    gemring_run.need_simulated_hosts()
    gemring_run.main()
