/*
 * Signals: noted, and made readable for the main loop.
 *
 * SIGINT and SIGTERM end the trace in order (end, maps); a second one ends the process.  SIGUSR1
 * runs the self:signal probes.
 */
#pragma once

#include <stdbool.h>

#include "util/err.h"

int signals_catch(struct err *err) __attribute__((warn_unused_result));
/* Readable when a signal came since the last signals_clear(). */
int signals_fd(void);
void signals_clear(void);
bool signals_interrupted(void);
/* SIGUSR1 came since the last call. */
bool signals_take_user(void);
/* Treat the trace as interrupted: a deadline. */
void signals_interrupt(void);
