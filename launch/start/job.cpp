#include "launch/start/job.h"

#include <map>
#include <string_view>

#include "distributed/comm/agreement.h"

namespace gemring {

std::vector<std::int32_t> host_numbers(const std::vector<std::string>& hosts) {
  std::map<std::string_view, std::int32_t> numbers;
  std::vector<std::int32_t> of_rank;
  of_rank.reserve(hosts.size());
  for (const std::string& host : hosts)
    of_rank.push_back(numbers.try_emplace(host, static_cast<std::int32_t>(numbers.size())).first->second);
  return of_rank;
}

void agreed(const Job& job, const std::function<void()>& step) {
  agree_on_errors(job.world, step);
}

void agreed_on_first(const Job& job, const std::function<void()>& step) {
  agreed(job, [&] {
    if (job.first()) step();
  });
}

}  // namespace gemring
