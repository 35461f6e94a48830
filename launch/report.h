// The report of `gemring generate --json`, a message of proto/inference.proto, and what people read of it.
#pragma once

#include <string>
#include <vector>

#include "distributed/session/session.h"
#include "engine/text/tokenizer.h"

namespace gemring {
namespace proto {
class Rank;
}

/// The report of a request as JSON with the proto's field names, default values printed. `tokenizer` may be nullptr:
/// texts are empty then.
std::string generation_report(const GenerationResult& result, const std::vector<TokenId>& prompt,
                              const Tokenizer* tokenizer);

/// A rank as all reports have it.
void to_proto(const RankReport& rank, proto::Rank& out);

/// What people read on stderr or stdout: one line per phase and rank.
std::string phase_table(const GenerationResult& result);

}  // namespace gemring
