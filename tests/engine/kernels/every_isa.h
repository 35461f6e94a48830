// The instruction sets of this machine, one after the other, whatever GEMRING_ISA says. Header only.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "engine/kernels/isa.h"

namespace gemring::test {

inline std::vector<Isa> isas_of_this_machine() {
  std::vector<Isa> isas;
  for (int isa = 0; isa <= static_cast<int>(detected_isa()); ++isa) isas.push_back(static_cast<Isa>(isa));
  return isas;
}

/// Kernels run with `isa` while this lives; then with what was active before.
class UseIsa {
 public:
  explicit UseIsa(Isa isa) : before_(active_isa()) { set_active_isa(isa); }
  ~UseIsa() { set_active_isa(before_); }
  UseIsa(const UseIsa&) = delete;
  UseIsa& operator=(const UseIsa&) = delete;

 private:
  Isa before_;
};

/// action() with each instruction set; failures name it.
template <class Action>
void with_every_isa(Action action) {
  for (const Isa isa : isas_of_this_machine()) {
    const UseIsa use(isa);
    SCOPED_TRACE(std::string(name(isa)));
    action();
  }
}

}  // namespace gemring::test
