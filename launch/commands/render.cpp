#include <unistd.h>

#include "engine/base/log.h"
#include "engine/text/chat/chat_messages.h"
#include "launch/commands/commands.h"
#include "launch/output/json_line_text.h"
#include "launch/prompts/chat.h"
#include "launch/prompts/json_lines.h"

namespace gemring {

int run_render(const Job& job, const Options& options) {
  agreed_on_first(job, [&] {
    const ChatOptions& chat = options.prompt.chat;
    const ChatTemplate chat_template = open_chat_template(options.model_directory, chat);
    log_info("chat template: {}", chat_template.name());
    std::optional<CalendarDate> date;
    if (chat.date) date = parse_date(*chat.date, "--date");
    answer_lines(STDIN_FILENO, stdout, [&](std::string_view line) {
      return json_line_text(chat_template.render(parse_messages(line), date).text);
    });
  });
  return 0;
}

}  // namespace gemring
