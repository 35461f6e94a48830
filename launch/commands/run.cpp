#include "engine/base/check.h"
#include "launch/commands/commands.h"

namespace gemring {

int run_command(const Job& job, const Options& options) {
  switch (options.command) {
    case Command::generate:
      return run_generate(job, options);
    case Command::logits:
      return run_logits(job, options);
    case Command::plan:
      return run_plan(job, options);
    case Command::simulate:
      return run_simulate(job, options);
    case Command::inspect:
      return run_inspect(job, options);
    case Command::bench:
      return run_bench(job, options);
    case Command::calibrate:
      return run_calibrate(job, options);
    case Command::eval:
      return run_eval(job, options);
    case Command::index:
      return run_index(job, options);
    case Command::ask:
      return run_generate(job, options);
    case Command::chat:
      return run_chat(job, options);
    case Command::serve:
      return run_serve(job, options);
    case Command::render:
      return run_render(job, options);
    case Command::tokenize:
      return run_tokenize(job, options);
    case Command::detokenize:
      return run_detokenize(job, options);
    case Command::launch:
      return run_launch(job, options);
  }
  GEMRING_CHECK(false, "command {}", static_cast<int>(options.command));
}

}  // namespace gemring
