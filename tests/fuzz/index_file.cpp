#include "launch/index/index_file.h"

#include "engine/base/check.h"
#include "tests/fuzz/entries.h"
#include "tests/fuzz/scratch.h"

namespace gemring::fuzz {

void read_index_file(std::string_view bytes) {
  if (!bytes.starts_with("gemring index")) {
    const IndexHead head = parse_index_head(bytes, "head");
    const IndexHead again = parse_index_head(head_bytes(head), "again");
    GEMRING_CHECK(again.read.ids == head.read.ids, "{} ids", head.read.ids.size());
    return;
  }
  static ScratchDirectory directory;
  directory.put("text.index", bytes);
  IndexFile(directory.path_of("text.index")).rewind();
}

}  // namespace gemring::fuzz
