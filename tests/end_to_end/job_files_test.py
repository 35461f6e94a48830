"""What `gemring launch` writes: the files as they are expected, character by character; whatever a user says arrives at
the program word by word and is run by nobody; what PBS, Kubernetes and Apptainer would read is held against their
documented form; and where a stand-in can play the system, the job is run. Under a real Slurm: slurm_test.py.

GEMRING_WRITE_GOLDEN=1 writes the expected files anew.
"""

import functools
import json
import os
import re
import subprocess
import sys
import tempfile

import gemring_run
from gemring_run import EndToEnd, Run

CANNOT = 77
DATA = os.path.join(gemring_run.ROOT, "tests", "data", "job_files")
SYSTEMS = {"slurm": [], "pbs": [], "apptainer": ["--image", "gemring.sif"],
           "kubernetes": ["--image", "registry/gemring:1", "--model-there", "/models/demo"]}

# What must reach the program as one word each, and nothing else.
HOSTILE = ["two  words", "it's", 'say "hi"', "$(touch $CANARY)", "`touch $CANARY`", "; touch $CANARY #", "a\nb", "$HOME $$ $(HOME)",
           "\n#SBATCH --nodes=99\n#PBS -q root\n", "*", "~", "back\\slash\\n", "@model@ @command@", "{{x}} {x: y} [z] - w: |",
           "--json=x", "é€😀", "\t", "trailing\\", "!history", "'; touch $CANARY; '", "%j %x", "\u2028\x7f\x85"]

# OpenPBS, qsub(1B) and pbs_resources(7B): the directives that are used here and the form of their values.
PBS_NAME = r"[A-Za-z][\w-]{0,235}"
PBS_SIZE = r"\d+(b|kb|mb|gb|tb)"
PBS_CHUNK = rf"\d+(:(ncpus|mpiprocs|ompthreads)=\d+|:mem={PBS_SIZE})+"
PBS_PLACE = r"(free|pack|scatter|vscatter)(:(excl|exclhost|shared))?"
PBS_DIRECTIVE = re.compile(rf"#PBS -(N {PBS_NAME}|A [^\s\"']+|q [\w.-]+(@[\w.-]+)?|l select={PBS_CHUNK}(\+{PBS_CHUNK})*|"
                           rf"l place={PBS_PLACE}|l walltime=(\d+:)?(\d+:)?\d+)")

SHOW = """#!/usr/bin/env python3
import json, sys
print(json.dumps(sys.argv[1:]))
"""


def expanded(argument, environment):
    """As Kubernetes does it: $(NAME) where it is set; $$ is $."""
    def one(match):
        if match[0] == "$$":
            return "$"
        return environment.get(match[1], match[0])
    return re.sub(r"\$\$|\$\(([^()$]*)\)", one, argument)


@functools.cache
def python_with_yaml():
    """The first Python that has PyYAML and jsonschema; None where none has."""
    for python in (sys.executable, "/usr/bin/python3"):
        if subprocess.run([python, "-c", "import yaml, jsonschema"], capture_output=True, check=False).returncode == 0:
            return python
    return None


READ_YAML = """
import json, sys, yaml, jsonschema
value = yaml.safe_load(open(sys.argv[1], encoding="utf-8"))
jsonschema.Draft7Validator(json.load(open(sys.argv[2]))).validate(value)
print(json.dumps(value))
"""


