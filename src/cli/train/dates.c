/* SPDX-License-Identifier: Apache-2.0
 *
 * Dates and times of ISO 8601: 2024-02-29, then T or a blank and 13:45, 13:45:07 or 13:45:07.25, then nothing, Z, or
 * the distance from universal time, +01:00.
 */
#include <string.h>

#include "text.h"

/* Days from 1970-01-01 on, in the Gregorian calendar at all times. Years begin in March here, so that the day that leap
 * years have is the last one. */
static double days(int year, int month, int day)
{
    const int y = month > 2 ? year : year - 1, m = month > 2 ? month - 3 : month + 9;
    return 365.0 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 719469;
}

static int is_day(int year, int month, int day)
{
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const int leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return month >= 1 && month <= 12 && day >= 1 && day <= lengths[month - 1] + (month == 2 && leap);
}

/* n digits, and `*s` behind them; -1 when there are other characters. */
static int digits(const char **s, int n)
{
    int x = 0;
    for (int i = 0; i < n; i++, (*s)++) {
        if (**s < '0' || **s > '9') return -1;
        x = 10 * x + (**s - '0');
    }
    return x;
}

static int skip(const char **s, char c) { return **s == c ? (*s)++, 1 : 0; }

/* hh:mm in seconds, -1 when it is none. */
static int clock_time(const char **s)
{
    const int hour = digits(s, 2), minute = hour >= 0 && skip(s, ':') ? digits(s, 2) : -1;
    return hour <= 23 && minute >= 0 && minute <= 59 ? 3600 * hour + 60 * minute : -1;
}

/* Seconds of a day, with what is behind the minutes. */
static int read_clock(const char **s, double *seconds)
{
    const int minutes = clock_time(s);
    if (minutes < 0) return 0;
    *seconds = minutes;
    if (!skip(s, ':')) return 1;
    const int second = digits(s, 2);
    if (second < 0 || second > 60) return 0;
    *seconds += second;
    if (**s != '.') return 1;
    char fraction[24] = "0";
    const size_t n = strspn(*s + 1, "0123456789");
    double rest = 0;
    if (n == 0 || n > 20) return 0;
    memcpy(fraction + 1, *s, n + 1);
    *s += n + 1;
    if (text_number(fraction, '.', &rest)) return 0;
    *seconds += rest;
    return 1;
}

const char *text_date(const char *text, double *seconds)
{
    static const char wrong[] = "is neither a number nor a date such as 2024-02-29 or 2024-02-29T13:45:07Z";
    const char *s = text;
    double clock = 0;
    const int year = digits(&s, 4), month = year >= 0 && skip(&s, '-') ? digits(&s, 2) : -1,
              day = month >= 0 && skip(&s, '-') ? digits(&s, 2) : -1;
    if (day < 0) return wrong;
    if (!is_day(year, month, day)) return "is no day of the calendar";
    if (*s == 'T' || *s == ' ') {
        s++;
        if (!read_clock(&s, &clock)) return wrong;
        const int sign = *s == '+' ? 1 : *s == '-' ? -1 : 0;
        if (sign) {
            s++;
            const int away = clock_time(&s);
            if (away < 0) return wrong;
            clock -= sign * away;
        } else
            skip(&s, 'Z');
    }
    *seconds = days(year, month, day) * 86400 + clock;
    return *s ? wrong : NULL;
}
