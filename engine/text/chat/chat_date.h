// The date that chat templates write into a prompt.
#pragma once

#include <string>
#include <string_view>

namespace gemring {

struct CalendarDate {
  int year, month, day;  // month and day count from 1
  bool operator==(const CalendarDate&) const = default;
};

/// "2024-07-26". Throws UsageError where `text` is no date of the years 1000 to 9999; `where`: the option, for the
/// error.
CalendarDate parse_date(std::string_view text, const std::string& where);

/// By the clock and the time zone of this machine.
CalendarDate today();

/// English, whatever the locale: strftime's "%d %b %Y" ("26 Jul 2024"), "%d %B %Y" ("26 July 2024") and "%B %d, %Y"
/// ("July 26, 2024").
std::string day_short_month_year(const CalendarDate& date);
std::string day_month_year(const CalendarDate& date);
std::string month_day_year(const CalendarDate& date);

}  // namespace gemring
