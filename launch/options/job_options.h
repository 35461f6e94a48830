// What `gemring launch` is asked for beside the request itself, whose options are those of `gemring generate`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace gemring {

enum class JobSystem : int { slurm, pbs, kubernetes, apptainer };
enum class SlurmLauncher : int { srun, mpirun };

struct JobOptions {
  JobSystem system = JobSystem::slurm;
  std::int32_t nodes = 1;

  // What a node has, and how it is divided.
  std::optional<std::int32_t> cores_per_node;  // physical; unset: this machine's
  std::optional<std::int32_t> numa_per_node;   // NUMA nodes; unset: this machine's, or 1 where cores_per_node is given
  std::optional<double> memory_per_node_gib;   // unset: what the plan needs, and some more, is asked for
  std::optional<std::int32_t> ranks_per_node;  // unset: see choose_shape()

  // What is asked of the job system.
  std::string name = "gemring";
  std::optional<std::string> time;        // H:MM:SS; unset: the system's default
  std::optional<std::string> partition;   // Slurm
  std::optional<std::string> queue;       // PBS
  std::optional<std::string> account;     // Slurm, PBS
  std::optional<SlurmLauncher> launcher;  // Slurm; unset: srun
  std::optional<std::string> image;       // Kubernetes, Apptainer: needed there
  std::optional<std::string> name_space;  // Kubernetes; unset: kubectl's
  std::optional<std::string> claim;       // Kubernetes: a PersistentVolumeClaim; unset: the image holds the model
  std::optional<std::string> claim_path;  // where it appears
  std::optional<std::string> hostfile;    // Apptainer; unset: what mpirun finds by itself
  std::vector<std::string> before;        // lines of shell before the program, as they stand; not Kubernetes

  // What runs there.
  std::optional<std::string> program;             // unset: this one; in an image `gemring`
  std::optional<std::string> model_there;         // the model's path where the job runs; unset: as here
  std::optional<std::string> filter_model_there;  // the same of the filter model
  std::vector<std::string> generate_words;        // of gemring generate, without --model and --filter-model

  std::optional<std::string> output_file;  // the job file; unset: standard output
};

/// Throws UsageError: a time or name that is none, an image that is missing. What means nothing to this system is said
/// in the options' table.
void check_job_options(const JobOptions& options);

/// "H:MM:SS" in seconds. Throws UsageError.
std::int64_t job_seconds(const std::string& time);

}  // namespace gemring
