#include "engine/text/chat/chat_date.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>

#include "engine/base/error.h"

namespace gemring {
namespace {

constexpr std::array<std::string_view, 12> kMonths = {"January",   "February", "March",    "April",
                                                      "May",       "June",     "July",     "August",
                                                      "September", "October",  "November", "December"};

std::string_view month_name(const CalendarDate& date) {
  return kMonths[static_cast<std::size_t>(date.month - 1)];
}

int days_of(int month, int year) {
  if (month == 2) return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28;
  return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

/// The number that `digits` are; -1 where one is no digit.
int number(std::string_view digits) {
  const auto is_digit = [](char byte) { return byte >= '0' && byte <= '9'; };
  int value = -1;
  if (std::all_of(digits.begin(), digits.end(), is_digit)) std::from_chars(digits.begin(), digits.end(), value);
  return value;
}

}  // namespace

CalendarDate parse_date(std::string_view text, const std::string& where) {
  if (text.size() == 10 && text[4] == '-' && text[7] == '-') {
    const CalendarDate date = {number(text.substr(0, 4)), number(text.substr(5, 2)), number(text.substr(8, 2))};
    const bool has_month = date.year >= 1000 && date.month >= 1 && date.month <= 12;
    if (has_month && date.day >= 1 && date.day <= days_of(date.month, date.year)) return date;
  }
  throw UsageError({where, fmt::format("'{}' is no date", text), "write YYYY-MM-DD, for example 2024-07-26"});
}

CalendarDate today() {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  localtime_r(&now, &local);
  return {local.tm_year + 1900, local.tm_mon + 1, local.tm_mday};
}

std::string day_short_month_year(const CalendarDate& date) {
  return fmt::format("{:02} {} {}", date.day, month_name(date).substr(0, 3), date.year);
}

std::string day_month_year(const CalendarDate& date) {
  return fmt::format("{:02} {} {}", date.day, month_name(date), date.year);
}

std::string month_day_year(const CalendarDate& date) {
  return fmt::format("{} {:02}, {}", month_name(date), date.day, date.year);
}

}  // namespace gemring
