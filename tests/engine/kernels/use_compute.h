// Products run with a compute type while this lives; then with what was active before. Header only.
#pragma once

#include "engine/kernels/compute.h"

namespace gemring::test {

class UseCompute {
 public:
  explicit UseCompute(Compute compute) : before_(active_compute()) { set_active_compute(compute); }
  ~UseCompute() { set_active_compute(before_); }
  UseCompute(const UseCompute&) = delete;
  UseCompute& operator=(const UseCompute&) = delete;

 private:
  Compute before_;
};

}  // namespace gemring::test
