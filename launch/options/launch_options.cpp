#include "launch/options/launch_options.h"

#include <algorithm>

namespace gemring {
namespace {

void add_nodes(Builder& add, Options& options) {
  JobOptions& job = options.job;
  add.group("Nodes");
  add.value("--nodes", job.nodes, "N", "nodes, all alike");
  add.optional("--cores-per-node", job.cores_per_node, "N", "physical cores of each. Unset: as this machine");
  add.optional("--numa-per-node", job.numa_per_node, "N",
               "NUMA nodes of each. Unset: as this machine, or 1 where --cores-per-node is given");
  add.optional(
      "--memory-per-node", job.memory_per_node_gib, "GIB",
      "memory of each; a plan that needs more is refused. Unset: what the plan needs is asked for, and a tenth\n"
      "and 1 GiB more");
  add.optional("--ranks-per-node", job.ranks_per_node, "N",
               "unset: one for each NUMA node, or one where so many would find no work or no room");
  add.optional("--tokens", options.plan.tokens, "N",
               "length of the prompt to plan for. Unset: the model's limit, at most 16384");
}

void add_job(Builder& add, JobOptions& job) {
  add.group("Job");
  add.value("--name", job.name, "NAME", "of the job");
  add.optional("--time", job.time, "H:MM:SS", "the most that it may take");
  add.optional("--partition", job.partition, "NAME", "Slurm");
  add.optional("--queue", job.queue, "NAME", "PBS");
  add.optional("--account", job.account, "NAME", "Slurm and PBS: who pays");
  add.choice<std::optional<SlurmLauncher>>("--launcher", job.launcher,
                                           {{"srun", SlurmLauncher::srun}, {"mpirun", SlurmLauncher::mpirun}},
                                           "Slurm: srun with PMIx (the default), or mpirun, for a Slurm without PMIx");
  add.optional("--image", job.image, "IMAGE", "Kubernetes and Apptainer: a container with gemring in it");
  add.optional("--namespace", job.name_space, "NAME", "Kubernetes");
  add.optional("--claim", job.claim, "NAME", "Kubernetes: the PersistentVolumeClaim with the model, seen at");
  add.optional("--claim-path", job.claim_path, "DIR", "this directory. Unset: the image holds the model");
  add.optional("--hostfile", job.hostfile, "FILE", "Apptainer: where mpirun finds the nodes. Unset: in its allocation");
  add.optional("--program", job.program, "PATH", "gemring on the nodes. Unset: this program; in a container `gemring`");
  add.optional("--model-there", job.model_there, "PATH", "the model where the job runs. Unset: as --model");
  add.list("--before", job.before, "SHELL",
           "a line of shell before the program, as it stands: 'module load openmpi'. Again for more lines");
  add.optional("--output", job.output_file, "FILE", "write the job file there. Unset: standard output");
}

}  // namespace

void add_launch(Builder& add, CLI::App& app, Options& options) {
  add.group("Job system");
  add.choice<JobSystem>("job-system", options.job.system,
                        {{"slurm", JobSystem::slurm},
                         {"pbs", JobSystem::pbs},
                         {"kubernetes", JobSystem::kubernetes},
                         {"apptainer", JobSystem::apptainer}},
                        "whose file to write; each is explained in the file itself")
      ->required()
      ->default_str("");
  app.get_formatter()->label("Positionals", "Job system");
  add_nodes(add, options);
  add_job(add, options.job);
}

void without_separator(std::vector<std::string>& arguments) {
  const auto separator = std::find(arguments.begin(), arguments.end(), "--");
  if (separator != arguments.end()) arguments.erase(separator);
}

void check_launch(const Options& options) {
  check_job_options(options.job);
  const PromptOptions& prompt = options.prompt;
  if (prompt.text || prompt.file || prompt.ids_file || prompt.chat.user_file) return;
  throw UsageError({"command line", "the job has no prompt, and no standard input to read one from",
                    "name a file that the nodes see with --prompt-file, --user-file or --prompt-ids"});
}

}  // namespace gemring
