#include "record/error.h"

#include <errno.h>
#include <string.h>

/* Failures that say more than their errno.  retcode 0: whatever it is. */
static const struct {
	const char *helper;
	int retcode;
	const char *text;
} known_failures[] = {
	{ "map_update_elem", -E2BIG,
	  "Map full; can't update element. Try increasing max_map_keys config or manually setting "
	  "the max entries in a map declaration e.g. `let @a = hash(5000)`" },
	{ "map_delete_elem", -ENOENT, "Can't delete map element because it does not exist." },
	{ "map_lookup_elem", 0, "Can't lookup map element because it does not exist." },
};

const char *error_errno_text(const struct record_error *error)
{
	int64_t code = error->retcode < 0 ? -error->retcode : error->retcode;
	const char *text = code <= 4095 ? strerrordesc_np((int)code) : NULL;

	return text ? text : "Unknown error";
}

const char *error_text(const struct record_error *error)
{
	if (error->message)
		return error->message;
	for (size_t i = 0; error->helper && i < sizeof(known_failures) / sizeof(known_failures[0]);
	     i++) {
		if (strcmp(known_failures[i].helper, error->helper) == 0 &&
		    (known_failures[i].retcode == 0 || known_failures[i].retcode == error->retcode))
			return known_failures[i].text;
	}
	return error_errno_text(error);
}
