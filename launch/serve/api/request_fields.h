// What the bodies of all interfaces have in common: how an answer is to be drawn, gemring's own fields, and what nobody
// can have here.
#pragma once

#include <nlohmann/json.hpp>

#include "launch/serve/api/api_request.h"

namespace gemring {

/// Refuses what cannot be had, fills in `request`, and returns a request line without its prompt. Throws ApiFailure.
nlohmann::json take_fields(const nlohmann::json& body, ApiRequest& request);

}  // namespace gemring
