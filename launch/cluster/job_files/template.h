// The readable templates of launch/cluster/job_files/slurm, pbs, kubernetes and apptainer, and how they are filled in.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace gemring {

/// As they are in the source tree; job_templates.cpp is generated from them.
extern const std::string_view kSlurmSrunTemplate;
extern const std::string_view kSlurmMpirunTemplate;
extern const std::string_view kPbsTemplate;
extern const std::string_view kKubernetesTemplate;
extern const std::string_view kApptainerTemplate;

/// What stands for @name@, quoted for its place: nothing leaves the line out, several repeat it.
using TemplateValues = std::map<std::string, std::vector<std::string>>;

/// Every value that is given must have a place, and every place a value: else it is a bug.
std::string fill_template(std::string_view text, const TemplateValues& values);

}  // namespace gemring
