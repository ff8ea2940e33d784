/*
 * Errors at run time in words.
 */
#pragma once

#include "record/sink.h"

/* What went wrong, as a person reads it: by message, helper or errno. */
const char *error_text(const struct record_error *error);
/* The words for @retcode (-errno) alone. */
const char *error_errno_text(const struct record_error *error);
