#include "launch/job.h"

#include "distributed/comm/agreement.h"
#include "launch/failure.h"

namespace gemring {

void agreed(const Job& job, const std::function<void()>& step) {
  agree_on_errors(job.world, [&] {
    try {
      step();
    } catch (const AgreedError&) {
      throw;  // keeps its rank and host
    } catch (const std::exception& error) {
      throw as_error(error);
    }
  });
}

void agreed_on_first(const Job& job, const std::function<void()>& step) {
  agreed(job, [&] {
    if (job.first()) step();
  });
}

}  // namespace gemring
