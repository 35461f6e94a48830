#include "launch/cluster/job_files/job_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <sstream>
#include <utility>

#include "engine/base/error.h"
#include "engine/base/format.h"
#include "launch/cluster/job_files/quoting.h"
#include "launch/cluster/job_files/template.h"

namespace gemring {
namespace {

using Lines = std::vector<std::string>;

Lines maybe(const std::optional<std::string>& value) {
  return value ? Lines{*value} : Lines{};
}

bool in_image(const JobOptions& options) {
  return options.system == JobSystem::kubernetes || options.system == JobSystem::apptainer;
}

/// A model that the job reads.
struct JobModel {
  const char* option;  // that names it
  std::string path;    // where the job runs
};

std::vector<JobModel> models_of(const JobOptions& options, const JobRequest& request) {
  std::vector<JobModel> models = {{"--model", options.model_there.value_or(request.model)}};
  if (request.filter_model) {
    models.push_back({"--filter-model", options.filter_model_there.value_or(*request.filter_model)});
  }
  return models;
}

/// The log of a job is read behind it, and first for where its ranks ran: it says more than one on a
/// terminal, unless told.
bool says_how_much_to_log(const Lines& words) {
  return std::any_of(words.begin(), words.end(),
                     [](const std::string& word) { return word == "--log-level" || word == "--verbose"; });
}

/// gemring generate --model ... and its options, an option and its value in one entry.
std::vector<Lines> command_words(const JobOptions& options, const JobRequest& request) {
  const std::string program = options.program.value_or(in_image(options) ? "gemring" : request.program);
  std::vector<Lines> words = {{program, "generate"}};
  for (const auto& [option, path] : models_of(options, request)) {
    words.push_back(path.starts_with('-') ? Lines{fmt::format("{}={}", option, path)} : Lines{option, path});
  }
  for (const std::string& word : options.generate_words) {
    if (word.starts_with("--")) {
      words.emplace_back();
    }
    words.back().push_back(word);
  }
  if (!says_how_much_to_log(options.generate_words)) words.push_back({"--log-level", "info"});
  return words;
}

/// The command as lines of bash, all but the last to be continued.
Lines command_lines(const JobOptions& options, const JobRequest& request) {
  Lines lines;
  for (const Lines& words : command_words(options, request)) {
    if (!lines.empty()) lines.back() += " \\";
    lines.push_back((lines.empty() ? "" : "  ") + shell_line(words));
  }
  return lines;
}

Lines about(const JobOptions& options, const JobShape& shape, const NodeShape& node, const JobRequest& request) {
  const char* const plural = shape.nodes == 1 ? "" : "s";
  Lines lines = {fmt::format("gemring on {} node{} x {} rank{} x {} thread{}, written by `gemring launch`.",
                             shape.nodes, plural, shape.ranks_per_node, shape.ranks_per_node == 1 ? "" : "s",
                             shape.threads, shape.threads == 1 ? "" : "s")};
  lines.insert(lines.end(), shape.reasons.begin(), shape.reasons.end());
  lines.insert(lines.end(), request.about.begin(), request.about.end());
  const std::uint64_t needed = shape.node_bytes[shape.fullest()] >> 20;
  lines.push_back(fmt::format(
      "Memory: node {} (from 0) needs most, {} MiB. Asked for on each: {} MiB, {}.", shape.fullest(), grouped(needed),
      grouped(memory_to_ask_for(shape, node)),
      options.memory_per_node_gib ? "--memory-per-node" : "a tenth and 1 GiB more for what plans do not count"));
  std::istringstream plan(shape.plan.describe());
  for (std::string line; std::getline(plan, line);) lines.push_back("  " + line);
  for (std::string& line : lines) line = comment(std::move(line));
  return lines;
}

TemplateValues common(const JobOptions& options, const JobShape& shape, const NodeShape& node,
                      const JobRequest& request) {
  return {{"about", about(options, shape, node, request)},
          {"name", {options.name}},
          {"ranks_per_node", {std::to_string(shape.ranks_per_node)}},
          {"threads", {std::to_string(shape.threads)}},
          {"nodes", {std::to_string(shape.nodes)}},
          {"memory", {std::to_string(memory_to_ask_for(shape, node))}},
          {"cores", {std::to_string(shape.ranks_per_node * shape.threads)}},
          {"ranks", {std::to_string(shape.ranks())}},
          {"time", maybe(options.time)},
          {"account", maybe(options.account)},
          {"before", options.before},
          {"command", command_lines(options, request)}};
}

std::string slurm(const JobOptions& options, TemplateValues values) {
  values["partition"] = maybe(options.partition);
  values.erase("cores");
  const bool srun = options.launcher.value_or(SlurmLauncher::srun) == SlurmLauncher::srun;
  return fill_template(srun ? kSlurmSrunTemplate : kSlurmMpirunTemplate, values);
}

std::string pbs(const JobOptions& options, TemplateValues values) {
  values["queue"] = maybe(options.queue);
  return fill_template(kPbsTemplate, values);
}

/// Paths of --bind may hold neither of the characters that part them.
std::string bind_option(const JobModel& model) {
  if (!std::filesystem::path(model.path).is_absolute())
    return {};  // below the directory that Apptainer shows by itself
  if (model.path.find_first_of(":,") != std::string::npos) {
    throw UsageError({model.option,
                      fmt::format("'{}' has a colon or a comma, which part the paths of apptainer --bind", model.path),
                      "give the model a path without them"});
  }
  return "--bind " + shell_word(model.path) + " ";
}

std::string apptainer(const JobOptions& options, const JobRequest& request, TemplateValues values) {
  for (const char* const name : {"name", "nodes", "memory", "cores", "time", "account"}) values.erase(name);
  values["hostfile"] = {options.hostfile ? fmt::format("--hostfile {} ", shell_word(*options.hostfile)) : ""};
  values["timeout"] = {options.time ? fmt::format("--timeout {} ", job_seconds(*options.time)) : ""};
  std::string bind;
  for (const JobModel& model : models_of(options, request)) bind += bind_option(model);
  values["bind"] = {bind};
  values["image"] = {shell_word(*options.image)};
  return fill_template(kApptainerTemplate, values);
}

std::string kubernetes(const JobOptions& options, const JobShape& shape, const JobRequest& request,
                       TemplateValues values) {
  for (const auto& [option, path] : models_of(options, request)) {
    if (std::filesystem::path(path).is_absolute()) continue;
    throw UsageError({option, "is no absolute path, and a container has no directory that it could begin in",
                      fmt::format("say with {}-there where the container sees it", option)});
  }
  Lines words = {"-n", std::to_string(shape.ranks()), "--map-by", fmt::format("ppr:{}:node", shape.ranks_per_node),
                 // gemring pins its threads itself; mpirun sees cores that are not the pod's.
                 "--bind-to", "none", "--mca", "pml", "ob1", "--mca", "btl", "self,vader,tcp",
                 // Containers may forbid a rank to read another's memory.
                 "--mca", "btl_vader_single_copy_mechanism", "none", "-x",
                 fmt::format("OMP_NUM_THREADS={}", shape.threads)};
  for (const Lines& part : command_words(options, request)) words.insert(words.end(), part.begin(), part.end());
  Lines arguments;
  for (const std::string& word : words) arguments.push_back(yaml_string(kubernetes_argument(word), "command line"));

  for (const char* const name : {"threads", "ranks", "time", "account", "command"}) values.erase(name);
  values["argument"] = arguments;
  values["name"] = {yaml_string(options.name, "--name")};
  values["image"] = {yaml_string(*options.image, "--image")};
  values["namespace"] = options.name_space ? Lines{yaml_string(*options.name_space, "--namespace")} : Lines{};
  values["seconds"] = options.time ? Lines{std::to_string(job_seconds(*options.time))} : Lines{};
  values["claim"] = options.claim ? Lines{yaml_string(*options.claim, "--claim")} : Lines{};
  values["claim_path"] = options.claim_path ? Lines{yaml_string(*options.claim_path, "--claim-path")} : Lines{};
  return fill_template(kKubernetesTemplate, values);
}

}  // namespace

std::string job_file(const JobOptions& options, const JobShape& shape, const NodeShape& node,
                     const JobRequest& request) {
  TemplateValues values = common(options, shape, node, request);
  switch (options.system) {
    case JobSystem::slurm:
      return slurm(options, std::move(values));
    case JobSystem::pbs:
      return pbs(options, std::move(values));
    case JobSystem::kubernetes:
      return kubernetes(options, shape, request, std::move(values));
    case JobSystem::apptainer:
      return apptainer(options, request, std::move(values));
  }
  return {};
}

}  // namespace gemring
