// Options of `gemring launch` alone; its others are those of `gemring generate`.
#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "launch/options/option_value.h"
#include "launch/options/table/table.h"

namespace gemring {
namespace {

constexpr std::int32_t kMostNodes = 65'536;
constexpr std::int32_t kMostOfANode = 4'096;  // ranks, NUMA nodes: of all nodes together below 2^31

/// What only some systems have.
Need of_system(const std::vector<JobSystem>& systems, const char* names) {
  return {.holds =
              [systems](const Options& options) {
                return std::find(systems.begin(), systems.end(), options.job.system) != systems.end();
              },
          .problem = fmt::format("means nothing but for {}", names),
          .advice = "leave it out"};
}
Need of_slurm() {
  return of_system({JobSystem::slurm}, "slurm");
}
Need of_kubernetes() {
  return of_system({JobSystem::kubernetes}, "kubernetes");
}

/// A row of the table for a name or path of the job system.
template <class Field>
void add_text(OptionTable& table, const char* name, const char* type, const char* help, Field field,
              std::vector<Need> needs = {}) {
  table.push_back({.name = name,
                   .group = "Job",
                   .type = type,
                   .help = help,
                   .commands = {Command::launch},
                   .value = text(field),
                   .needs = std::move(needs)});
}

template <class Field>
void add_count(OptionTable& table, const char* name, std::int32_t most, const char* help, Field field) {
  table.push_back({.name = name,
                   .group = "Nodes",
                   .type = "N",
                   .help = help,
                   .commands = {Command::launch},
                   .value = number(field, {.least = 1, .most = most})});
}

void add_nodes(OptionTable& table) {
  add_count(
      table, "--nodes", kMostNodes, "nodes, all alike", [](auto& options) -> auto& { return options.job.nodes; });
  add_count(
      table, "--cores-per-node", kMostThreads, "physical cores of each. Unset: as this machine",
      [](auto& options) -> auto& { return options.job.cores_per_node; });
  add_count(
      table, "--numa-per-node", kMostOfANode,
      "NUMA nodes of each. Unset: as this machine, or 1 where --cores-per-node is given",
      [](auto& options) -> auto& { return options.job.numa_per_node; });
  table.push_back(
      {.name = "--memory-per-node",
       .group = "Nodes",
       .type = "GIB",
       .help =
           "memory of each; a plan that needs more is refused. Unset: what the plan needs is asked for, and a tenth\n"
           "and 1 GiB more",
       .commands = {Command::launch},
       .value = number([](auto& options) -> auto& { return options.job.memory_per_node_gib; },
                       {.least = 0, .most = kMostGib, .above_least = true, .complaint = "GiB is no memory"})});
  add_count(
      table, "--ranks-per-node", kMostOfANode,
      "unset: one for each NUMA node, or one where so many would find no work or no room",
      [](auto& options) -> auto& { return options.job.ranks_per_node; });
}

void add_names(OptionTable& table) {
  add_text(
      table, "--name", "NAME", "of the job", [](auto& options) -> auto& { return options.job.name; });
  add_text(
      table, "--time", "H:MM:SS", "the most that it may take", [](auto& options) -> auto& { return options.job.time; });
  add_text(table, "--partition", "NAME", "of Slurm. Unset: its default",
           [](auto& options) -> auto& { return options.job.partition; }, {of_slurm()});
  add_text(table, "--queue", "NAME", "of PBS. Unset: its default",
           [](auto& options) -> auto& { return options.job.queue; }, {of_system({JobSystem::pbs}, "pbs")});
  add_text(table, "--account", "NAME", "Slurm and PBS: who pays",
           [](auto& options) -> auto& { return options.job.account; },
           {of_system({JobSystem::slurm, JobSystem::pbs}, "slurm and pbs")});
  table.push_back({.name = "--launcher",
                   .group = "Job",
                   .help = "Slurm: srun with PMIx (the default), or mpirun, for a Slurm without PMIx",
                   .commands = {Command::launch},
                   .value = choice([](auto& options) -> auto& { return options.job.launcher; },
                                   {{"srun", SlurmLauncher::srun}, {"mpirun", SlurmLauncher::mpirun}}),
                   .needs = {of_slurm()}});
  add_text(table, "--image", "IMAGE", "Kubernetes and Apptainer: a container with gemring in it",
           [](auto& options) -> auto& { return options.job.image; },
           {of_system({JobSystem::kubernetes, JobSystem::apptainer}, "kubernetes and apptainer")});
  add_text(table, "--namespace", "NAME", "of Kubernetes. Unset: kubectl's",
           [](auto& options) -> auto& { return options.job.name_space; }, {of_kubernetes()});
  add_text(table, "--claim", "NAME", "Kubernetes: the PersistentVolumeClaim with the model, seen at",
           [](auto& options) -> auto& { return options.job.claim; }, {of_kubernetes()});
  add_text(table, "--claim-path", "DIR", "this directory. Unset: the image holds the model",
           [](auto& options) -> auto& { return options.job.claim_path; }, {of_kubernetes()});
  add_text(table, "--hostfile", "FILE", "Apptainer: where mpirun finds the nodes. Unset: in its allocation",
           [](auto& options) -> auto& { return options.job.hostfile; },
           {of_system({JobSystem::apptainer}, "apptainer")});
  add_text(
      table, "--program", "PATH", "gemring on the nodes. Unset: this program; in a container `gemring`",
      [](auto& options) -> auto& { return options.job.program; });
  add_text(
      table, "--model-there", "PATH", "the model where the job runs. Unset: as --model",
      [](auto& options) -> auto& { return options.job.model_there; });
  add_text(table, "--filter-model-there", "PATH", "the filter model where the job runs. Unset: as --filter-model",
           [](auto& options) -> auto& { return options.job.filter_model_there; },
           {{.holds = [](const Options& options) { return options.filter.model.has_value(); },
             .problem = "means nothing without --filter-model",
             .advice = "leave it out"}});
}

}  // namespace

void add_job_options(OptionTable& table) {
  table.push_back({.name = "job-system",
                   .group = "Job system",
                   .help = "whose file to write; each is explained in the file itself",
                   .commands = {Command::launch},
                   .value = choice([](auto& options) -> auto& { return options.job.system; },
                                   {{"slurm", JobSystem::slurm},
                                    {"pbs", JobSystem::pbs},
                                    {"kubernetes", JobSystem::kubernetes},
                                    {"apptainer", JobSystem::apptainer}}),
                   .required_by = {Command::launch}});
  add_nodes(table);
  add_names(table);
  table.push_back(
      {.name = "--before",
       .group = "Job",
       .type = "SHELL",
       .help = "a line of shell before the program, as it stands: 'module load openmpi'. Again for more lines",
       .commands = {Command::launch},
       .value = list([](auto& options) -> auto& { return options.job.before; }),
       .needs = {{.holds = [](const Options& options) { return options.job.system != JobSystem::kubernetes; },
                  .problem = "means nothing for kubernetes: no shell runs there",
                  .advice = "put it into the image"}}});
  table.push_back({.name = "--output",
                   .group = "Job",
                   .type = "FILE",
                   .help = "write the job file there. Unset: standard output",
                   .commands = {Command::launch},
                   .value = text([](auto& options) -> auto& { return options.job.output_file; }),
                   .file = FileUse::output});
}

}  // namespace gemring
