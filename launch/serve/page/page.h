// The page that a browser gets of the service: one file, no network but the service itself.
#pragma once

#include "launch/serve/http/http_message.h"

namespace gemring {

/// With a content security policy that lets nothing run but what is in it: no text of an answer ever does.
HttpReply page();

}  // namespace gemring
