#include "launch/calibrate/calibration_table.h"

#include <fmt/format.h>

#include "engine/base/format.h"
#include "launch/calibrate/xml_text.h"

namespace gemring {
namespace {

constexpr double kWidth = 640, kHeight = 320, kLeft = 48, kRight = 16, kTop = 36, kBottom = 40;

double x_of(std::size_t layer, std::size_t layers) {
  const double step = (kWidth - kLeft - kRight) / static_cast<double>(layers > 1 ? layers - 1 : 1);
  return kLeft + step * static_cast<double>(layer);
}

double y_of(double recall) {
  return kHeight - kBottom - (kHeight - kTop - kBottom) * recall;
}

std::string line_of(const std::vector<LayerRecall>& layers, double LayerRecall::*value, const char* colour) {
  std::string points;
  for (std::size_t layer = 0; layer < layers.size(); ++layer) {
    points += fmt::format("{:.1f},{:.1f} ", x_of(layer, layers.size()), y_of(layers[layer].*value));
  }
  return fmt::format("<polyline fill=\"none\" stroke=\"{}\" stroke-width=\"2\" points=\"{}\"/>\n", colour, points);
}

std::string words_at(double x, double y, const char* anchor, const std::string& words, const char* colour = "#333") {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\" fill=\"{}\">{}</text>\n", x, y, anchor, colour,
                     words);
}

/// `flop_per_second`: 0 where it is not known.
std::string sentence(const CalibratedProfile& profile, const ModelConfig& config, double flop_per_second) {
  const double all = filter_pass_flop(config, gemfilter_profile(LayerIndex(config.layer_count() - 1)), kCostTokens);
  const double own = filter_pass_flop(config, profile.profile, kCostTokens);
  const std::string seconds =
      flop_per_second > 0
          ? fmt::format(", here about {:.{}f} s for {} tokens", own / flop_per_second,
                        own / flop_per_second < 10 ? 1 : 0, grouped(static_cast<std::uint64_t>(kCostTokens)))
          : std::string();
  return fmt::format(
      "{}: {} of {} layers read the whole text, {:.2f} of the work of all{}; recall {:.3f} where it was chosen, {:.3f} "
      "where it was confirmed, of paraphrases {:.3f}\n",
      describe(profile.profile), profile.profile.filter_layer().value(), config.layer_count(), own / all, seconds,
      profile.chosen_by, profile.confirmed_by, profile.paraphrased);
}

}  // namespace

std::string recall_table(const Calibration& found, double target) {
  std::string text = "layer   all heads   best head\n";
  for (std::size_t layer = 0; layer < found.layers.size(); ++layer) {
    const LayerRecall& recall = found.layers[layer];
    text += fmt::format("{:>5}   {:>9.3f} {} {:>9.3f} ({}/{})\n", layer, recall.all_heads,
                        recall.all_heads >= target ? '*' : ' ', recall.best_head, layer, recall.head);
  }
  return text;
}

std::string verdict(const CalibrationOutcome& outcome, const ModelConfig& config, double target) {
  std::string text = fmt::format("{}  {}", outcome.reached ? "chosen   " : "the best ",
                                 sentence(outcome.best().best, config, outcome.flop_per_second));
  text += fmt::format("runner-up  {}", sentence(outcome.best().runner_up, config, outcome.flop_per_second));
  for (std::size_t i = 0; i < outcome.windows.size(); ++i) {
    if (i != outcome.chosen)
      text += fmt::format("otherwise  {}", sentence(outcome.windows[i].found.best, config, outcome.flop_per_second));
  }
  if (!outcome.reached)
    text += fmt::format("nothing keeps {:.3f} of the answers: see --target and --lengths\n", target);
  return text;
}

std::string recall_picture(const Calibration& found, double target, const std::string& title) {
  std::string svg = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} {1}\" "
      "font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"{0}\" height=\"{1}\" fill=\"#fff\"/>\n",
      kWidth, kHeight);
  svg += words_at(kLeft, 20, "start", xml_text(title));
  for (const double recall : {0.0, 0.25, 0.5, 0.75, 1.0}) {
    svg += fmt::format("<line x1=\"{}\" x2=\"{}\" y1=\"{:.1f}\" y2=\"{:.1f}\" stroke=\"#ddd\"/>\n", kLeft,
                       kWidth - kRight, y_of(recall), y_of(recall));
    svg += words_at(kLeft - 6, y_of(recall) + 4, "end", fmt::format("{:.2f}", recall));
  }
  const std::size_t layers = found.layers.size();
  for (std::size_t layer = 0; layer<layers; layer += layers> 24 ? 4 : 2) {
    svg += words_at(x_of(layer, layers), kHeight - kBottom + 16, "middle", fmt::format("{}", layer));
  }
  svg += fmt::format("<line x1=\"{}\" x2=\"{}\" y1=\"{:.1f}\" y2=\"{:.1f}\" stroke=\"#c33\" stroke-dasharray=\"4\"/>\n",
                     kLeft, kWidth - kRight, y_of(target), y_of(target));
  svg += line_of(found.layers, &LayerRecall::all_heads, "#2563eb");
  svg += line_of(found.layers, &LayerRecall::best_head, "#16a34a");
  svg += words_at(kLeft, kHeight - 8, "start", "recall, all heads summed", "#2563eb");
  svg += words_at(kLeft + 180, kHeight - 8, "start", "the best head", "#16a34a");
  svg += words_at(kWidth - kRight, kHeight - 8, "end", "layer");
  return svg + "</svg>\n";
}

}  // namespace gemring
