#include "kube/time.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define NS_PER_S 1000000000LL

/* Exactly @width digits at *p (before @end) as a number; -1 if they aren't there. */
static int64_t digits(const char **p, const char *end, int width)
{
	int64_t value = 0;

	if (end - *p < width)
		return -1;
	for (int i = 0; i < width; i++, (*p)++) {
		if (**p < '0' || **p > '9')
			return -1;
		value = value * 10 + (**p - '0');
	}
	return value;
}

static bool literal(const char **p, const char *end, char c)
{
	if (*p == end || **p != c)
		return false;
	(*p)++;
	return true;
}

/* ".123": the fraction in nanoseconds; 0 if there is none. */
static int64_t fraction_ns(const char **p, const char *end)
{
	int64_t value = 0, unit = NS_PER_S / 10;

	if (!literal(p, end, '.'))
		return 0;
	for (; *p < end && **p >= '0' && **p <= '9'; (*p)++, unit /= 10)
		value += (**p - '0') * unit;
	return value;
}

/* "Z" or "+02:00": seconds east of UTC; false if there is neither. */
static bool zone_offset(int64_t *seconds, const char **p, const char *end)
{
	int64_t hours, minutes;
	int sign;

	*seconds = 0;
	if (literal(p, end, 'Z'))
		return true;
	if (literal(p, end, '+'))
		sign = 1;
	else if (literal(p, end, '-'))
		sign = -1;
	else
		return false;
	hours = digits(p, end, 2);
	if (hours < 0 || !literal(p, end, ':'))
		return false;
	minutes = digits(p, end, 2);
	*seconds = sign * (hours * 3600 + minutes * 60);
	return minutes >= 0;
}

size_t time_parse_rfc3339(int64_t *ns, const char *s, size_t len)
{
	const char *p = s, *end = s + len;
	int64_t field[6], fraction, offset;
	struct tm tm = { 0 };

	for (int i = 0; i < 6; i++) {
		field[i] = digits(&p, end, i == 0 ? 4 : 2);
		if (field[i] < 0 || (i < 5 && !literal(&p, end, "--T::"[i])))
			return 0;
	}
	fraction = fraction_ns(&p, end);
	if (!zone_offset(&offset, &p, end))
		return 0;
	tm.tm_year = (int)field[0] - 1900;
	tm.tm_mon = (int)field[1] - 1;
	tm.tm_mday = (int)field[2];
	tm.tm_hour = (int)field[3];
	tm.tm_min = (int)field[4];
	tm.tm_sec = (int)field[5];
	/* 64 bits of nanoseconds reach from 1677 to 2262: what is outside is far enough away. */
	if (__builtin_mul_overflow((int64_t)timegm(&tm) - offset, NS_PER_S, ns) ||
	    __builtin_add_overflow(*ns, fraction, ns))
		*ns = field[0] < 1970 ? INT64_MIN : INT64_MAX;
	return (size_t)(p - s);
}

void time_format_rfc3339(char out[32], time_t t)
{
	struct tm tm;

	out[0] = '\0';
	if (gmtime_r(&t, &tm))
		(void)strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

/* The unit at *p in milliseconds; a number without one is in seconds. */
static int64_t unit_ms(const char **p)
{
	static const struct {
		const char *name;
		int64_t ms;
	} units[] = { { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 } };

	if (**p == '\0')
		return 1000;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		size_t n = strlen(units[i].name);

		if (strncmp(*p, units[i].name, n) == 0) {
			*p += n;
			return units[i].ms;
		}
	}
	return 0;
}

int time_parse_duration_ms(int64_t *ms, const char *s)
{
	const char *p = s;
	int64_t total = 0;

	if (!*p)
		return -EINVAL;
	while (*p) {
		int64_t value = 0, unit;

		if (*p < '0' || *p > '9')
			return -EINVAL;
		for (; *p >= '0' && *p <= '9'; p++) {
			value = value * 10 + (*p - '0');
			if (value > 1000000000)
				return -EINVAL;
		}
		unit = unit_ms(&p);
		if (!unit)
			return -EINVAL;
		total += value * unit;
	}
	*ms = total;
	return 0;
}

void time_format_age(struct buf *out, int64_t s)
{
	int64_t minutes = s / 60, hours = s / 3600, days = s / 86400;

	if (s < 0)
		s = 0;
	/* The steps of k8s.io/apimachinery/pkg/util/duration.HumanDuration. */
	if (s < 120)
		buf_printf(out, "%llds", (long long)s);
	else if (minutes < 10 && s % 60)
		buf_printf(out, "%lldm%llds", (long long)minutes, (long long)(s % 60));
	else if (minutes < 180)
		buf_printf(out, "%lldm", (long long)minutes);
	else if (hours < 8 && minutes % 60)
		buf_printf(out, "%lldh%lldm", (long long)hours, (long long)(minutes % 60));
	else if (hours < 48)
		buf_printf(out, "%lldh", (long long)hours);
	else if (days < 8 && hours % 24)
		buf_printf(out, "%lldd%lldh", (long long)days, (long long)(hours % 24));
	else
		buf_printf(out, "%lldd", (long long)days);
}

int64_t time_monotonic_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}
