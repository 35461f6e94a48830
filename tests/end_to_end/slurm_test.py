"""What `gemring launch slurm` writes runs under a real Slurm: Debian's slurmctld, slurmd and munge on two simulated
hosts, with a configuration of their own. srun with PMIx, and mpirun; ranks, threads and cores as planned; the same
answer as without Slurm. Installs nothing: skips where Slurm is missing (launch/tools/install-packages optional)."""

import glob
import json
import os
import re
import shutil
import subprocess
import sys

import gemring_run
from gemring_run import EndToEnd, Run

CANNOT = 77
TOOLS = ["munged", "slurmctld", "slurmd", "sbatch", "srun", "sinfo", "scontrol"]
CLUSTER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "slurm_cluster.py")


class Slurm(EndToEnd):
    """All jobs in one run of the cluster: it takes seconds to start."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        case = gemring_run.needle_cases()[4]
        cls.answer = case["answer"]
        with open(os.path.join(cls.directory, "a prompt.txt"), "w", encoding="utf-8") as file:
            file.write(case["prompt"])
        cls.request = ["--model", gemring_run.DEMO_MODEL, "--prompt-file", "a prompt.txt", "--keep", "153", "--keep-last", "21",
                       "--max-new-tokens", "16"]
        cls.job("srun", "--ranks-per-node", "2", "--time", "0:10:00")
        cls.job("mpirun", "--launcher", "mpirun", "--partition", "p", "--before", "module() { true; }", "--before",
                "module load openmpi")
        cls.job("missing", "--model-there", "/nowhere")
        run = Run([gemring_run.SIMULATED_HOSTS, "2", "--cores-per-host", "all", "--once", "--", sys.executable, CLUSTER,
                   cls.directory, "srun", "mpirun", "missing"]).finish(300)
        if run.code != 0:
            logs = "".join(f"\n-- {path}\n{cls.read(path)[-3000:]}" for path in glob.glob(f"{cls.directory}/*.log"))
            raise AssertionError(run.describe() + logs)
        cls.codes = json.loads(cls.read("codes.json"))
        cls.left = run.left_over()

    @classmethod
    def job(cls, name, *options):
        words = [gemring_run.GEMRING, "launch", "slurm", "--nodes", "2", "--cores-per-node", "2", "--tokens", "1024", "--name",
                 name, "--output", name, *options, *cls.request]
        subprocess.run(words, cwd=cls.directory, env=gemring_run.environment(), check=True, capture_output=True)

    @classmethod
    def read(cls, name):
        with open(os.path.join(cls.directory, name), encoding="utf-8", errors="replace") as file:
            return file.read()

    def output_of(self, name, kind):
        paths = glob.glob(os.path.join(self.directory, f"{name}-*.{kind}"))
        self.assertEqual(len(paths), 1, paths)
        return self.read(paths[0])

    def assert_ran(self, name, hosts, threads):
        log = self.output_of(name, "log")
        self.assertEqual(self.codes[name], 0, log)
        placed = re.findall(r"rank (\d+) on (host\d): (\d+) thread", log)
        self.assertEqual(placed, [(str(rank), host, str(threads)) for rank, host in enumerate(hosts)], log)
        alone = Run([gemring_run.GEMRING, "generate", *self.request], cwd=self.directory).finish()
        self.assertEqual(alone.code, 0, alone.describe())
        self.assertEqual(self.output_of(name, "out"), alone.stdout)
        self.assertTrue(alone.stdout.strip().startswith(self.answer), alone.stdout)
        return log

    def test_srun_starts_two_ranks_of_one_thread_on_each_node_bound_to_a_core(self):
        log = self.assert_ran("srun", ["host0", "host0", "host1", "host1"], 1)
        if "task/affinity" in self.read("slurm.conf"):
            cores = re.findall(r"rank \d+ on (host\d): .* it may use core (\d+)", log)
            self.assertEqual(len(set(cores)), 4, log)

    def test_mpirun_starts_one_rank_of_two_threads_on_each_node(self):
        if "task/affinity" not in self.read("slurm.conf"):
            self.skipTest("two threads want two cores")
        self.assert_ran("mpirun", ["host0", "host1"], 2)

    def test_the_job_ends_with_the_programs_exit_code(self):
        self.assertEqual(self.codes["missing"], 4, self.output_of("missing", "log"))

    def test_no_daemon_is_left(self):
        self.assertEqual(self.left, [])


if __name__ == "__main__":
    missing = [tool for tool in TOOLS if not shutil.which(tool, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")]
    if missing:
        print(f"no {', '.join(missing)}: Slurm is not installed (Debian: slurm-wlm; launch/tools/install-packages optional)")
        sys.exit(CANNOT)
    if os.geteuid() != 0:
        print("Slurm's daemons want root")
        sys.exit(CANNOT)
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    gemring_run.need_simulated_hosts()
    gemring_run.main()
