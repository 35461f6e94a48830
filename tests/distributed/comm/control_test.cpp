#include "distributed/comm/control.h"

#include <gtest/gtest.h>

#include "tests/support/mpi_world.h"

namespace gemring {
namespace {

struct Settings {
  std::int32_t rank = -1;
  std::string name;
  std::vector<std::int64_t> values;
  boost::optional<double> limit;
  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& rank& name& values& limit;
  }
  bool operator==(const Settings&) const = default;
};

/// Differs in every field, and in length, from rank to rank; only odd ranks have a limit.
Settings settings_of(int rank) {
  Settings settings{rank, std::string(static_cast<std::size_t>(rank), 'x') + std::string("\0\xff", 2), {}, {}};
  for (int i = 0; i < rank; ++i) settings.values.push_back(std::int64_t{1} << (40 + i));
  if (rank % 2 == 1) settings.limit = 0.1;
  return settings;
}

TEST(ControlMessages, ABroadcastStructArrivesWhole) {
  for (int root = 0; root < world().size(); ++root) {
    Settings settings = settings_of(world().member());
    broadcast_control(world(), settings, root);
    EXPECT_EQ(settings, settings_of(root));
  }
}

TEST(ControlMessages, OneMemberGetsAStructOfItsOwn) {
  if (world().member() == 0) {
    for (int to = 1; to < world().size(); ++to) send_control(world(), settings_of(to), to);
    return;
  }
  Settings settings;
  receive_control(world(), settings, 0);
  EXPECT_EQ(settings, settings_of(world().member()));
}

TEST(ControlMessages, StructsOfAllRanksComeInOrder) {
  const std::vector<Settings> all = all_gather_control(world(), settings_of(world().member()));
  EXPECT_EQ(all.size(), static_cast<std::size_t>(world().size()));
  for (std::size_t i = 0; i < all.size(); ++i) EXPECT_EQ(all[i], settings_of(static_cast<int>(i)));
}

}  // namespace
}  // namespace gemring
