#include "engine/tensor/data_type.h"

#include "engine/base/check.h"

namespace gemring {

void no_element_size(DataType type) {
  throw InternalError(
      fmt::format("{} has blocks of {} elements, none has a size of its own", name(type), block_elements(type)));
}

}  // namespace gemring