class JobFiles(EndToEnd):
    def launch(self, system, *words, env=None, **options):
        run = Run([gemring_run.GEMRING, "launch", system, *SYSTEMS[system], *map(str, words)],
                  env={"GEMRING_ISA": "portable", **(env or {})}, **options).finish()
        self.assertEqual(run.code, 0, run.describe())
        return run.stdout

    def demo(self, system, *words, **options):
        return self.launch(system, "--model", "launch/demo-data/model", *words, **options)

    def setUp(self):
        self.bin = tempfile.mkdtemp(dir=self.directory)

    def stand_in(self, name, text):
        path = os.path.join(self.bin, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, 0o755)

    def mpijob(self, path):
        """What the file says, held against the schema."""
        if python_with_yaml() is None:
            self.skipTest("no Python with yaml and jsonschema (Debian: python3-yaml, python3-jsonschema)")
        done = subprocess.run([python_with_yaml(), "-c", READ_YAML, path, os.path.join(DATA, "mpijob-v2beta1.schema.json")],
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    # The files as they are

    def assert_golden(self, name, text):
        """Figures of memory, which belong to the plan, are looked at apart."""
        path = os.path.join(DATA, name)
        asked = re.search(r"Asked for on each: ([\d,]+) MiB", text)[1].replace(",", "")
        if not name.startswith("apptainer"):
            self.assertRegex(text, rf"(--mem={asked}M|:mem={asked}mb|memory: {asked}Mi)\b")
        text = re.sub(r"\b(\d[\d,]*)(?= MiB|M\n|mb\b|Mi\b)", "#", text)
        if os.environ.get("GEMRING_WRITE_GOLDEN"):
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        with open(path, encoding="utf-8") as file:
            self.assertEqual(text, file.read(), f"{path} is expected")

    def test_each_file_is_as_expected(self):
        request = ["--tokens", 100000, "--chat", "--user-file", "book.txt", "--question", "Who stole the 'tarts'?",
                   "--allow-extrapolation", "--compute", "f32", "--nodes", 3, "--cores-per-node", 32]
        plain = [*request, "--program", "/opt/gemring/bin/gemring"]
        self.assert_golden("slurm-srun.sbatch", self.demo(
            "slurm", *plain, "--numa-per-node", 2, "--memory-per-node", 64, "--time", "2:00:00", "--partition", "cpu",
            "--account", "texts", "--name", "tarts", "--before", "module load openmpi"))
        self.assert_golden("slurm-mpirun.sbatch", self.demo("slurm", *plain, "--launcher", "mpirun"))
        self.assert_golden("gemring.pbs", self.demo(
            "pbs", *plain, "--ranks-per-node", 2, "--time", "0:30:00", "--queue", "long", "--account", "texts"))
        self.assert_golden("apptainer.sh", self.demo(
            "apptainer", *request, "--time", "0:30:00", "--hostfile", "my hosts", "--model-there", "/models/demo"))
        self.assert_golden("mpijob.yaml", self.demo(
            "kubernetes", *request, "--time", "0:30:00", "--namespace", "texts", "--claim", "models", "--claim-path",
            "/models", "--method", "full"))

    def test_a_job_logs_where_its_ranks_run_unless_it_is_told_how_much_to_say(self):
        for given, said in (([], ["info"]), (["--log-level", "warn"], ["warn"]), (["--verbose"], [])):
            with self.subTest(given=given):
                file = self.demo("slurm", "--prompt", "x", *given)
                self.assertEqual(re.findall(r"--log-level (\w+)", file), said)

    def test_a_file_is_written_whole_to_where_it_is_wanted(self):
        path = self.path("job")
        self.assertEqual(self.demo("slurm", "--prompt", "x", "--output", path), "")
        with open(path, encoding="utf-8") as file:
            self.assertEqual(file.read(), self.demo("slurm", "--prompt", "x"))

    def test_a_plan_that_does_not_fit_is_refused_with_figures(self):
        run = Run([gemring_run.GEMRING, "launch", "slurm", "--model", gemring_run.DEMO_MODEL, "--prompt", "x", "--nodes", "2",
                   "--memory-per-node", "0.01"])
        self.assert_fails(run, 5, "node 0", "10,737,418 available")
        run = Run([gemring_run.GEMRING, "launch", "slurm", "--model", gemring_run.DEMO_MODEL, "--prompt", "x", "--nodes", "30"])
        self.assert_fails(run, 2, "--nodes", "21 of 30 ranks", "--cluster")

    # What a user says

    def test_every_word_reaches_the_program_as_it_is_and_nothing_else_is_run(self):
        canary = self.path("canary")
        environment = {"CANARY": canary, "HOME": self.directory}
        for name in ("srun", "mpirun", "apptainer"):
            self.stand_in(name, SHOW)
        options = ["--prompt", "--question", "--system", "--answer-prefix"]
        for system in SYSTEMS:
            for first in range(0, len(HOSTILE), len(options)):
                given = list(zip(options, HOSTILE[first:first + len(options)]))
                with self.subTest(system=system, given=given):
                    file = self.demo(system, "--chat", *(f"{option}={text}" for option, text in given), env=environment)
                    for line in file.split("\n"):
                        if line.startswith(("#SBATCH", "#PBS")):
                            self.assertNotRegex(line, "99|root")
                    found = self.arguments(system, self.path("job", file), environment)
                    self.assertFalse(os.path.exists(canary))
                    command = found[found.index("generate") + 1:]
                    for option, text in given:
                        word = f"{option}={text}"
                        at = command.index(word) if text.startswith("-") else command.index(option)
                        self.assertEqual(command[at] if text.startswith("-") else command[at + 1],
                                         word if text.startswith("-") else text)
                    words = 2 * len(given) - sum(text.startswith("-") for _, text in given)
                    self.assertEqual(len(command), words + len(["--model", "m", "--chat", "--log-level", "info"]))

    def arguments(self, system, file, environment):
        """The words that the launcher is started with."""
        if system == "kubernetes":
            launcher = self.mpijob(file)["spec"]["mpiReplicaSpecs"]["Launcher"]["template"]["spec"]["containers"][0]
            return [expanded(argument, environment) for argument in launcher["args"]]
        self.assertEqual(subprocess.run(["bash", "-n", file], check=False).returncode, 0)
        environment = {**gemring_run.environment(environment), "PATH": f"{self.bin}:{os.environ['PATH']}",
                       "PBS_O_WORKDIR": self.directory, "PBS_NODEFILE": "nodes"}
        done = subprocess.run(["bash", file], env=environment, cwd=self.directory, capture_output=True, text=True, check=True)
        return json.loads(done.stdout)

    def test_paths_with_blanks_and_quotes_are_kept(self):
        os.makedirs(self.path("my 'own' $models"), exist_ok=True)
        model = self.path("my 'own' $models/demo")
        if not os.path.exists(model):
            os.symlink(gemring_run.DEMO_MODEL, model)
        self.stand_in("srun", SHOW)
        self.stand_in("mpirun", SHOW)
        for system in ("slurm", "pbs", "apptainer"):
            file = self.launch(system, "--model", model, "--prompt-file", "a b.txt", "--program", "/opt/my programs/gemring")
            found = self.arguments(system, self.path("job", file), {})
            at = found.index("generate")
            self.assertEqual(found[at - 1:at + 5], ["/opt/my programs/gemring", "generate", "--model", model, "--prompt-file",
                                                    "a b.txt"])
            if system == "apptainer":
                self.assertIn(model, found[:at])

    # What the systems would read

    def test_directives_of_pbs_have_the_documented_form(self):
        file = self.demo("pbs", "--prompt", "x", "--nodes", 2, "--time", "10:00:00", "--queue", "q@server", "--account", "a.b")
        directives = [line for line in file.split("\n") if line.startswith("#PBS")]
        self.assertEqual(len(directives), 6)
        for line in directives:
            self.assertRegex(line, rf"\A{PBS_DIRECTIVE.pattern}\Z")
        first_command = next(i for i, line in enumerate(file.split("\n")) if line and not line.startswith("#"))
        self.assertNotIn("#PBS", "\n".join(file.split("\n")[first_command:]), "PBS reads no directive behind a command")
        self.assertIn("no PBS has run it", file)

    def test_the_mpijob_fits_the_schema_and_its_workers_are_guaranteed_their_resources(self):
        file = self.path("job.yaml", self.demo("kubernetes", "--prompt", "x", "--nodes", 2, "--claim", "c", "--claim-path", "/m",
                                               "--namespace", "n", "--time", "1:00:00", "--name", "null"))
        value = self.mpijob(file)
        spec = value["spec"]
        self.assertEqual(value["metadata"]["name"], "null")
        self.assertEqual(spec["runPolicy"]["activeDeadlineSeconds"], 3600)
        self.assertEqual(spec["mpiReplicaSpecs"]["Worker"]["replicas"], 2)
        for replica in spec["mpiReplicaSpecs"].values():
            for container in replica["template"]["spec"]["containers"]:
                self.assertEqual(container["resources"]["requests"], container["resources"]["limits"])
        with open(file, encoding="utf-8") as text:
            self.assertIn("no cluster has run it", text.read())

    # With stand-ins for the systems

    def test_jobs_of_pbs_apptainer_and_kubernetes_answer_on_simulated_hosts(self):
        if len(os.sched_getaffinity(0)) < 2:
            self.skipTest("two ranks of a host, each bound to a core, want two cores")
        case = gemring_run.needle_cases()[4]
        request = ["--model", gemring_run.DEMO_MODEL, "--prompt-file", self.path("prompt.txt", case["prompt"]), "--keep", "153",
                   "--keep-last", "21", "--max-new-tokens", "16"]
        alone = Run([gemring_run.GEMRING, "generate", *request]).finish()
        self.assertTrue(alone.stdout.strip().startswith(case["answer"]), alone.describe())
        # Takes the options that a container's run begins with, and runs the rest.
        self.stand_in("apptainer", '#!/bin/bash\n[[ "$1 $2 $4" == "exec --bind gemring.sif" ]] || exit 9\nshift 4\nexec "$@"\n')
        nodes = self.path("nodes", "host0\nhost0\nhost1\nhost1\n")
        hosts = [gemring_run.SIMULATED_HOSTS, "2", "--ranks-per-host", "2", "--cores-per-host", "all", "--once", "--", "env",
                 f"PATH={self.bin}:{os.environ['PATH']}", f"PBS_O_WORKDIR={self.directory}", f"PBS_NODEFILE={nodes}"]
        here = ["--program", gemring_run.GEMRING]
        for system, more in (("pbs", []), ("apptainer", [*here, "--image", "gemring.sif", "--hostfile", nodes]),
                             ("kubernetes", [*here, "--image", "x"])):
            with self.subTest(system):
                made = Run([gemring_run.GEMRING, "launch", system, "--nodes", "2", "--cores-per-node", "2", "--ranks-per-node",
                            "2", "--tokens", "1024", "--log-level", "info", *more, *request]).finish()
                self.assertEqual(made.code, 0, made.describe())
                file = self.path("job", made.stdout)
                words = ["mpirun", *self.arguments(system, file, {})] if system == "kubernetes" else ["bash", file]
                run = Run([*hosts, *words]).finish()
                if run.code == CANNOT:
                    self.skipTest(run.stderr)
                self.assertEqual(run.code, 0, run.describe())
                self.assertEqual(run.stdout, alone.stdout)
                self.assertRegex(run.stderr, r"rank 3 on host1: 1 thread")


if __name__ == "__main__":
    gemring_run.main()
