// Who works on whose block at which ring step. Pure.
#pragma once

namespace gemring {

/// At step s of g, member i works on the block of member (i - s) mod g, passes it on to member i + 1 and receives the
/// next one from member i - 1.
///
///     g = 3         step 0   step 1   step 2
///     member 0:     K0       K2       K1
///     member 1:     K1       K0       K2
///     member 2:     K2       K1       K0
struct RingSchedule {
  int members = 1;
  int member = 0;

  int next() const { return (member + 1) % members; }
  int previous() const { return (member + members - 1) % members; }
  int block_at(int step) const { return (member - step % members + members) % members; }
};

}  // namespace gemring
